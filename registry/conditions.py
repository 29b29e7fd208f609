"""What a request waits for: rules, time, checks. Decisions are refused by it, pages and own REST show it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounts.actors import Actor, groups_of
from accounts.models import User
from core import clock
from registry import delegations, subjects
from registry.models import ApprovalRequest, Check, Decision
from registry.models.approvals import RequestState
from registry.policies import quorum
from registry.policies.documents import Rule

Status = Check.Status


@dataclass(frozen=True)
class Condition:
    """Something the policy asks for beside checks: how it stands, in a word, by whom, and the rest in a sentence."""

    name: str
    status: Status
    stands: str
    people: tuple[str, ...] = ()
    why: str = ""


def conditions_of(request: ApprovalRequest) -> list[Condition]:
    """Return the request's rules as they stand, and while it can be used its wait and freeze."""
    unmet = Status.PENDING if request.state == RequestState.OPEN else Status.FAILED
    rules = [
        Condition(
            name=f"{one.rule.count} from {one.rule.group}",
            status=unmet if one.missing else Status.PASSED,
            stands=", ".join(one.people) or "nobody yet",
            people=one.people,
            why=f"{one.missing} missing" if one.missing else "",
        )
        for one in standings(request)
    ]
    usable = request.state in {RequestState.OPEN, RequestState.APPROVED}
    return rules + (list(_times(request)) if usable else [])


def _times(request: ApprovalRequest) -> Iterator[Condition]:
    terms, moment = subjects.terms_of(request), clock.now()
    if terms.wait:
        words = terms.wait_words(request.created_at, moment)
        yield Condition("Time to look", *((Status.PENDING, "runs") if words else (Status.PASSED, "over")), why=words)
    if words := terms.freeze_words(moment):
        yield Condition("No freeze", Status.PENDING, "frozen", why=words)


def obstacles(request: ApprovalRequest, checks: Sequence[Check], *, actor: Actor) -> list[str]:
    """Return why `actor` cannot approve the request now, in sentences; `checks` as they stand now."""
    sentences, words = hindrances(request, checks), _unasked(request, actor)
    return [*sentences, words] if words else sentences


def hindrances(request: ApprovalRequest, checks: Sequence[Check]) -> list[str]:
    """Return why nobody can approve the request now, in sentences."""
    open_checks = [check for check in checks if check.required and check.status in {Status.FAILED, Status.PENDING}]
    sentences = [
        f"'{check.name}' {'failed' if check.status == Status.FAILED else 'is pending'}: it must pass first."
        for check in open_checks
    ]
    return sentences + [one.why for one in _times(request) if one.status == Status.PENDING]


def missing(request: ApprovalRequest) -> list[str]:
    """Return whose approvals the request lacks, in sentences."""
    return [f"It waits for {rule}." for rule in quorum.missing(_rules(request), approvals_of(request))]


def standings(request: ApprovalRequest) -> list[quorum.Standing]:
    """Return who counts for which rule of the request."""
    return quorum.standings(_rules(request), approvals_of(request))


@dataclass(frozen=True)
class Voice:
    """The roles and teams that an approval counts for, and in whose place it is given where her own would not do."""

    groups: list[str]
    for_person: User | None = None


def voice_of(request: ApprovalRequest, actor: Actor) -> Voice:
    """Return what the actor's approval of the request counts for: her own place, else that of somebody absent."""
    rules, given, own = _rules(request), approvals_of(request), sorted(actor.groups)
    if not quorum.would_count(rules, given, own):
        for absent in delegations.absent_for(request, actor):
            both = sorted({*own, *groups_of(absent)})
            if quorum.would_count(rules, given, both):
                return Voice(both, absent)
    return Voice(own)


def _unasked(request: ApprovalRequest, actor: Actor) -> str:
    """Return why an approval of the actor's would count for nothing, or an empty string."""
    rules, given = _rules(request), approvals_of(request)
    if quorum.would_count(rules, given, voice_of(request, actor).groups):
        return ""
    left = quorum.missing(rules, given)
    return f"Your approval would not count: it waits for {' and '.join(map(str, left))}." if left else ""


def _rules(request: ApprovalRequest) -> list[Rule]:
    return [Rule(row.group, row.count) for row in request.rules.all()]


def approvals_of(request: ApprovalRequest) -> dict[str, list[str]]:
    """Return who approved, oldest first, with the groups she was in then."""
    return {d.person.username: d.groups for d in request.decisions.all() if d.verdict == Decision.Verdict.APPROVE}

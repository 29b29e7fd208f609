"""What a request waits for: rules, time, checks. Decisions are refused by it, pages and own REST show it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounts.actors import Actor, groups_of
from accounts.models import User
from core import clock
from registry import delegations, subjects
from registry.models import ApprovalRequest, Check, Decision
from registry.models.approvals import ALL, RequestState
from registry.models.glass import broken_for
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
    return rules + (list(_reach(request)) if request.is_limited else []) + (list(_times(request)) if usable else [])


def _reach(request: ApprovalRequest) -> Iterator[Condition]:
    """Yield how far the approvals of a request reach, and what the next share waits for."""
    further = next((share for share in subjects.shares_of(request) if share > request.ceiling_pct), ALL)
    words = " ".join(missing(request, further)).removeprefix("It ")
    yield Condition("All requests", Status.PENDING, f"up to {request.ceiling_pct} %", why=f"{further} % {words}")


def _times(request: ApprovalRequest) -> Iterator[Condition]:
    terms, moment = subjects.terms_of(request), clock.now()
    if terms.wait:
        words = terms.wait_words(request.created_at, moment)
        yield Condition("Time to look", *((Status.PENDING, "runs") if words else (Status.PASSED, "over")), why=words)
    if words := terms.freeze_words(moment):
        yield Condition("No freeze", Status.PENDING, "frozen", why=words)


def obstacles(request: ApprovalRequest, checks: Sequence[Check], *, actor: Actor, up_to_pct: int = ALL) -> list[str]:
    """Return why `actor` cannot approve the request now, in sentences; `checks` as they stand now."""
    sentences, words = hindrances(request, checks), _unasked(request, actor, up_to_pct)
    return [*sentences, words] if words else sentences


def hindrances(request: ApprovalRequest, checks: Sequence[Check]) -> list[str]:
    """Return why nobody can approve the request now, in sentences."""
    open_checks = [check for check in checks if check.required and check.status in {Status.FAILED, Status.PENDING}]
    sentences = [
        f"'{check.name}' {'failed' if check.status == Status.FAILED else 'is pending'}: it must pass first."
        for check in open_checks
    ]
    return sentences + [one.why for one in _times(request) if one.status == Status.PENDING]


def missing(request: ApprovalRequest, share_pct: int = ALL) -> list[str]:
    """Return whose approvals the request lacks for a share of the requests, in sentences."""
    left = quorum.missing(rules_up_to(request, share_pct), approvals_of(request, share_pct))
    return [f"It waits for {rule}." for rule in left]


def standings(request: ApprovalRequest) -> list[quorum.Standing]:
    """Return who counts for which rule of the request: of those who approve it whole."""
    return quorum.standings(rules_up_to(request), approvals_of(request))


def ceiling_of(request: ApprovalRequest) -> int:
    """Return up to which of its shares the request has the approvals it needs, in percent; 0 where for none.

    Each share is held to the policies for it and those below, and counts whoever approved at least so far.
    """
    if broken_for(request):
        return ALL
    reached = 0
    for share in subjects.shares_of(request):
        if quorum.missing(rules_up_to(request, share), approvals_of(request, share)):
            break
        reached = share
    return reached


@dataclass(frozen=True)
class Voice:
    """The roles and teams that an approval counts for, and in whose place it is given where her own would not do."""

    groups: list[str]
    for_person: User | None = None


def voice_of(request: ApprovalRequest, actor: Actor, up_to_pct: int = ALL) -> Voice:
    """Return what the actor's approval of the request counts for: her own place, else that of somebody absent."""
    own = sorted(actor.groups)
    if not _would_count(request, actor, up_to_pct, own):
        for absent in delegations.absent_for(request, actor):
            both = sorted({*own, *groups_of(absent)})
            if _would_count(request, actor, up_to_pct, both):
                return Voice(both, absent)
    return Voice(own)


def _would_count(request: ApprovalRequest, actor: Actor, up_to_pct: int, groups: Sequence[str]) -> bool:
    """Whether the actor's approval up to a share would fill a place at any share up to it that she left open."""
    for share in subjects.shares_of(request):
        given = approvals_of(request, share)
        asked = share <= up_to_pct and actor.name not in given
        if asked and quorum.would_count(rules_up_to(request, share), given, groups):
            return True
    return False


def _unasked(request: ApprovalRequest, actor: Actor, up_to_pct: int) -> str:
    """Return why an approval of the actor's would count for nothing, or an empty string."""
    if _would_count(request, actor, up_to_pct, voice_of(request, actor, up_to_pct).groups):
        return ""
    left = quorum.missing(rules_up_to(request), approvals_of(request))
    return f"Your approval would not count: it waits for {' and '.join(map(str, left))}." if left else ""


def rules_up_to(request: ApprovalRequest, share_pct: int = ALL) -> list[Rule]:
    """Return who has to approve the request for its shares up to `share_pct`: what the policies signed for say."""
    return subjects.terms_up_to(request, share_pct).rules


def approvals_of(request: ApprovalRequest, share_pct: int = ALL) -> dict[str, list[str]]:
    """Return who approved at least up to `share_pct`, oldest first, with the groups she was in then."""
    given = (one for one in request.decisions.all() if one.verdict == Decision.Verdict.APPROVE)
    return {one.person.username: one.groups for one in given if one.up_to_pct >= share_pct}

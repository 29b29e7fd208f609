"""What a proposed policy would have changed for the requests that were last asked for. Nothing is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from accounts.actors import Actor
from registry import champions, checks, requests, subjects
from registry.models import ApprovalRequest, Check, Decision, PolicyVersion
from registry.models.approvals import RequestState
from registry.policies import quorum
from registry.policies.book import Governing, in_force, with_instead
from registry.policies.terms import Terms
from registry.policy import terms_by

LAST = 50
GRANTED = frozenset({RequestState.APPROVED, RequestState.EXECUTED})


@dataclass(frozen=True)
class Outcome:
    """What would have been different for one request, in sentences; none where nothing would."""

    request: ApprovalRequest
    sentences: list[str] = field(default_factory=list)


def dry_run(version: PolicyVersion, *, actor: Actor) -> list[Outcome]:
    """Return the last 50 requests that the actor may see, newest first, each with what `version` would have changed."""
    now, then = in_force(), with_instead(version)
    found = ApprovalRequest.objects.visible_to(actor).select_related("model", "version__model", "version__manifest")
    rows = found.prefetch_related("decisions__person").order_by("-pk")[:LAST]
    return [Outcome(row, list(_sentences(row, _terms(now, row), _terms(then, row)))) for row in rows]


def _terms(book: Sequence[Governing], request: ApprovalRequest) -> Terms:
    deployment = subjects.deployment_of(subjects.document(request))
    return terms_by(book, requests.move_of(request), subjects.as_asked(request), deployment)


def _sentences(request: ApprovalRequest, before: Terms, after: Terms) -> Iterator[str]:
    if before == after:
        return
    if before.titles != after.titles:
        yield f"Held to {after.titles} instead of {before.titles}."
    if before.rules != after.rules:
        yield f"{_listed(after)} to approve instead of {_listed(before)}."
    yield from _checked(request, before, after)
    if request.state in GRANTED:
        yield from _granted(request, after)


def _listed(terms: Terms) -> str:
    return " and ".join(map(str, terms.rules)) or "Nobody"


def _checked(request: ApprovalRequest, before: Terms, after: Terms) -> Iterator[str]:
    champion = champions.champion_of(request.version)
    for spec in after.checks:
        if spec not in before.checks:
            check = checks.asked_by(spec, request.version, champion)
            if check.status != Check.Status.PASSED:
                yield f"'{check.name}' {'fails' if check.status == Check.Status.FAILED else 'is pending'} today."


def _granted(request: ApprovalRequest, after: Terms) -> Iterator[str]:
    """Yield what would have stood in the way of an approval that was given."""
    given = [d for d in request.decisions.all() if d.verdict == Decision.Verdict.APPROVE]
    left = quorum.missing(after.rules, {d.person.username: d.groups for d in given})
    if left:
        yield f"It was approved; {' and '.join(map(str, left))} would have been missing."
    for decision in given:
        words = after.freeze_words(decision.at) or after.wait_words(request.created_at, decision.at)
        if words:
            yield f"{decision.person.username} could not have approved when she did. {words}"

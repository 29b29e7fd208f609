"""Approval requests: opened by whoever wants a move, discussed, withdrawn, superseded, used once."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.actors import SYSTEM, Actor
from accounts.permissions import Permission
from accounts.policy import denied
from audit.record import Change, Subject, record
from audit.replay.attest import alerting
from core import canonical, clock, rows
from core.refusals import Conflict, Denied, Invalid, NotFound
from core.words import written
from registry import access, aliases, attested, checks, doubts, subjects
from registry.contributors import are_any
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel, RequestRule
from registry.models.approvals import MOVES, RequestState
from registry.models.versions import copied
from registry.policies.terms import Terms
from registry.policy import AliasMove, Move, move_from, permission_for, requirement
from registry.replayed.requests import MOMENT, check_said
from registry.staleness import Stale, stale

COMMENT_MAX = 10_000
TOLD_ELSEWHERE = frozenset({RequestState.APPROVED, RequestState.REJECTED, RequestState.CHANGES_REQUESTED})
DOUBLE_CLICK = timedelta(seconds=30)


@dataclass(frozen=True)
class ApprovalRequired:
    """Why a move did not happen: it waits for `request`. Returned, not raised, so that the request is committed."""

    request: ApprovalRequest
    opened: bool


def request_subject(request: ApprovalRequest) -> Subject:
    """Return `request` as the ledger names it."""
    label = f"request #{request.pk}: {request.version} {move_of(request).label}"
    return Subject("approval_request", str(request.pk), label, request.model.uuid)


def move_of(request: ApprovalRequest) -> Move:
    """Return the move the request asks for."""
    return move_from(subjects.document(request)["move"])  # type: ignore[arg-type]


def find_request(number: int, *, actor: Actor) -> ApprovalRequest:
    """Return the request; raise NotFound where there is none or its model may not be seen."""
    found = ApprovalRequest.objects.visible_to(actor).select_related(
        "model__owner", "version__manifest", "version__registered_by", "requester", "glass__person",
        "glass__reviewed_by", "version__card",
    )  # fmt: skip
    looked = {"copied": copied(), "written_into": are_any("version__")}
    request = found.annotate(doubted=doubts.whether_request(), **looked).filter(pk=number).first()
    if request is None:
        raise NotFound(f"There is no approval request #{number}.")
    version: Any = request.version
    version.model = request.model
    for name in looked:
        setattr(version, name, getattr(request, name))
    return request


def advance(request: ApprovalRequest, to: RequestState, *, actor: Actor, change: Change | None = None) -> None:
    """Move the request along `MOVES`, under the model's lock, with its event. Raises Conflict where it has none."""
    if to not in MOVES.get(request.state, frozenset()):
        raise Conflict(
            f"Request #{request.pk} is {request.get_state_display().lower()}; it cannot become {to.label.lower()}."
        )
    told = change or Change()
    before, request.state = request.state, to
    request.ended_at = None if to is RequestState.APPROVED else clock.now()
    request.ended_why = told.comment
    request.executed_by = actor.user if to is RequestState.EXECUTED else None
    request.save(update_fields=["state", "ended_at", "ended_why", "executed_by"])
    if to in TOLD_ELSEWHERE:
        return  # the event of the decision, or of the broken glass, tells of it
    facts = {"subject": request.subject_digest, **told.facts}
    told = Change({"state": before, **told.before}, {"state": to, **told.after}, told.comment, facts)
    record(f"request.{to}", request_subject(request), actor=actor, change=told)


def open_request(
    version: ModelVersion, move: Move, *, reason: str, actor: Actor, deployment: subjects.Deployment | None = None
) -> ApprovalRequired:
    """Return the usable request for `move`, opened now where there is none. Takes the model's lock.

    Raises Denied for someone who may not ask, Conflict for a version whose bytes Signoff does not hold and for a
    move that needs no approval, Differs where what would be measured, or by what policy, is not what the ledger says.
    """
    about = access.version_subject(version)
    if not actor.holds(Permission.REQUEST_OPEN):
        raise denied(actor, Permission.REQUEST_OPEN, f"ask for approval of {version}", about=about)
    if len(reason) > COMMENT_MAX:
        raise Invalid(f"The reason is over {COMMENT_MAX} characters.", field="reason")
    with alerting(), transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        attested.require_ground(row, f"ask for approval of {row}")
        if isinstance(move, AliasMove):
            aliases.refuse_look_alike(row.model, move.alias)
        need = requirement(move, row.model, deployment)
        if not need.approvals:
            raise Conflict(f"{row} can {move.goal} without an approval.", next_step="Make the move itself.")
        if found := usable(row, move, deployment):
            _refuse_another_plan(found.request, deployment)
            return found
        return _open(row, move, reason, actor, deployment, need.terms)


def _refuse_another_plan(request: ApprovalRequest, deployment: subjects.Deployment | None) -> None:
    """Raise Conflict where `request` asks for the same endpoint by another plan than was asked for now."""
    there = subjects.deployment_of(subjects.document(request))
    if deployment and there != deployment:
        raise Conflict(
            f"Request #{request.pk} asks for {deployment['endpoint']} with another plan and is "
            f"{request.get_state_display().lower()}.",
            next_step=f"Withdraw #{request.pk} first, or ask for the plan that stands there.",
        )


def usable(version: ModelVersion, move: Move, deployment: subjects.Deployment | None = None) -> ApprovalRequired | None:
    """Return the open or approved request for `move` whose subject still holds; a stale or expired one ends here.

    A request that carries a deployment beside the move covers the move too.
    """
    wanted = Q(move_key=subjects.key_of(move, deployment))
    if deployment is None:
        wanted |= Q(move_key__startswith=f"{move.key}+")
    found = ApprovalRequest.objects.select_related("requester", "model", "version__manifest").filter(
        wanted, version=version
    )
    for request in found.filter(state__in=[RequestState.OPEN, RequestState.APPROVED]).order_by("state"):
        request.version, request.model = version, version.model
        if settle(request) is None:
            return ApprovalRequired(request, opened=False)
    return None


def settle(request: ApprovalRequest) -> Stale | None:
    """End the request where time or the registry moved past it and return why, or None where it needs no ending.

    Runs under the model's lock.
    """
    past = stale(request)
    if past:
        facts: dict[str, object] = {}
        if past.changed:
            facts = {"changed": [vars(part) for part in past.changed], "subject_now": past.subject_now}
        advance(request, past.state, actor=SYSTEM, change=Change(comment=past.why, facts=facts))
    return past


def end_stale(model: RegisteredModel) -> int:
    """End the model's requests that its last change left behind, under its lock; return how many.

    Whatever changes what a subject says calls this before it commits, so that nobody is asked about what is past.
    """
    if rows.find(ApprovalRequest, "model_id = %s AND state IN ('open', 'approved')", [model.pk]) is None:
        return 0
    ended = 0
    for request in _with_people(ApprovalRequest.objects.filter(model=model, state__in=MOVES)):
        request.model = request.version.model = model
        ended += settle(request) is not None
    return ended


def _open(
    version: ModelVersion,
    move: Move,
    reason: str,
    actor: Actor,
    deployment: subjects.Deployment | None,
    terms: Terms,
) -> ApprovalRequired:
    if not version.verified:
        raise Conflict(
            f"{version} is unverified: Signoff does not hold its files, so nobody can sign for them.",
            next_step="Log the model to this server and register it again.",
        )
    if deployment and not version.environment.get("lock"):
        raise Conflict(
            f"The environment of {version} is not locked yet, so nobody can sign for what would be installed.",
            next_step="It is locked a little after registration; the version's page shows it.",
        )
    if actor.user is None:
        raise Denied("Only a person can ask for an approval.")
    moment = clock.now()
    expires = moment + (terms.expires or timedelta(days=settings.REQUEST_TTL_DAYS))
    subject = subjects.build(version, move, subjects.Asked(actor.user, clock.iso(expires)), deployment)
    request = ApprovalRequest.objects.create(
        model=version.model, version=version, move_key=subjects.key_of(move, deployment),
        subject=canonical.dump(subject), subject_digest=canonical.digest(subject), requester=actor.user,
        reason=written(reason), approvals_needed=terms.approvals, created_at=moment, expires_at=expires,
        due_at=moment + terms.due if terms.due else None,
    )  # fmt: skip
    RequestRule.objects.bulk_create(RequestRule(request=request, **vars(rule)) for rule in terms.rules)
    found = checks.evaluate(version, terms.checks)
    for check in found:
        check.request = request
        check.save()
    facts: dict[str, object] = {
        "subject": request.subject_digest,
        "checks": [check_said(check) for check in found],
        "rules": [[rule.group, rule.count] for rule in terms.rules],
        "policy": terms.named,
        MOMENT: clock.iso(moment),
    }
    record(
        "request.opened",
        request_subject(request),
        actor=actor,
        change=Change(after={"move": move.document}, comment=request.reason, facts=facts),
    )
    return ApprovalRequired(request, opened=True)


def deployment_asked(request: ApprovalRequest) -> subjects.Deployment | None:
    """Return the endpoint and plan that the request's subject carries, or None for a stage alone."""
    return subjects.deployment_of(subjects.document(request))


def covers_deployment(request: ApprovalRequest, *, endpoint: str, plan: dict[str, object], digest: str) -> bool:
    """Whether the request's subject is this deployment: the same files, endpoint and plan, and the version's lock.

    It is held to the policies in force now: what was signed under others is asked for again.
    """
    said = subjects.document(request)
    deployment = subjects.deployment_of(said)
    if deployment is None or subjects.lock_of(said) != request.version.environment.get("lock"):
        return False
    if requirement(move_of(request), request.version.model, deployment).said != said["policy"]:
        return False
    return (deployment["endpoint"], deployment["plan"], said["manifest"]) == (endpoint, plan, digest)


def supersede_deployments(version: ModelVersion, endpoint: str, *, comment: str, actor: Actor) -> None:
    """End what was asked or approved for the version at the endpoint and not used, under the model's lock."""
    for request in ApprovalRequest.objects.filter(version=version, move_key__endswith=f"+{endpoint}"):
        supersede(request, comment=comment, actor=actor)


def supersede(request: ApprovalRequest, *, comment: str, actor: Actor) -> None:
    """End a request that is open or approved and not used, under the model's lock; an ended one stays as it is."""
    if request.state in {RequestState.OPEN, RequestState.APPROVED}:
        advance(request, RequestState.SUPERSEDED, actor=actor, change=Change(comment=comment))


def withdraw(request: ApprovalRequest, *, comment: str, actor: Actor) -> None:
    """End an unused request. Its requester may, and whoever could make the move. Doing it again changes nothing."""
    if request.requester_id != (actor.user.pk if actor.user else None):
        access.require(
            actor,
            permission_for(move_of(request), request.model),
            request.model,
            f"withdraw request #{request.pk}",
            about=request_subject(request),
        )
    with transaction.atomic():
        row = locked(request)
        if row.state != RequestState.WITHDRAWN:
            advance(row, RequestState.WITHDRAWN, actor=actor, change=Change(comment=comment))


def locked(request: ApprovalRequest) -> ApprovalRequest:
    """Return the request read again under its model's lock."""
    model = access.locked(request.model)
    row = _with_people(ApprovalRequest.objects.all()).get(pk=request.pk)
    row.model = row.version.model = model
    return row


def _with_people(found: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    return found.select_related("requester", "version__manifest", "version__registered_by", "version__run_author")


def expire_due() -> int:
    """End requests whose time is over; return how many. What the tick calls."""
    ended = 0
    due = ApprovalRequest.objects.filter(
        state__in=[RequestState.OPEN, RequestState.APPROVED], expires_at__lte=clock.now()
    )
    for request in due.select_related("model")[:200]:
        with transaction.atomic():
            try:
                row = locked(request)
            except NotFound:
                continue
            ended += settle(row) is not None
    return ended


def end_overlooked() -> int:
    """End stale requests that no change ended: those of a setting, or of an earlier release. Return how many."""
    ended = 0
    waiting = RegisteredModel.objects.filter(pk__in=ApprovalRequest.objects.pending().values("model"))
    for model in waiting.order_by("pk"):  # always in this order: two that do it at once lock no model crosswise
        with transaction.atomic(), suppress(NotFound):
            ended += end_stale(access.locked(model))
    return ended

"""Approval requests: opened by whoever wants a move, discussed, withdrawn, superseded, used once."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.actors import SYSTEM, Actor
from accounts.permissions import Permission
from accounts.policy import denied
from audit.record import Change, Subject, record
from core import canonical, clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from registry import access, checks, subjects
from registry.models import ApprovalRequest, Comment, CommentRevision, ModelVersion
from registry.models.approvals import MOVES, RequestState
from registry.policy import Move, move_from, requirement

COMMENT_MAX = 10_000
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
    rows = ApprovalRequest.objects.visible_to(actor).select_related(
        "model__owner", "version__manifest", "version__registered_by", "requester"
    )
    request = rows.filter(pk=number).first()
    if request is None:
        raise NotFound(f"There is no approval request #{number}.")
    request.version.model = request.model
    return request


def advance(request: ApprovalRequest, to: RequestState, *, actor: Actor, change: Change | None = None) -> None:
    """Move the request along `MOVES`, under the model's lock, with its event. Raises Conflict where it has none."""
    if to not in MOVES.get(request.state, frozenset()):
        raise Conflict(
            f"Request #{request.pk} is {request.get_state_display().lower()}; it cannot become {to.label.lower()}."
        )
    before, request.state = request.state, to
    request.ended_at = None if to is RequestState.APPROVED else clock.now()
    request.executed_by = actor.user if to is RequestState.EXECUTED else None
    request.save(update_fields=["state", "ended_at", "executed_by"])
    if to is RequestState.APPROVED or to is RequestState.REJECTED:
        return  # the decision's own event tells of it
    told = change or Change()
    facts = {"subject": request.subject_digest, **told.facts}
    told = Change({"state": before, **told.before}, {"state": to, **told.after}, told.comment, facts)
    record(f"request.{to}", request_subject(request), actor=actor, change=told)


def open_request(
    version: ModelVersion, move: Move, *, reason: str, actor: Actor, deployment: subjects.Deployment | None = None
) -> ApprovalRequired:
    """Return the usable request for `move`, opened now where there is none. Takes the model's lock.

    Raises Denied for someone who may not ask, Conflict for a version whose bytes Signoff does not hold and for a
    move that needs no approval.
    """
    about = access.version_subject(version)
    if not actor.holds(Permission.REQUEST_OPEN):
        raise denied(actor, Permission.REQUEST_OPEN, f"ask for approval of {version}", about=about)
    if len(reason) > COMMENT_MAX:
        raise Invalid(f"The reason is over {COMMENT_MAX} characters.", field="reason")
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        if not requirement(move).approvals:
            raise Conflict(f"{row} can go {move.label} without an approval.", next_step="Make the move itself.")
        return usable(row, move, deployment) or _open(row, move, reason, actor, deployment)


def key_of(move: Move, deployment: subjects.Deployment | None) -> str:
    """Name what is asked within its version: the move, and the endpoint it is deployed to."""
    return f"{move.key}+{deployment['endpoint']}" if deployment else move.key


def usable(version: ModelVersion, move: Move, deployment: subjects.Deployment | None = None) -> ApprovalRequired | None:
    """Return the open or approved request for `move` whose subject still holds; a stale or expired one ends here.

    A request that carries a deployment beside the move covers the move too.
    """
    wanted = Q(move_key=key_of(move, deployment))
    if deployment is None:
        wanted |= Q(move_key__startswith=f"{move.key}+")
    rows = ApprovalRequest.objects.select_related("requester", "model", "version__manifest").filter(
        wanted, version=version
    )
    for request in rows.filter(state__in=[RequestState.OPEN, RequestState.APPROVED]).order_by("state"):
        request.version, request.model = version, version.model
        if settle(request) is None:
            return ApprovalRequired(request, opened=False)
    return None


def settle(request: ApprovalRequest) -> list[subjects.Changed] | None:
    """End the request where time or the registry moved past it; return what changed, or None where it still holds.

    An expired request returns an empty list. Runs under the model's lock.
    """
    if request.expires_at <= clock.now():
        advance(request, RequestState.EXPIRED, actor=SYSTEM)
        return []
    asked, now = subjects.document(request), subjects.current(request, move_of(request))
    if canonical.digest(now) == request.subject_digest:
        return None
    changed = subjects.difference(asked, now)
    facts: dict[str, object] = {"changed": [vars(part) for part in changed], "subject_now": canonical.digest(now)}
    advance(request, RequestState.SUPERSEDED, actor=SYSTEM, change=Change(facts=facts))
    return changed


def _open(
    version: ModelVersion, move: Move, reason: str, actor: Actor, deployment: subjects.Deployment | None
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
    expires = clock.now() + timedelta(days=settings.REQUEST_TTL_DAYS)
    subject = subjects.build(version, move, subjects.Asked(actor.user, clock.iso(expires)), deployment)
    request = ApprovalRequest.objects.create(
        model=version.model, version=version, move_key=key_of(move, deployment), subject=canonical.dump(subject),
        subject_digest=canonical.digest(subject), requester=actor.user, reason=reason.strip(),
        approvals_needed=requirement(move).approvals, expires_at=expires,
    )  # fmt: skip
    found = checks.evaluate(version)
    for check in found:
        check.request = request
        check.save()
    facts: dict[str, object] = {
        "subject": request.subject_digest,
        "checks": [{"name": c.name, "status": c.status, "measured": c.measured} for c in found],
        **requirement(move).facts,
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
    """Whether the request's subject is this deployment: the same files, endpoint and plan."""
    said = subjects.document(request)
    deployment = subjects.deployment_of(said)
    return deployment is not None and (deployment["endpoint"], deployment["plan"], said["manifest"]) == (
        endpoint,
        plan,
        digest,
    )


def supersede_deployments(version: ModelVersion, endpoint: str, *, comment: str, actor: Actor) -> None:
    """End what was asked or approved for the version at the endpoint and not used, under the model's lock."""
    rows = ApprovalRequest.objects.filter(version=version, move_key__endswith=f"+{endpoint}")
    for request in rows:
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
            requirement(move_of(request)).permission,
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
    row = ApprovalRequest.objects.select_related(
        "requester", "version__manifest", "version__registered_by", "version__run_author"
    ).get(pk=request.pk)
    row.model = row.version.model = model
    return row


def add_comment(request: ApprovalRequest, *, body: str, actor: Actor) -> Comment:
    """Add to the discussion; possible in every state, so that a rejection can be answered. A double click adds once."""
    access.require(
        actor,
        Permission.REQUEST_DISCUSS,
        request.model,
        f"comment on request #{request.pk}",
        about=request_subject(request),
    )
    text = _checked(body)
    with transaction.atomic():
        row = locked(request)
        if again := Comment.objects.filter(
            request=row, author=actor.person, body=text, created_at__gt=clock.now() - DOUBLE_CLICK
        ).first():
            return again
        comment = Comment.objects.create(request=row, author=actor.person, body=text)
        record(
            "request.commented",
            request_subject(row),
            actor=actor,
            change=Change(comment=comment.body, after={"comment": comment.pk}),
        )
    return comment


def find_comment(request: ApprovalRequest, number: int) -> Comment:
    """Return a comment of the request; raise NotFound where there is none."""
    comment = Comment.objects.select_related("request__model").filter(request=request, pk=number).first()
    if comment is None:
        raise NotFound(f"Request #{request.pk} has no comment {number}.")
    return comment


def edit_comment(comment: Comment, *, body: str, actor: Actor) -> Comment:
    """Change one's own comment while the request is open; the earlier text is kept."""
    if comment.author_id != (actor.user.pk if actor.user else None) or not actor.holds(Permission.REQUEST_DISCUSS):
        raise Denied("Only its author can edit a comment.", about=request_subject(comment.request))
    with transaction.atomic():
        request = locked(comment.request)
        if request.state != RequestState.OPEN:
            raise Conflict(
                "The request is no longer open, so its discussion stays as it is.", next_step="Add another comment."
            )
        row = Comment.objects.select_for_update().get(pk=comment.pk)
        text = _checked(body)
        if row.body != text:
            CommentRevision.objects.create(comment=row, body=row.body)
            change = Change({"body": row.body}, {"body": text, "comment": row.pk})
            row.body, row.edited_at = text, clock.now()
            row.save(update_fields=["body", "edited_at"])
            record("request.comment.edited", request_subject(request), actor=actor, change=change)
    return row


def _checked(body: str) -> str:
    text = body.strip()
    if not text or len(text) > COMMENT_MAX:
        raise Invalid(f"A comment has 1 to {COMMENT_MAX:,} characters.", field="comment")
    return text


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
            if row.state in MOVES and row.expires_at <= clock.now():
                advance(row, RequestState.EXPIRED, actor=SYSTEM)
                ended += 1
    return ended

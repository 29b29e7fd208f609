"""The one function that moves a version between stages; page, own REST and MLflow's call all enter here."""

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from core import clock
from core.refusals import Invalid
from registry import access, aliases, names, requests
from registry.models import Alias, ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.policy import AliasMove, Move, StageMove, requirement
from registry.requests import ApprovalRequired
from registry.stages import ACTIVE, Stage


@dataclass(frozen=True)
class Transitioned:
    """The move happened (or was there already): the version as it is, and the numbers sent to Archived."""

    version: ModelVersion
    archived: list[int] = field(default_factory=list)


def transition(
    version: ModelVersion, *, to: Stage, actor: Actor, archive_existing: bool = False, comment: str = ""
) -> Transitioned | ApprovalRequired:
    """Move `version` to stage `to` where the policy lets `actor`, else return the request that waits for a decision.

    Safe to repeat: a version that is there already stays, the same refused call returns the same open request, and
    an approval is used once. Raises Invalid where `archive_existing` goes with None or Archived, Denied where no
    approval would help.
    """
    if archive_existing and to not in ACTIVE:
        raise Invalid(
            f"archive_existing_versions is for Staging and Production, not for {to}.", field="archive_existing_versions"
        )
    with transaction.atomic():
        model = access.locked(version.model)
        row = access.reread(version, model)
        move = StageMove(Stage(row.stage), to, archive_existing=archive_existing)
        others = _others(row, move)
        if row.stage == to and not others.exists():
            return Transitioned(row)
        granted = authorise(row, move, actor=actor, reason=comment)
        if isinstance(granted, ApprovalRequired):
            return granted
        return _apply(row, move, others, granted, actor, comment)


def authorise(
    version: ModelVersion, move: Move, *, actor: Actor, reason: str
) -> ApprovalRequest | ApprovalRequired | None:
    """Return the approval that covers `move` and is used up by it, None where none is needed, or what is to wait for.

    Runs under the model's lock, in the transaction that makes the move.
    """
    need = requirement(move)
    about = access.version_subject(version)
    if not need.approvals:
        access.require(actor, need.permission, version.model, f"move {version} {move.label}", about=about)
        return None
    if not actor.holds(need.permission):
        access.require(actor, Permission.REQUEST_OPEN, version.model, f"move {version} {move.label}", about=about)
    waiting = requests.usable(version, move) or requests.open_request(version, move, reason=reason, actor=actor)
    request = waiting.request
    if request.state != RequestState.APPROVED:
        return waiting
    if actor.user != request.requester:
        access.require(actor, need.permission, version.model, f"use the approval of request #{request.pk}", about=about)
    requests.advance(request, RequestState.EXECUTED, actor=actor)
    return request


def approval_facts(move: Move, granted: ApprovalRequest | None) -> dict[str, object]:
    """Return what an event says about its approval: off, not needed, or which request and digest."""
    need = requirement(move)
    if granted:
        return {"approval": granted.pk, "subject": granted.subject_digest, **need.facts}
    return {"approval": "off" if need.policy_id == "approvals-off" else "not needed", **need.facts}


def _others(version: ModelVersion, move: StageMove) -> QuerySet[ModelVersion]:
    rows = ModelVersion.objects.live().filter(model=version.model, stage=move.to_stage).exclude(pk=version.pk)
    return rows if move.archive_existing else rows.none()


def _apply(
    version: ModelVersion,
    move: StageMove,
    others: QuerySet[ModelVersion],
    granted: ApprovalRequest | None,
    actor: Actor,
    comment: str,
) -> Transitioned:
    facts = approval_facts(move, granted)
    archived = []
    for other in others.order_by("version"):
        other.model = version.model
        _set_stage(other, Stage.ARCHIVED, actor, "", {**facts, "displaced_by": version.version})
        archived.append(other.version)
    if version.stage != move.to_stage:
        _set_stage(version, move.to_stage, actor, comment, {**facts, "archived": archived})
    for alias in move.aliases:
        aliases.point(version, alias, actor=actor, facts=facts)
    version.model.updated_at = version.updated_at
    version.model.save(update_fields=["updated_at"])
    return Transitioned(version, archived)


def _set_stage(version: ModelVersion, to: Stage, actor: Actor, comment: str, facts: dict[str, object]) -> None:
    """Assign the stage, in the only place that does, with its event."""
    before, version.stage, version.updated_at = version.stage, to, clock.now()
    version.save(update_fields=["stage", "updated_at"])
    manifest = version.manifest.digest if version.manifest else None
    change = Change({"stage": before}, {"stage": to}, comment, {**facts, "manifest": manifest})
    record("version.stage.changed", access.version_subject(version), actor=actor, change=change)


def set_alias(version: ModelVersion, name: str, *, actor: Actor, comment: str = "") -> Transitioned | ApprovalRequired:
    """Point alias `name` at `version` where the policy lets `actor`, else return the request that waits."""
    names.check_alias(name)
    move = AliasMove(name)
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        if row.aliases.filter(name=name).exists():
            return Transitioned(row)
        granted = authorise(row, move, actor=actor, reason=comment)
        if isinstance(granted, ApprovalRequired):
            return granted
        aliases.point(row, name, actor=actor, facts=approval_facts(move, granted))
    return Transitioned(row)


def delete_alias(model: RegisteredModel, name: str, *, actor: Actor) -> None:
    """Take alias `name` away; an absent one is no error."""
    move = AliasMove(name, gone=True)
    with transaction.atomic():
        row = access.locked(model)
        held = Alias.objects.select_related("version").filter(model=row, name=name).first()
        access.require(actor, requirement(move).permission, row, f"delete the alias {name} of {row.name}")
        if held:
            held.version.model = row
            aliases.remove(held, actor=actor, facts=approval_facts(move, None))

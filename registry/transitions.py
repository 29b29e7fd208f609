"""The one function that moves a version between stages; page, own REST and MLflow's call all enter here."""

from dataclasses import dataclass, field

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from audit.replay.attest import alerting
from audit.replay.mismatches import require_open_gate
from core import clock, rows
from core.refusals import Conflict, Invalid
from registry import access, aliases, attested, conditions, names, requests, weakening
from registry.models import Alias, ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import ALL, RequestState
from registry.models.glass import broken_for
from registry.policy import AliasMove, Move, Requirement, StageMove, permission_for, requirement
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
    approval would help or the actor herself made fewer be needed, Differs where what would be moved or used is not what
    the ledger says.
    """
    if archive_existing and to not in ACTIVE:
        raise Invalid(
            f"archive_existing_versions is for Staging and Production, not for {to}.", field="archive_existing_versions"
        )
    with alerting(), transaction.atomic():
        model = access.locked(version.model)
        row = access.reread(version, model)
        move = StageMove(Stage(row.stage), to, archive_existing=archive_existing)
        others = _others(row, move)
        need = requirement(move, model)
        _require_part(row, move, need, actor)
        attested.require_terms(model, move.deed(row))
        if need.approvals:
            attested.require_versions([row, *others], move.deed(row))
        if row.stage == to and not others:
            row.updated_at = model.updated_at = clock.now()  # as MLflow does
            rows.update(row, "updated_at")
            rows.update(model, "updated_at")
            return Transitioned(row)
        granted = authorise(row, move, need, actor=actor, reason=comment)
        if isinstance(granted, ApprovalRequired):
            return granted
        if need.approvals or to == Stage.PRODUCTION:
            require_open_gate(move.goal)
        return _apply(row, move, others, approval_facts(need, granted), actor, comment)


def authorise(
    version: ModelVersion, move: Move, need: Requirement, *, actor: Actor, reason: str
) -> ApprovalRequest | ApprovalRequired | None:
    """Return the approval that covers `move` and is used up by it, None where none is needed, or what is to wait for.

    Runs under the model's lock, in the transaction that makes the move.
    """
    _require_part(version, move, need, actor)
    if not need.approvals:
        _refuse_own(version, move, actor)
        return None
    waiting = requests.usable(version, move) or requests.open_request(version, move, reason=reason, actor=actor)
    request = waiting.request
    if request.state == RequestState.APPROVED:
        attested.require_request(request, move.deed(version))
    if request.state != RequestState.APPROVED or conditions.ceiling_of(request) < ALL:
        return waiting  # what is approved for a part of an endpoint's requests does not move what all callers load
    frozen = need.terms.freeze_words(clock.now())
    if frozen and not broken_for(request):
        raise Conflict(f"{version} may {move.goal}, but not now. {frozen}", next_step="The approval waits meanwhile.")
    if actor.user != request.requester:
        deed, about = f"use the approval of request #{request.pk}", access.version_subject(version)
        access.require(actor, need.permission, version.model, deed, about=about)
    _refuse_own(version, move, actor)
    requests.advance(request, RequestState.EXECUTED, actor=actor)
    return request


def _refuse_own(version: ModelVersion, move: Move, actor: Actor) -> None:
    """Raise Denied where the move took more approvals before the actor asked for less of the model."""
    weakening.refuse_own(
        version.model, lambda was: requirement(move, was).approvals, deed=move.deed(version),
        about=access.version_subject(version), actor=actor,
    )  # fmt: skip


def _require_part(version: ModelVersion, move: Move, need: Requirement, actor: Actor) -> None:
    """Raise Denied where the actor may neither make the move nor, where it takes a decision, ask for it."""
    may_make = need.approvals and actor.holds(need.permission)
    needed = Permission.REQUEST_OPEN if need.approvals else need.permission
    if not may_make:
        access.require(actor, needed, version.model, move.deed(version), about=access.version_subject(version))


def approval_facts(need: Requirement, granted: ApprovalRequest | None) -> dict[str, object]:
    """Return what an event says about its approval: off, not needed, or which request and digest."""
    if granted:
        broken = {"break_glass": True} if broken_for(granted) else {}
        return {"approval": granted.pk, "subject": granted.subject_digest, **need.facts, **broken}
    return {"approval": "off" if need.off else "not needed", **need.facts}


def _others(version: ModelVersion, move: StageMove) -> list[ModelVersion]:
    if not move.archive_existing:
        return []
    others = ModelVersion.objects.live().filter(model=version.model, stage=move.to_stage).exclude(pk=version.pk)
    return list(others.order_by("version"))


def _apply(
    version: ModelVersion,
    move: StageMove,
    others: list[ModelVersion],
    facts: dict[str, object],
    actor: Actor,
    comment: str,
) -> Transitioned:
    archived = []
    for other in others:
        other.model = version.model
        _set_stage(other, Stage.ARCHIVED, actor, "", {**facts, "displaced_by": version.version})
        archived.append(other.version)
    if version.stage != move.to_stage:
        _set_stage(version, move.to_stage, actor, comment, {**facts, "archived": archived})
    for alias in move.aliases:
        aliases.point(version, alias, actor=actor, facts=facts)
    requests.end_stale(version.model)
    version.model.updated_at = version.updated_at
    rows.update(version.model, "updated_at")
    return Transitioned(version, archived)


def _set_stage(version: ModelVersion, to: Stage, actor: Actor, comment: str, facts: dict[str, object]) -> None:
    """Assign the stage, in the only place that does, with its event."""
    before, version.stage, version.updated_at = version.stage, to, clock.now()
    rows.update(version, "stage", "updated_at")
    manifest = version.manifest.digest if version.manifest else None
    change = Change({"stage": before}, {"stage": to}, comment, {**facts, "manifest": manifest})
    record("version.stage.changed", access.version_subject(version), actor=actor, change=change)


def set_alias(version: ModelVersion, name: str, *, actor: Actor, comment: str = "") -> Transitioned | ApprovalRequired:
    """Point alias `name` at `version` where the policy lets `actor`, else return the request that waits."""
    names.check_alias(name)
    move = AliasMove(name)
    with alerting(), transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        aliases.refuse_look_alike(row.model, name)
        need = requirement(move, row.model)
        _require_part(row, move, need, actor)
        attested.require_terms(row.model, move.deed(row))
        if need.approvals:
            attested.require_alias(row.model, name, move.deed(row))
        if (held := aliases.held(row.model, name)) and held.version_id == row.pk:
            return Transitioned(row)
        granted = authorise(row, move, need, actor=actor, reason=comment)
        if isinstance(granted, ApprovalRequired):
            return granted
        if need.approvals or row.model.protects(name):
            require_open_gate(move.goal)
        aliases.point(row, name, actor=actor, facts=approval_facts(need, granted))
        requests.end_stale(row.model)
    return Transitioned(row)


def delete_alias(model: RegisteredModel, name: str, *, actor: Actor) -> None:
    """Take alias `name` away; an absent one is no error. One that takes a signature stays while the gate is shut."""
    move = AliasMove(name, gone=True)
    with alerting(), transaction.atomic():
        row = access.locked(model)
        held = Alias.objects.select_related("version").filter(model=row, name=name).first()
        need = requirement(move, row)
        deed = f"delete the alias {name} of {row.name}"
        access.require(actor, need.permission, row, deed)
        attested.require_terms(row, deed)
        if held:
            weakening.refuse_own(
                row, lambda was: not access.may(actor, permission_for(move, was), row), deed=deed,
                about=access.model_subject(row), actor=actor,
            )  # fmt: skip
            if row.protects(name) or requirement(AliasMove(name), row).approvals:
                require_open_gate(move.goal)
            held.version.model = row
            aliases.remove(held, actor=actor, facts=approval_facts(need, None))
            requests.end_stale(row)

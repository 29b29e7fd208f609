"""The subject document: exactly what a reviewer signs. Its SHA-256 is on the page, in the form and in the ledger."""

import json
from dataclasses import dataclass, replace
from typing import Any

from accounts.models import User
from core import canonical
from core.refusals import Conflict
from registry import cards
from registry.models import ApprovalRequest, CardState, MetricThreshold, ModelVersion, RegisteredModel
from registry.models.approvals import ALL
from registry.policies.book import in_order, named_in
from registry.policies.terms import Terms, shared
from registry.policy import AliasMove, Move, StageMove, move_from, requirement, shares_pct, terms_by
from registry.stages import Stage

PLACE = ("endpoint", "environment", "target", "pattern")  # the last where no requests come there


@dataclass(frozen=True)
class Asked:
    """Who asks and until when; the rest of a subject is read from the registry."""

    requester: User
    expires_at: str


Deployment = dict[str, object]
LOCK_TRIES = frozenset({"lock_tries", "lock_why"})


def build(version: ModelVersion, move: Move, asked: Asked, deployment: Deployment | None = None) -> dict[str, object]:
    """Return the subject as the registry stands now. Endpoint and plan are null in a request for the stage alone.

    The environment's lock is null while there is none, which a deployment is never asked for with.
    """
    need = requirement(move, version.model, deployment)
    return {
        "type": "signoff.subject/1",
        "model": {"uuid": str(version.model.uuid), "name": version.model.name, "risk_tier": version.model.risk_tier},
        "version": version.version,
        "manifest": version.manifest.digest if version.manifest else None,
        "environment": _environment(version),
        "evidence": canonical_digest(bytes(version.evidence)),
        "card": _card(version),
        "move": move.document,
        "displaces": displaced(version, move),
        "endpoint": {part: deployment[part] for part in PLACE if part in deployment} if deployment else None,
        "plan": deployment["plan"] if deployment else None,
        "limits": [
            str(t) + ("" if t.required else " (advice)") for t in MetricThreshold.objects.filter(model=version.model)
        ],
        "policy": need.said,
        "requester": {"id": asked.requester.pk, "name": asked.requester.username},
        "expires_at": asked.expires_at,
    }


def _environment(version: ModelVersion) -> dict[str, object]:
    """Return what is signed of the environment: how often its lock was tried is no part of it."""
    return {"lock": None} | {name: value for name, value in version.environment.items() if name not in LOCK_TRIES}


def _card(version: ModelVersion) -> str | None:
    """Return the digest of the approved model card; none while there is none."""
    row = cards.written_for(version)
    return canonical.digest(row.sections) if row and row.state == CardState.APPROVED else None


def canonical_digest(body: bytes) -> str:
    """Return the digest of bytes that are canonical JSON already."""
    return canonical.digest(json.loads(body or b"{}"))


def displaced(version: ModelVersion, move: Move) -> list[dict[str, object]]:
    """Return the versions that stand where this one is to go: the reviewer compares with them."""
    others = ModelVersion.objects.live().filter(model=version.model).exclude(pk=version.pk).select_related("manifest")
    if isinstance(move, StageMove):
        others = others.filter(stage=move.to_stage)
    else:
        others = others.filter(aliases__name=move.alias) if isinstance(move, AliasMove) else others.none()
    return [
        {"version": v.version, "manifest": v.manifest.digest if v.manifest else None}
        for v in others.order_by("version")
    ]


def displaced_version(request: ApprovalRequest) -> ModelVersion | None:
    """Return the newest version that the subject displaces, or None: what was decided on, whenever the page is read."""
    numbers = [int(other["version"]) for other in document(request)["displaces"]]  # type: ignore[attr-defined]
    rows = ModelVersion.objects.select_related("model", "manifest", "registered_by")
    return rows.filter(model=request.model, version=max(numbers)).first() if numbers else None


def current(request: ApprovalRequest, move: Move) -> dict[str, object]:
    """Return the request's subject as it would read now.

    A lock made after an unlocked environment was signed changes nothing: the signature was given without one.
    A deployment outlives the move that was signed with it: once the version stands where it was to go, its way there
    counts as it was asked.
    """
    said, deployment = document(request), deployment_of(document(request))
    if isinstance(move, StageMove):
        move = replace(move, from_stage=Stage(request.version.stage))
    now = build(request.version, move, Asked(request.requester, str(said["expires_at"])), deployment)
    if lock_of(said) is None:
        now["environment"] = {**now["environment"], "lock": None}  # type: ignore[dict-item]
    if said.get("card") is None:
        now["card"] = None  # a card that was approved since changes nothing either
    if "card" not in said:
        del now["card"]  # asked before there were cards
    if deployment and isinstance(move, StageMove) and move.from_stage == move.to_stage:
        now |= {part: said[part] for part in ("move", "displaces")}
    return now


def move_key(said: dict[str, object]) -> str:
    """Name what a subject asks for within its version: the move, and the endpoint it is deployed to."""
    return key_of(move_from(said["move"]), deployment_of(said))  # type: ignore[arg-type]


def key_of(move: Move, deployment: Deployment | None) -> str:
    """Name what is asked within its version: the move, and the endpoint it is deployed to."""
    return f"{move.key}+{deployment['endpoint']}" if deployment else move.key


def lock_of(said: dict[str, object]) -> object:
    """Return the digest of the environment's lock that a subject carries, or None where there was no lock yet."""
    environment = said["environment"]
    return environment.get("lock") if isinstance(environment, dict) else None


def deployment_of(said: dict[str, object]) -> Deployment | None:
    """Return the deployment a subject carries, or None for a stage alone."""
    endpoint = said["endpoint"]
    return {**endpoint, "plan": said["plan"]} if isinstance(endpoint, dict) else None


def document(request: ApprovalRequest) -> dict[str, object]:
    """Return the subject as it was asked for. Raises Conflict where the row holds something else by now."""
    try:
        said: dict[str, object] = json.loads(bytes(request.subject))
    except ValueError as why:
        raise Conflict(f"The subject of {request} cannot be read: its row differs from the ledger.") from why
    return said


def terms_of(request: ApprovalRequest) -> Terms:
    """Return what the policies that the subject names ask for, as they were when it was asked."""
    return shared(named_in(document(request)["policy"]))  # type: ignore[arg-type]


@dataclass(frozen=True)
class AsAsked:
    """The model by the name and tier it had when something was asked for it."""

    name: str
    risk_tier: str
    model: RegisteredModel

    def protects(self, alias: str) -> bool:
        """Whether moving `alias` needs a signature."""
        return self.model.protects(alias)


def as_asked(request: ApprovalRequest) -> AsAsked:
    """Return the request's model as its subject names it."""
    said: Any = document(request)["model"]
    return AsAsked(said["name"], said["risk_tier"], request.model)


def terms_up_to(request: ApprovalRequest, share_pct: int) -> Terms:
    """Return what is asked for the shares up to `share_pct`, by the policies that the subject names, as they were."""
    said: Any = document(request)
    if share_pct >= ALL:
        return terms_of(request)
    named, move = in_order(named_in(said["policy"])), move_from(said["move"])
    return terms_by(named, move, as_asked(request), deployment_of(said), up_to_pct=share_pct)


def shares_of(request: ApprovalRequest) -> list[int]:
    """Return the shares, in percent, that are asked for one after another; everything at once without a plan."""
    deployment: Any = deployment_of(document(request))
    return shares_pct(deployment["plan"]) if deployment else [ALL]


@dataclass(frozen=True)
class Changed:
    """A part of a subject that is not what it was."""

    part: str
    before: object
    after: object


def difference(before: dict[str, object], after: dict[str, object]) -> list[Changed]:
    """Return the parts in which two subjects differ, by name."""
    return [
        Changed(part, before.get(part), after.get(part))
        for part in sorted(before.keys() | after.keys())
        if before.get(part) != after.get(part)
    ]

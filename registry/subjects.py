"""The subject document: exactly what a reviewer signs. Its SHA-256 is on the page, in the form and in the ledger."""

import json
from dataclasses import dataclass

from accounts.models import User
from core import canonical
from registry.models import ApprovalRequest, MetricThreshold, ModelVersion
from registry.policy import Move, StageMove, requirement
from registry.stages import Stage


@dataclass(frozen=True)
class Asked:
    """Who asks and until when; the rest of a subject is read from the registry."""

    requester: User
    expires_at: str


Deployment = dict[str, object]


def build(version: ModelVersion, move: Move, asked: Asked, deployment: Deployment | None = None) -> dict[str, object]:
    """Return the subject as the registry stands now. Endpoint and plan are null in a request for the stage alone."""
    need = requirement(move)
    return {
        "type": "signoff.subject/1",
        "model": {"uuid": str(version.model.uuid), "name": version.model.name, "risk_tier": version.model.risk_tier},
        "version": version.version,
        "manifest": version.manifest.digest if version.manifest else None,
        "environment": {**version.environment, "lock": version.environment.get("lock") if deployment else None},
        "evidence": canonical_digest(bytes(version.evidence)),
        "move": move.document,
        "displaces": displaced(version, move),
        "endpoint": {part: deployment[part] for part in ("endpoint", "environment", "target")} if deployment else None,
        "plan": deployment["plan"] if deployment else None,
        "limits": [
            str(t) + ("" if t.required else " (advice)") for t in MetricThreshold.objects.filter(model=version.model)
        ],
        "policy": {"id": need.policy_id, "version": need.policy_version, "approvals": need.approvals},
        "requester": {"id": asked.requester.pk, "name": asked.requester.username},
        "expires_at": asked.expires_at,
    }


def canonical_digest(body: bytes) -> str:
    """Return the digest of bytes that are canonical JSON already."""
    return canonical.digest(json.loads(body or b"{}"))


def displaced(version: ModelVersion, move: Move) -> list[dict[str, object]]:
    """Return the versions that stand where this one is to go: the reviewer compares with them."""
    others = ModelVersion.objects.live().filter(model=version.model).exclude(pk=version.pk).select_related("manifest")
    if isinstance(move, StageMove):
        others = others.filter(stage=move.to_stage)
    else:
        others = others.filter(aliases__name=move.alias)
    return [
        {"version": v.version, "manifest": v.manifest.digest if v.manifest else None}
        for v in others.order_by("version")
    ]


def champion_of(version: ModelVersion) -> ModelVersion | None:
    """Return the live champion `version` is measured against: @champion, else the newest in Production; not itself."""
    others = (
        ModelVersion.objects.live()
        .filter(model=version.model)
        .exclude(pk=version.pk)
        .select_related("model", "manifest", "registered_by")
    )
    by_alias = others.filter(aliases__name="champion").first()
    return by_alias or others.filter(stage=Stage.PRODUCTION).order_by("-version").first()


def compared_with(request: ApprovalRequest) -> ModelVersion | None:
    """Return the version the reviewer compares with: the newest that the subject displaces, else the live champion.

    The subject's own word comes first, so that a page read later shows what was decided on.
    """
    displaced_numbers = [int(other["version"]) for other in document(request)["displaces"]]  # type: ignore[attr-defined]
    if not displaced_numbers:
        return champion_of(request.version) if request.state in {"open", "approved"} else None
    rows = ModelVersion.objects.select_related("model", "manifest", "registered_by")
    return rows.filter(model=request.model, version=max(displaced_numbers)).first()


def current(request: ApprovalRequest, move: Move) -> dict[str, object]:
    """Return the request's subject as it would read now."""
    said = document(request)
    return build(request.version, move, Asked(request.requester, str(said["expires_at"])), deployment_of(said))


def deployment_of(said: dict[str, object]) -> Deployment | None:
    """Return the deployment a subject carries, or None for a stage alone."""
    endpoint = said["endpoint"]
    return {**endpoint, "plan": said["plan"]} if isinstance(endpoint, dict) else None


def document(request: ApprovalRequest) -> dict[str, object]:
    """Return the subject as it was asked for."""
    said: dict[str, object] = json.loads(bytes(request.subject))
    return said


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

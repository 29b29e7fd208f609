"""Words and addresses that several pages show."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from core import clock
from registry import subjects
from registry.models import ApprovalRequest, Check, RegisteredModel
from registry.models.approvals import RequestState
from registry.policy import AliasMove, StageMove
from registry.requests import deployment_asked, move_of

TARGETS = {"local": "This machine", "kubernetes": "Kubernetes"}


def model_path(name: str) -> str:
    """Return the address of a model's page."""
    return f"/models/{quote(name, safe='')}"


def version_path(name: str, number: int) -> str:
    """Return the address of a version's page."""
    return f"{model_path(name)}/versions/{number}"


def aliases(names: Iterable[str], model: RegisteredModel) -> list[dict[str, object]]:
    """Return aliases with whether `model` protects them; protected ones first, so that champion is never hidden."""
    return [
        {"name": n, "protected": model.protects(n)} for n in sorted(names, key=lambda n: (not model.protects(n), n))
    ]


def check_summary(checks: Iterable[Check]) -> dict[str, int]:
    """Return how many checks stand how."""
    counts = Counter(str(check.status) for check in checks)
    return {status: counts[status] for status in ("passed", "warn", "failed", "pending")}


def move_words(request: ApprovalRequest) -> dict[str, str]:
    """Return the move in words: `target` and `action`."""
    move = move_of(request)
    if isinstance(move, StageMove):
        return {"target": str(move.to_stage), "action": f"{move.from_stage} → {move.to_stage}"}
    if isinstance(move, AliasMove):
        return {"target": f"@{move.alias}", "action": f"point @{move.alias} here"}
    place = deployment_asked(request) or {}
    return {"target": str(place.get("endpoint", "")), "action": f"deploy to {place.get('environment')}"}


def request_row(request: ApprovalRequest) -> dict[str, object]:
    """Return what a list shows of a request."""
    return {
        "number": request.pk,
        "object": f"{request.model.name} v{request.version.version}",
        "model": request.model.name,
        "version": request.version.version,
        "requester": request.requester.username,
        "state": request.state,
        "risk_tier": request.model.risk_tier,
        "created_at": request.created_at,
        "due_at": request.due_at,
        "overdue": request.state == RequestState.OPEN and request.due_at is not None and request.due_at < clock.now(),
        "expires_at": request.expires_at,
        "ended_at": request.ended_at,
        "checks": check_summary(request.checks.all()),
        "approvals": len({d.person_id for d in request.decisions.all() if d.verdict == "approve"}),
        "approvals_needed": request.approvals_needed,
        **move_words(request),
    }


def policy_words(request: ApprovalRequest) -> str:
    """Return the policy a request is held to."""
    return f"Policy {subjects.terms_of(request).titles}"


def policy_facts(request: ApprovalRequest) -> list[dict[str, object]]:
    """Return each policy a request is held to, with the page of that version; the built-in one has none."""
    return [
        {
            "label": "Policy",
            "value": f"{one.name} v{one.version}",
            "href": f"/policies/{one.name}/versions/{one.version}" if one.digest else "",
        }
        for one in subjects.terms_of(request).policies
    ]

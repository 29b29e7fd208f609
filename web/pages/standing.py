"""Since when versions stand in Production, put there by whom, approved by whom."""

from collections.abc import Collection

from django.db.models import Prefetch

from registry import history
from registry.models import ApprovalRequest, Decision, ModelVersion
from registry.stages import Stage


def entries(versions: Collection[ModelVersion]) -> dict[int, dict[str, object]]:
    """Return each version's entry into Production, by its key; three queries however many there are."""
    told = history.last_entries(versions, Stage.PRODUCTION)
    numbers = {number for t in told.values() if isinstance(number := t.facts.get("approval"), int)}
    decided = Prefetch("decisions", Decision.objects.select_related("person"))
    rows = ApprovalRequest.objects.select_related("glass__person").prefetch_related(decided)
    approvals = rows.in_bulk(numbers) if numbers else {}
    return {version.pk: _entry(version, told.get(version.pk), approvals) for version in versions}


def _entry(
    version: ModelVersion, told: history.Told | None, approvals: dict[int, ApprovalRequest]
) -> dict[str, object]:
    number = told.facts.get("approval") if told else None
    approval = approvals.get(number) if isinstance(number, int) else None
    return {
        "version": version.version,
        "since": told.at if told else version.updated_at,
        "by": told.actor if told else "",
        "approved_by": ", ".join(_approvers(approval)) if approval else "",
        "approval_href": f"/approvals/{approval.pk}" if approval else "",
    }


def _approvers(approval: ApprovalRequest) -> list[str]:
    said = (d for d in approval.decisions.all() if d.verdict == Decision.Verdict.APPROVE)
    given = list(dict.fromkeys(d.person.username for d in said))
    broken = getattr(approval, "glass", None)
    return [*given, f"{broken.person.username} by break-glass"] if broken else given

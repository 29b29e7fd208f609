"""What a registered version came from stays: its run and its logged model cannot be deleted while it lives."""

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.actors import Actor
from core.refusals import Conflict
from registry.models import LoggedModel, ModelVersion, Run


def refuse_registered(runs: QuerySet[Run], models: QuerySet[LoggedModel], what: str, *, actor: Actor) -> None:
    """Raise Conflict where a live version came from one of `runs` or `models`; with approvals off refuse nothing."""
    if not settings.APPROVALS:
        return
    came_from = Q(run_id__in=runs.values("run_id")) | Q(logged_model_id__in=models.values("model_id"))
    born = ModelVersion.objects.live().filter(came_from)
    if not born.exists():
        return
    seen = born.visible_to(actor).select_related("model").order_by("model__name", "version").first()
    name = str(seen) if seen else "a registered version"
    raise Conflict(
        f"{name} came from {what}, so it cannot be deleted: it is the version's evidence.",
        next_step="Delete the version first.",
    )

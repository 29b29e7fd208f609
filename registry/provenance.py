"""What a registered version came from stays: its run and its logged model cannot be deleted while it lives."""

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from core.refusals import Conflict
from registry.models import LoggedModel, ModelVersion, Run


def born_of(column: str, rows: QuerySet[Run] | QuerySet[LoggedModel]) -> Q:
    """Return what holds of a version that came from one of `rows`, whose keys are in `column`.

    Its files do, or their author says so herself: a source elsewhere with somebody else's run is a claim, which
    neither holds that run nor opens nor hides it.
    """
    own = Exists(rows.filter(pk=OuterRef(column), author=OuterRef("registered_by")))
    return Q(**{f"{column}__in": rows.values("pk")}, manifest__isnull=False) | Q(own)


def refuse_registered(runs: QuerySet[Run], models: QuerySet[LoggedModel], what: str, *, actor: Actor) -> None:
    """Raise Conflict where a live version came from one of `runs` or `models`; with approvals off refuse nothing."""
    if not settings.APPROVALS:
        return
    born = ModelVersion.objects.live().filter(born_of("run_id", runs) | born_of("logged_model_id", models))
    if not born.exists():
        return
    seen = born.visible_to(actor).select_related("model").order_by("model__name", "version").first()
    name = str(seen) if seen else "a registered version"
    raise Conflict(
        f"{name} came from {what}, so it cannot be deleted: it is the version's evidence.",
        next_step="Delete the version first.",
    )

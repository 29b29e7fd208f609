"""Own REST: runs."""

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from registry import evidence
from registry.models import ModelVersion
from registry.runs import find_run
from web.rest import shapes
from web.rest.authentication import actor_of


@extend_schema(operation_id="read_run", responses={200: shapes.RunShape})
@api_view(["GET"])
def run(request: Request, run_id: str) -> Response:
    """Read a run as it stands now. What counted at registration is in the version's request."""
    actor = actor_of(request)
    found = find_run(run_id, actor=actor)
    registered = ModelVersion.objects.visible_to(actor).filter(run_id=run_id).order_by("model__name", "version")
    latest = evidence.latest_metrics(found.metrics.newest())
    told = {
        "run_id": found.run_id,
        "name": found.name,
        "status": found.status,
        "author": found.author.username,
        "started": _moment(found.start_time),
        "ended": _moment(found.end_time),
        "metrics": {key: latest[key].special or latest[key].value for key in sorted(latest)},
        "params": dict(found.params.order_by("key").values_list("key", "value")),
        "tags": dict(found.tags.order_by("key").values_list("key", "value")),
        "versions": [
            {"model": name, "version": number, "stage": stage}
            for name, number, stage in registered.values_list("model__name", "version", "stage")
        ],
    }
    return Response(shapes.RunShape(told).data)


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds else None

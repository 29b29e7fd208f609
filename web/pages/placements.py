"""What runs where: every version that gets requests or stands by, on one page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from deployments import endpoints
from deployments.placements import Placement, placements
from web.actors import actor_of
from web.pages import labels

MOST = 500  # endpoints
TONES = {"ready": ("ok", "check"), "starting": ("info", "clock")}
BAD = ("bad", "x")
UNSEEN = ("neutral", "clock")


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Compare what runs where, of the models the person may see."""
    found = list(endpoints.endpoints_visible_to(actor_of(request))[:MOST])
    rows = placements(found)
    context = {"rows": [_row(one) for one in rows], "idle": len(found) - len({one.endpoint.pk for one in rows})}
    return render(request, "endpoints/running.html", context)


def _row(one: Placement) -> dict[str, object]:
    tone, icon = TONES.get(one.health, UNSEEN if one.health.startswith("not ") and "there" not in one.health else BAD)
    return {
        "endpoint": one.endpoint,
        "target": labels.TARGETS.get(one.endpoint.target, one.endpoint.target),
        "rollout": one.rollout,
        "version": one.rollout.version,
        "gets": one.gets,
        "health": one.health,
        "tone": tone,
        "icon": icon,
        "why": one.seen.why if one.seen else "",
        "ready": one.seen.facts.get("ready", "") if one.seen else "",
        "seen_at": one.seen.at if one.seen else None,
    }

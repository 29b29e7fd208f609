"""The page of one prediction: what router, model server, callers' labels and a shadow said of a request."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core.refusals import NotFound
from deployments import endpoints
from deployments.models import Endpoint, Rollout
from monitoring import predictions
from web.actors import actor_of
from web.pages.deployments import answer_words, copied_words

RIGHT = {True: "right", False: "wrong"}


@require_GET
def prediction(request: HttpRequest, name: str) -> HttpResponse:
    """Show what is known of the request `?id=` to an endpoint, as long as predictions are kept."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    known = predictions.known(found.name, request.GET.get("id", "").replace("\0", ""))
    if known is None:
        raise NotFound(f"Nothing is known of such a request to {found}.", next_step="Predictions go after some time.")
    row, copy = known.row, known.copy
    context = {
        "endpoint": found,
        "row": row,
        "said": answer_words(row.prediction),
        "score": _score(row.score),
        "rollout": _rollout(found, row.rollout),
        "correct": "" if row.correct is None else RIGHT[row.correct],
        "labels": [{"row": label, "value": answer_words(label.value)} for label in known.labels],
        "copy": copy,
        "copied": copied_words(copy) if copy else "",
        "copy_score": _score(copy.score) if copy else "",
    }
    return render(request, "endpoints/prediction.html", context)


def _score(said: object) -> str:
    return "" if said is None else answer_words(said)


def _rollout(endpoint: Endpoint, told: str) -> Rollout | None:
    """Return the deployment that the router's line tells of, or None."""
    try:
        return endpoint.rollouts.filter(uuid=UUID(told)).first()
    except ValueError:
        return None

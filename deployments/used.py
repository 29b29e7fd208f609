"""What a rollout leaves of the approval it was started by: nothing, once it is done and the version stands there."""

from django.db.models import Q

from accounts.actors import Via, person
from audit.record import Change
from deployments.endpoints import serving
from deployments.history import served_at
from deployments.models import Endpoint, Rollout
from registry import history, requests, subjects
from registry.champions import champion_of
from registry.models import ApprovalRequest, ModelVersion
from registry.models.approvals import RequestQuerySet, RequestState
from registry.policy import StageMove
from registry.stages import ACTIVE, Stage


def of(request: ApprovalRequest) -> Rollout | None:
    """Return the rollout that was started by the request's approval, or None."""
    if request.state == RequestState.OPEN:
        return None
    try:
        return request.rollout
    except Rollout.DoesNotExist:
        return None


def left(asked: RequestQuerySet) -> RequestQuerySet:
    """Return those of `asked` that leave something to do: no rollout used them, or their version has still to move."""
    to_move = Q()
    for stage in ACTIVE:
        to_move |= Q(move_key__startswith=f"stage:{stage}") & ~Q(version__stage=stage)
    return asked.filter(Q(rollout=None) | to_move)


def use_up(rollout: Rollout) -> None:
    """Carry the approval out once its rollout is done, under the model's lock, where its move is made or was none."""
    if rollout.request_id is None:
        return
    request = requests.locked(rollout.request)  # type: ignore[arg-type]
    move = requests.move_of(request)
    is_made = not isinstance(move, StageMove) or request.version.stage == move.to_stage
    if request.state != RequestState.APPROVED or not is_made:
        return
    by = person(rollout.created_by, Via.SYSTEM)
    requests.advance(request, RequestState.EXECUTED, actor=by, change=Change(facts={"rollout": rollout.pk}))


def compared_with(request: ApprovalRequest) -> ModelVersion | None:
    """Return the version a reviewer compares with: what the subject displaces, what the endpoint serves, the champion.

    For a request that was decided or ended, as it was then by the ledger; another version than the one asked for.
    """
    if displaced := subjects.displaced_version(request):
        return displaced
    deployment = subjects.deployment_of(subjects.document(request))
    if request.state != RequestState.OPEN and not request.is_limited:
        return _live_then(request, str(deployment["endpoint"]) if deployment else "")
    if deployment and (endpoint := Endpoint.objects.filter(name=deployment["endpoint"]).first()):
        serves = serving(endpoint)
        if serves and serves.version_id != request.version_id:
            return serves.version
    return champion_of(request.version)


def _live_then(request: ApprovalRequest, endpoint: str) -> ModelVersion | None:
    moment = max((one.at for one in request.decisions.all()), default=request.ended_at)
    served = [one for one in served_at(request.model, moment) if one.label == endpoint] if endpoint else []
    held = [one for one in history.live_at(request.model, moment) if one.label in {"@champion", Stage.PRODUCTION}]
    held.sort(key=lambda one: (one.label != "@champion", -one.version))
    numbers = [one.version for one in [*sorted(served, key=lambda one: -one.share_pct), *held]]
    live = next((number for number in numbers if number != request.version.version), None)
    rows = ModelVersion.objects.select_related("model", "manifest", "registered_by")
    return rows.filter(model=request.model, version=live).first() if live else None

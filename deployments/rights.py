"""Installed rights: what an endpoint may serve, and taking that away for good."""

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.policy import require
from audit.record import Change, record
from core import clock
from core.refusals import Conflict, Invalid, NotFound
from core.words import written
from deployments import rollouts
from deployments.endpoints import endpoint_subject, serving, stand_by
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.plan import withdrawal_steps
from deployments.states import RolloutState
from registry import access, requests
from registry.models import ModelVersion


def standing(endpoint: Endpoint) -> QuerySet[InstalledRight]:
    """Return the rights that hold, newest first."""
    rows = endpoint.rights.filter(withdrawn_at=None).select_related("version__model", "rollout__request")
    return rows.order_by("-installed_at")


def newest_by_version(endpoint: Endpoint) -> list[InstalledRight]:
    """Return the newest right to serve each version, newest version first."""
    found = {right.version.version: right for right in standing(endpoint).reverse()}
    return [found[number] for number in sorted(found, reverse=True)]


def find_right(endpoint: Endpoint, version: int) -> InstalledRight:
    """Return the newest right to serve that version; raise NotFound where none holds."""
    right = standing(endpoint).filter(version__version=version).first()
    if right is None:
        raise NotFound(f"{endpoint} has no right to serve version {version}.")
    return right


def leaves_nothing(right: InstalledRight) -> bool:
    """Whether the endpoint refuses all requests once `right` is withdrawn."""
    return not standing(right.endpoint).exclude(version=right.version).exists()


def withdraw(right: InstalledRight, *, reason: str, actor: Actor) -> Rollout | None:
    """Withdraw every right to serve the version at the endpoint; doing it again changes nothing.

    What serves or stands by is taken out of service by the rollout that is returned; requests go to the version that
    was installed before, or are refused where there is none. A signature given before no longer counts.
    """
    endpoint, version = right.endpoint, right.version
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"withdraw {version} from {endpoint}", about=about)
    if not written(reason):
        raise Invalid("Say why: a withdrawal needs a reason.", field="reason")
    with transaction.atomic():
        access.locked(endpoint.model)
        rights = standing(endpoint).filter(version=version)
        numbers = list(rights.values_list("rollout_id", flat=True))
        if not numbers:
            return _latest_withdrawal(endpoint, version)
        runs = _runs(endpoint, version)
        moment = clock.now()
        rights.update(withdrawn_at=moment)
        facts: dict[str, object] = {
            "endpoint": endpoint.name, "digest": right.digest, "rollouts": numbers, "withdrawn_at": clock.iso(moment),
        }  # fmt: skip
        subject = access.version_subject(version)
        record("version.withdrawn", subject, actor=actor, change=Change(comment=written(reason), facts=facts))
        requests.supersede_deployments(version, endpoint.name, comment=f"Withdrawn: {written(reason)}", actor=actor)
        _end_rollouts_to(version, endpoint, actor)
        taken = _take_out(right, written(reason), actor) if runs else None
        rollouts.settle_holds(right.rollout)
        return taken


def _runs(endpoint: Endpoint, version: ModelVersion) -> bool:
    """Whether the version serves or stands by, as far as the rows tell."""
    now = serving(endpoint)
    ready = stand_by(endpoint, now.version) if now else None
    return version in {row.version for row in (now, ready) if row}


def _latest_withdrawal(endpoint: Endpoint, version: ModelVersion) -> Rollout | None:
    if version not in {right.version for right in endpoint.rights.select_related("version")}:
        raise Conflict(f"{endpoint} was never given the right to serve {version}.")
    return endpoint.rollouts.filter(kind=Rollout.Kind.WITHDRAW, version=version).order_by("-pk").first()


def _end_rollouts_to(version: ModelVersion, endpoint: Endpoint, actor: Actor) -> None:
    """End what is under way to the version, and withdrawals that would have it serve instead of another."""
    why = f"{version} was withdrawn."
    to_it = endpoint.rollouts.filter(version=version).exclude(kind=Rollout.Kind.WITHDRAW)
    instead = endpoint.rollouts.filter(last_good__version=version, kind=Rollout.Kind.WITHDRAW)
    for row in (to_it | instead).filter(state__in=[RolloutState.QUEUED, RolloutState.RUNNING]):
        if row.state == RolloutState.QUEUED:
            rollouts.advance(row, RolloutState.CANCELLED, actor=actor, why=why)
        else:
            rollouts.send_back(row, why=why, actor=actor)


def _take_out(right: InstalledRight, reason: str, actor: Actor) -> Rollout:
    """Queue the rollout that sends requests elsewhere and stops the version's model server."""
    _make_way(right.endpoint, actor)
    asked = Rollout(endpoint=right.endpoint, version=right.version, digest=right.digest, reason=reason)
    asked.kind = Rollout.Kind.WITHDRAW
    return rollouts.queue(asked, withdrawal_steps(to_be_readied=_to_be_readied(right.endpoint)), actor=actor)


def _to_be_readied(endpoint: Endpoint) -> bool:
    """Whether a model server has to be there before requests go to what serves instead."""
    return endpoint.takes_requests and serving(endpoint) is not None


def _make_way(endpoint: Endpoint, actor: Actor) -> None:
    """Nothing holds a withdrawal up: a rollout ends unless it has taken all requests over already."""
    why = "A withdrawal comes first."
    for row in endpoint.rollouts.filter(state__in=[RolloutState.RUNNING, RolloutState.NEEDS_OPERATOR]):
        if row.state == RolloutState.NEEDS_OPERATOR:
            rollouts.advance(row, RolloutState.FAILED, actor=actor, why=why)
        elif not rollouts.has_all_requests(row):
            rollouts.send_back(row, why=why, actor=actor)

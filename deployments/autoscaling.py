"""Looks at how busy endpoints are, decides how many model servers they have, and has their targets follow."""

import time

import structlog

from deployments import endpoints, orders
from deployments.capacity import capacity_of, move
from deployments.models import Endpoint, Rollout
from deployments.scaling import Load, Memory
from deployments.states import LIVE, RolloutState
from deployments.targets.contract import GiveUp, Split, TryAgain
from deployments.targets.kinds import target
from monitoring import resources

log = structlog.get_logger(__name__)
MEMORIES: dict[int, Memory] = {}  # of this process; a new one is only slower to go down


def scale() -> int:
    """Decide for each endpoint that may have several model servers, and bring each on its way; return how many moved.

    Safe to call from several processes at once: one of them moves the row, all of them tell the target the same.
    """
    moved = 0
    for endpoint in (
        Endpoint.objects.filter(pattern=Endpoint.Pattern.REST)
        .exclude(capacity={})
        .select_related("environment", "model")
    ):
        if releases := running(endpoint):
            moved += _decide(endpoint)
            _follow(endpoint, releases)
    return moved


def running(endpoint: Endpoint) -> list[Rollout]:
    """Return the rollouts whose model servers there are: what serves, what stands by, what is under way."""
    now = endpoints.serving(endpoint)
    live = endpoint.rollouts.filter(state__in=LIVE, kind=Rollout.Kind.DEPLOY)
    found = [now, endpoints.stand_by(endpoint, now.version) if now else None, *live]
    return [row for row in found if row is not None]


def _decide(endpoint: Endpoint) -> bool:
    capacity, at = capacity_of(endpoint), time.monotonic()
    try:
        seen = target(endpoint.target).split(endpoint.name)
    except TryAgain:
        return False
    if seen == Split():
        return False  # the place does not say, which is not none; where it scales by itself it need not
    load = Load(at, float(sum(seen.in_flight.values())), resources.cores(endpoint.name))
    memory = MEMORIES.setdefault(endpoint.pk, Memory(since=at))
    wanted = memory.see(load, capacity, endpoint.replicas)
    return wanted.replicas != endpoint.replicas and move(endpoint, wanted.replicas, wanted.why)


def _follow(endpoint: Endpoint, releases: list[Rollout]) -> None:
    for rollout in releases:
        if rollout.state == RolloutState.RUNNING and not _is_installed(rollout):
            continue  # its install step starts as many as there should be
        try:
            target(endpoint.target).scale(orders.told_release(rollout))
        except (TryAgain, GiveUp) as why:
            log.info("not scaled yet", endpoint=endpoint.name, rollout=rollout.pk, why=str(why))


def _is_installed(rollout: Rollout) -> bool:
    return rollout.steps.filter(name="install", status="done").exists()

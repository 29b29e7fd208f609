"""Compares what targets show with what ended rollouts left, and puts back what went missing meanwhile."""

import structlog
from django.db import transaction

from accounts.actors import SYSTEM
from audit.record import Change, record
from deployments import orders, rollouts
from deployments.autoscaling import running
from deployments.endpoints import way_back
from deployments.models import WAY_BACK, Endpoint, Rollout, RolloutStep
from deployments.plan import ALL, REVERT, Sight
from deployments.states import ENDED, RolloutState
from deployments.targets.contract import GiveUp, StaleFence, TryAgain
from deployments.targets.kinds import target
from deployments.watching import share_of

log = structlog.get_logger(__name__)
LEFT = (RolloutState.DONE, RolloutState.ROLLED_BACK)


def look_after() -> int:
    """Put back, for each endpoint nobody changes now, what its target lost; return how many steps were applied again.

    Safe to call from several processes: steps are applied under the key and fence they had.
    """
    return sum(_restore(endpoint) for endpoint in Endpoint.objects.all())


def tend() -> int:
    """Have each target renew what runs out there by itself; return of how many releases. Safe to run twice at once."""
    return sum(_tended(endpoint) for endpoint in Endpoint.objects.exclude(target="local").select_related("model"))


def _tended(endpoint: Endpoint) -> int:
    releases = running(endpoint)
    for rollout in releases:
        try:
            target(endpoint.target).tend(orders.told_release(rollout))
        except (TryAgain, GiveUp, StaleFence) as why:
            log.warning("not renewed", endpoint=endpoint.name, rollout=rollout.pk, why=str(why))
    return len(releases)


def _restore(endpoint: Endpoint) -> int:
    last = endpoint.rollouts.exclude(state=RolloutState.CANCELLED).order_by("-pk").first()
    if last is None or last.state not in ENDED or last.state not in LEFT:
        return 0
    rollout = rollouts.whole(last.pk)
    return sum(_again(rollout, step) for step in _lasting(rollout))


def _lasting(rollout: Rollout) -> list[RolloutStep]:
    """Return the steps whose outcome should still hold."""
    if rollout.state == RolloutState.ROLLED_BACK:
        return list(rollout.steps.filter(position=WAY_BACK))
    if rollout.kind == Rollout.Kind.WITHDRAW or not rollout.endpoint.takes_requests:
        return []
    steps = rollout.steps.filter(position__lt=WAY_BACK, name__in=["install", "route"])
    return [step for step in steps if step.name == "install" or share_of(step) == ALL]


def _again(rollout: Rollout, step: RolloutStep) -> bool:
    place, order = target(rollout.endpoint.target), orders.step_of(rollout, step)
    try:
        if place.observe(order, key=step.key, fence=rollout.fence).sight is not Sight.ABSENT:
            return False
        orders.require_told(f"put {rollout} back", rollout, way_back(rollout))
        (place.revert if step.name == REVERT.name else place.apply)(order, key=step.key, fence=rollout.fence)
    except (TryAgain, GiveUp, StaleFence) as why:
        log.warning("not put back", endpoint=rollout.endpoint.name, step=step.name, why=str(why))
        return False
    with transaction.atomic():
        facts: dict[str, object] = {"step": step.name, "key": step.key}
        record("rollout.restored", rollouts.rollout_subject(rollout), actor=SYSTEM, change=Change(facts=facts))
    return True

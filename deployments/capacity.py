"""How much of a machine an endpoint may use: model servers, memory, what may wait, what is asked together."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction

from accounts.actors import SYSTEM, Actor
from accounts.policy import require
from audit.record import Change, record
from core.refusals import Invalid
from deployments.endpoints import endpoint_subject
from deployments.models import Endpoint
from deployments.scaling import Capacity
from deployments.targets.kinds import target

BOUNDS: dict[str, tuple[int, int]] = {
    "min_replicas": (1, 32),
    "max_replicas": (1, 32),
    "in_flight": (1, 1_000),
    "memory_mb": (128, 262_144),
    "batch_rows": (1, 10_000),
    "max_waiting": (1, 10_000),
}


def capacity_of(endpoint: Endpoint) -> Capacity:
    """Return what was set for the endpoint, with defaults for the rest."""
    return Capacity(**endpoint.capacity)


def set_capacity(endpoint: Endpoint, said: Mapping[str, Any], *, actor: Actor) -> Capacity:
    """Change what `said` names and keep the rest; model servers start or stop within seconds.

    The same again changes nothing. Raises Denied without the environment's permission, Invalid for what is no
    capacity, or a target that serves with one model server only.
    """
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"set the capacity of {endpoint}", about=about)
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        before = capacity_of(row)
        after = Capacity(**{**asdict(before), **{name: _checked(name, value) for name, value in said.items()}})
        _refuse_unfit(row, after)
        if after != before:
            row.capacity, row.replicas = asdict(after), after.within(row.replicas)
            row.save(update_fields=["capacity", "replicas"])
            record("endpoint.capacity.changed", about, actor=actor, change=_change(asdict(before), asdict(after)))
    endpoint.capacity, endpoint.replicas = row.capacity, row.replicas
    return after


def move(endpoint: Endpoint, replicas: int, why: str) -> bool:
    """Make the endpoint want so many model servers, with the reason in the ledger; whether it wanted others before."""
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        if row.replicas != endpoint.replicas or row.replicas == replicas:
            return False  # somebody else was first
        Endpoint.objects.filter(pk=row.pk).update(replicas=replicas)
        change = Change({"replicas": row.replicas}, {"replicas": replicas}, why)
        record("endpoint.scaled", endpoint_subject(row), actor=SYSTEM, change=change)
    endpoint.replicas = replicas
    return True


def _change(before: dict[str, object], after: dict[str, object]) -> Change:
    """Return what differs."""
    names = [name for name in after if after[name] != before[name]]
    return Change({name: before[name] for name in names}, {name: after[name] for name in names})


def _checked(name: str, value: Any) -> int:
    if name not in BOUNDS:
        raise Invalid(f"{name[:40]} is not part of a capacity; {', '.join(BOUNDS)} are.", field="capacity")
    low, high = BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"{name} is a whole number from {low} to {high}.", field=name)
    return value


def _refuse_unfit(endpoint: Endpoint, wanted: Capacity) -> None:
    if wanted.min_replicas > wanted.max_replicas:
        raise Invalid("The most model servers cannot be fewer than the least.", field="max_replicas")
    most = target(endpoint.target).capabilities().replicas
    if wanted.max_replicas > most:
        raise Invalid(f"The target {endpoint.target} runs {most} model servers at most.", field="max_replicas")

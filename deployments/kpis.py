"""Numbers of the business for units of a rollout, told by whoever may give labels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accounts.actors import Actor
from deployments.models import Rollout
from deployments.orders import salt_of
from monitoring import kpis
from monitoring.kpis import Compared
from monitoring.labels import require_giver
from serving.unit_names import key_of, name_of


def tell(rollout: Rollout, kpi: str, units: Sequence[Any], *, actor: Actor) -> dict[str, int]:
    """Keep what was sent of units; return how many were new, revised and repeated.

    Nobody's name is kept: a unit stands under the name it has in the log of this rollout. Telling it again changes
    nothing. Raises Denied without the permission to give labels, Invalid for what is no number of a unit, and then
    nothing is taken.
    """
    require_giver(rollout.endpoint.name, actor)
    kpis.check_name(kpi)
    key = key_of(salt_of(rollout))
    named = [replace(number, unit=name_of(number.unit, key)) for number in kpis.numbers_of(units)]
    return kpis.keep(str(rollout.uuid), kpi, named, by=actor.name)


def compared(rollout: Rollout) -> list[Compared]:
    """Return what the rollout does to each number that was told."""
    return kpis.compared(str(rollout.uuid))

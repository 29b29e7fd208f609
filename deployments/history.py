"""Which version an endpoint served when and at which share, read from the ledger."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from audit.models import Event
from core import clock
from deployments.endpoints import way_back
from deployments.models import Rollout, RolloutStep
from deployments.plan import ALL, REVERT
from deployments.states import RolloutState
from deployments.watching import share_of
from registry.history import Span, Told, tell, with_evidence
from registry.models import RegisteredModel

TELLING = ("rollout.requested", "rollout.step.done", "rollout.done")
GOAL = re.compile(r"version (\d+) to (\S+)\Z")  # how a rollout's label ends
Shares = dict[int, float]


def serves(rollout: Rollout, step: RolloutStep) -> dict[str, object]:
    """Return the share of each version, in percent, once `step` is done; nothing for steps that move no requests."""
    if step.name not in {"route", REVERT.name}:
        return {}
    share = share_of(step) if step.name == "route" else 0
    before = way_back(rollout) if share < ALL else None
    shares = {str(before.version.version): ALL - share} if before else {}
    if share:
        mine = str(rollout.version.version)
        shares[mine] = shares.get(mine, 0) + share
    return {"serves": shares}


@dataclass
class Serving(Span):
    """A version had `share_pct` of an endpoint's requests; `label` is the endpoint."""

    share_pct: float = 0.0

    @property
    def lane(self) -> "Serving":
        """The same, named for a drawing in which what shares an endpoint stands apart."""
        return self if self.share_pct >= ALL / 2 else replace(self, label=f"{self.label} canary")


def servings(model: RegisteredModel) -> list[Serving]:
    """Return when which version had which share at the model's endpoints, oldest first."""
    found: list[Serving] = []
    running: dict[str, list[Serving]] = {}
    asked: dict[str, Told] = {}
    rows = Event.objects.select_related("seal").filter(model_uuid=model.uuid, action__in=TELLING).order_by("id")
    for told in map(tell, rows):
        if told.action == "rollout.requested":
            asked[told.object_id] = told
        elif told.object_id in asked and (shares := _shares(told)) is not None:
            endpoint = _goal(told)[1]
            now = list(_divided(running.get(endpoint, []), shares, told, asked[told.object_id]))
            found += [one for one in now if one.start == told.at]
            running[endpoint] = now
    return found


def _goal(told: Told) -> tuple[int, str]:
    """Return version and endpoint of a rollout's event."""
    said = GOAL.search(told.label)
    return (int(said[1]), said[2]) if said else (0, "")


def _shares(told: Told) -> Shares | None:
    """Return who has which share from this event on; None where it moves no requests."""
    if "serves" in told.facts:
        said = told.facts["serves"]
        return {int(version): float(share) for version, share in said.items()} if isinstance(said, dict) else None
    done = told.action == f"rollout.{RolloutState.DONE}" and told.facts["kind"] != Rollout.Kind.WITHDRAW
    return {_goal(told)[0]: float(ALL)} if done else None


def _divided(before: Iterable[Serving], shares: Shares, told: Told, asked: Told) -> Iterator[Serving]:
    """Yield who serves from `told` on: whoever keeps her share goes on, the others end."""
    left = dict(shares)
    for one in before:
        if left.get(one.version) == one.share_pct:
            yield one
            del left[one.version]
        else:
            one.end = told.at
    known = {one.version: one for one in before}
    for version, share in left.items():
        by = known.get(version)  # what served before keeps who put it there
        mine = by is None or version == _goal(asked)[0]
        yield Serving(
            version, _goal(told)[1], told.at, None, asked.actor if mine or by is None else by.actor, asked.comment,
            told, asked.facts.get("approval") if mine or by is None else by.approval, share_pct=share,
        )  # fmt: skip


def served_at(model: RegisteredModel, moment: datetime | None = None) -> list[Serving]:
    """Return what the model's endpoints served at `moment` (now where None), with whose approval and which metrics."""
    held = [one for one in servings(model) if one.covers(moment or clock.now())]
    with_evidence(model, list(held))
    return held

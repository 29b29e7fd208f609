"""A tally as plain JSON, between two looks. What an earlier edition wrote is read as well.

PostgreSQL orders the keys of an object anew, so what has an order is kept as a list.
"""

from collections import Counter, deque
from collections.abc import Mapping
from math import exp
from typing import Any

from monitoring.stats.betting import Bet, Stakes
from monitoring.stats.guards import RATES, Guard, RateGuard, SlowGuard, ValueGuard
from monitoring.stats.intervals import Events
from monitoring.stats.quantile import WINDOW, RunningQuantile
from monitoring.stats.split import Split
from monitoring.stats.tally import Tally

STEP = ("step", "began_s", "step_units", "step_labels", "step_values", "warming", "wanted", "filled_s")


def to_document(tally: Tally) -> dict[str, Any]:
    """Return the tally as plain JSON."""
    return {
        "order": list(tally.guards),
        "guards": {name: _guard_document(guard) for name, guard in tally.guards.items()},
        "split": _bet_document(tally.split.bet),
        "planned": sorted(tally.split.planned),
        "unplanned": tally.split.unplanned,
        **{name: getattr(tally, name) for name in STEP},
    }


def of_document(said: Mapping[str, Any]) -> Tally:
    """Return the tally that `to_document` wrote."""
    split = Split(_bet_of(said["split"], reserve=0.0), frozenset(said.get("planned", ())), said.get("unplanned"))
    return Tally(
        {name: _guard_of(name, said["guards"][name]) for name in said.get("order", said["guards"])},
        split,
        said["step"],
        said["began_s"],
        said["step_units"],
        said["step_labels"],
        said.get("step_values", 0),
        said.get("warming", 0),
        said.get("wanted", 0),
        said.get("filled_s", 0.0),
    )


def _guard_document(guard: Guard) -> dict[str, Any]:
    if isinstance(guard, ValueGuard):
        kept = {name: getattr(guard, name) for name in ("tolerance", "seen", "means", "squares")}
        return {**kept, "stakes": _stakes_document(guard.stakes)}
    told: dict[str, Any] = {
        "bet": _bet_document(guard.bet),
        "seen": guard.seen,
        "bad": guard.bad,
        "events": [[int(arm), share, count] for (arm, share), count in guard.events.items()],
    }
    if isinstance(guard, SlowGuard):
        now = guard.running
        running = {"part": now.part, "last": list(now.last), "seen": now.seen, "threshold": now.threshold}
        told |= {"running": running, "tolerance": guard.tolerance}
    return told


def _guard_of(name: str, said: Mapping[str, Any]) -> Guard:
    if name == "value":
        kept = (list(said[word]) for word in ("seen", "means", "squares"))
        return ValueGuard(name, said["tolerance"], _stakes_of(said["stakes"]), *kept)
    rate = RateGuard(name, _bet_of(said["bet"]), list(said["seen"]), list(said["bad"]), _events_of(said["events"]))
    if name != "latency":
        return RATES[name](**vars(rate))
    now = said["running"]
    running = RunningQuantile(now["part"], deque(now["last"], maxlen=WINDOW), now["seen"], now["threshold"])
    return SlowGuard(**vars(rate), running=running, tolerance=said["tolerance"])


def _events_of(said: Any) -> Events:
    return Counter({(bool(arm), share): count for arm, share, count in said})


def _bet_document(bet: Bet) -> dict[str, Any]:
    return {"ratios": list(bet.ratios), "null": bet.null, **_stakes_document(bet.stakes)}


def _bet_of(said: Mapping[str, Any], reserve: float | None = None) -> Bet:
    """Return a bet. Ratios below a tolerance are left out: the first edition bet on them, and they prove nothing."""
    said = {"whole": [exp(log) for log in said["logs"]], **said} if "logs" in said else said
    pairs = list(zip(said["ratios"], said["whole"], strict=True))
    if reserve is None:
        pairs = [(ratio, stake) for ratio, stake in pairs if ratio > said["null"]]
    stakes = _stakes_of({**said, "whole": [stake for _, stake in pairs]}, reserve)
    return Bet(tuple(ratio for ratio, _ in pairs), said["null"], stakes)


def _stakes_document(stakes: Stakes) -> dict[str, Any]:
    return {"whole": stakes.whole, "parts": list(stakes.parts.items()), "peak": stakes.peak, "reserve": stakes.reserve}


def _stakes_of(said: Mapping[str, Any], reserve: float | None = None) -> Stakes:
    parts = {name: list(part) for name, part in said.get("parts", ())}
    return Stakes(list(said["whole"]), parts, said["peak"], said.get("reserve", 0.0) if reserve is None else reserve)

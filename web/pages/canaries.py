"""What a deployment's page says of a canary: verdict, division of requests, guardrails, numbers of each step."""

import math
from typing import Any

from deployments.models import Rollout, RolloutStep
from deployments.plan import ALL, Strategy
from deployments.states import ENDED, RolloutState, StepStatus
from deployments.watching import share_of
from monitoring import late, verdicts
from monitoring.stats.summary import MANY, evidence
from web.pages import replicas

WORDS = {"error": "Failed requests", "accuracy": "Wrong predictions", "latency": "Slow answers"}
JUDGED = {Strategy.CANARY, Strategy.LINEAR, Strategy.AB, Strategy.SHADOW}
LOOKED_AT = frozenset({"watch", "compare", "gate"})
UNASKED = "Nothing is judged yet: the canary gets no traffic."
TRACKS = (("canary", "canary"), ("stable", "live"))


def told(rollout: Rollout, steps: list[RolloutStep]) -> dict[str, Any] | None:
    """Return what there is to say, or None where the rollout is no canary or has none yet."""
    if not is_judged(rollout):
        return None
    watched = [step for step in steps if step.name == "watch" and step.started_at]
    looked_at = [step for step in steps if step.name in LOOKED_AT and step.started_at and step.observed]
    asked = asked_pct(steps)
    looks = [step.observed for step in looked_at if share_of(step) == asked]
    said = looked_at[-1].observed if looked_at and asked == ALL else looks[-1] if looks else {}
    guards: list[dict[str, Any]] = looked_at[-1].observed.get("guards", []) if looked_at else []  # of all steps
    before = rollout.last_good.version.version if rollout.last_good else None
    return {
        "verdict": said.get("verdict", ""),
        "sentence": said.get("sentence") or (f"Nothing is judged at {asked} % yet." if asked else UNASKED),
        "needs_person": bool(said.get("needs_person")),
        "guards": [_guard(guard) for guard in guards],
        "split": None if rollout.state in ENDED or not asked else _split(asked, looks),
        "performance": [line for step in watched for line in _performance(rollout, step)],
        "share_pct": watched_pct(steps),
        "gate_pct": gate_pct(steps),
        "at_gate": gate_pct(steps) != "",
        "has_copies": any(step.name == "mirror" and step.started_at for step in steps),
        "version": rollout.version.version,
        "before": before,
        "late_since": late.late_since(rollout.endpoint.name) if rollout.state == RolloutState.RUNNING else None,
        **_server(rollout),
        "paused_at": rollout.paused_at,
        "paused_by": rollout.paused_by.username if rollout.paused_by else "",
    }


def _server(rollout: Rollout) -> dict[str, str]:
    """Return how its model server does while it is under way."""
    if rollout.state != RolloutState.RUNNING:
        return {}
    seen = replicas.seen(rollout)
    return {"server": replicas.words(seen), "withheld": replicas.withheld(seen)}


def may_steer(rollout: Rollout) -> bool:
    """Whether a person could pause, promote or send the rollout back now."""
    return rollout.state == RolloutState.RUNNING and is_judged(rollout)


def is_judged(rollout: Rollout) -> bool:
    """Whether its plan goes from share to share."""
    return rollout.plan.get("strategy") in JUDGED


def watched_pct(steps: list[RolloutStep]) -> int | str:
    """Return the share, in percent, at which it is watched now, or nothing between two watches."""
    return _now(steps, "watch", "compare")


def gate_pct(steps: list[RolloutStep]) -> int | str:
    """Return the share, in percent, behind which it waits for a person to open a gate, or nothing."""
    return _now(steps, "gate")


def _now(steps: list[RolloutStep], *names: str) -> int | str:
    left = [step for step in steps if step.status != StepStatus.DONE]
    return share_of(left[0]) if left and left[0].name in names else ""


def asked_pct(steps: list[RolloutStep]) -> int:
    """Return the share, in percent, that the newest route step gave; 0 before the first."""
    routed = [step for step in steps if step.name == "route" and step.started_at]
    return share_of(routed[-1]) if routed else 0


def _guard(said: dict[str, Any]) -> dict[str, Any]:
    """Return a guardrail with its name in words, and its evidence where no number of it says more."""
    huge = evidence(said["peak"]) if said["peak"] >= MANY else ""
    return {**said, "label": WORDS.get(said["name"], said["name"]), "huge": huge}


def _split(asked_pct: int, looks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how requests are divided: as asked, and as the router had counted in the step when it was judged last."""
    seen: dict[str, Any] = next((look for look in reversed(looks) if "counted" in look), {"counted": {}, "since": {}})
    counted = {track: max(0, count - seen["since"].get(track, 0)) for track, count in seen["counted"].items()}
    canary, everything = counted.get("canary", 0), sum(counted.values())
    return {
        "asked_pct": asked_pct,
        "seen_pct": taken_pct(canary, everything) if everything else None,
        "canary": canary,
        "all": everything,
        "width": min(asked_pct, 100),
    }


def taken_pct(taken: int, everything: int) -> float:
    """Return what percent of `everything` was taken, in no more places than so many draws can tell apart.

    The last place is the one where two standard errors of a binomial share begin; two places at most.
    """
    share = taken / everything
    two_errors = 200 * math.sqrt(max(share * (1 - share), 1 / everything) / everything)
    return round(100 * share, max(0, min(2, math.ceil(-math.log10(two_errors)))))


def _performance(rollout: Rollout, step: RolloutStep) -> list[dict[str, Any]]:
    """Return a line for each track of a step: what was kept at its end, or what there is so far."""
    kept = step.observed.get("tracks") or verdicts.performance(str(rollout.uuid), str(share_of(step)))
    return [
        {"share_pct": share_of(step), "track": label, **kept[track], "ended": step.ended_at}
        for track, label in TRACKS
        if track in kept
    ]

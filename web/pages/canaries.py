"""What a deployment's page says of a canary: verdict, division of requests, guardrails, numbers of each step."""

import math
from typing import Any

from deployments.models import WAY_BACK, Rollout, RolloutStep
from deployments.plan import ALL, Strategy
from deployments.states import RolloutState, StepStatus
from deployments.watching import CHOOSES, share_of
from monitoring import late, verdicts
from monitoring.stats.judge import Decision
from monitoring.stats.summary import MANY, evidence
from web.pages import replicas

WORDS = {
    "error": "Failed requests", "accuracy": "Wrong predictions", "latency": "Slow answers", "value": "Business value"
}  # fmt: skip
JUDGED = {Strategy.CANARY, Strategy.LINEAR, Strategy.AB, Strategy.SHADOW}
LOOKED_AT = frozenset({"watch", "compare", "gate"})
UNASKED = "Nothing is judged yet: the canary gets no traffic."
UNCOPIED = "Nothing is compared yet: no request was copied."
AHEAD = frozenset({RolloutState.QUEUED, RolloutState.RUNNING})  # what is said of these holds on; of others it is past
TRACKS = (("canary", "canary"), ("stable", "live"))


def told(rollout: Rollout, steps: list[RolloutStep]) -> dict[str, Any] | None:
    """Return what there is to say, or None where the rollout is no canary."""
    if not is_judged(rollout):
        return None
    is_watched = rollout.state == RolloutState.RUNNING and asked_pct(steps) != ALL
    late_since = late.late_since(rollout.endpoint.name) if is_watched else None
    return {**seen(rollout, steps), **_server(rollout), "late_since": late_since}


def seen(rollout: Rollout, steps: list[RolloutStep]) -> dict[str, Any]:
    """Return what the steps of a canary show."""
    watched = [step for step in steps if step.name == "watch" and step.started_at]
    looked_at = [step for step in steps if step.name in LOOKED_AT and step.started_at and step.observed]
    asked, is_running = asked_pct(steps), rollout.state == RolloutState.RUNNING
    looks = [step.observed for step in looked_at if share_of(step) == asked]
    is_back = any(step.position == WAY_BACK for step in steps)
    is_settled = asked == ALL or rollout.state not in AHEAD
    guards: list[dict[str, Any]] = looked_at[-1].observed.get("guards", []) if looked_at else []  # of all steps
    before = rollout.last_good.version.version if rollout.last_good else None
    return {
        **(_settled(looked_at, is_back=is_back) if is_settled else _open(rollout, looks[-1] if looks else {}, asked)),
        "title": "Verdict at its end" if is_settled else "Verdict",
        "is_shadow": rollout.plan.get("strategy") == Strategy.SHADOW,
        "guards": [_guard(guard) for guard in guards],
        "split": _split(asked, looks) if is_running and asked else None,
        "performance": (lines := [line for step in watched for line in _performance(rollout, step)]),
        "has_values": any(line.get("valued") for line in lines),
        "share_pct": watched_pct(steps),
        "gate_pct": gate_pct(steps),
        "at_gate": is_running and gate_pct(steps) != "",
        "has_copies": any(step.name == "mirror" and step.started_at for step in steps),
        "version": rollout.version.version,
        "before": before,
        "paused_at": rollout.paused_at if is_running else None,
        "paused_by": rollout.paused_by.username if rollout.paused_by else "",
    }


def _open(rollout: Rollout, said: dict[str, Any], asked: int) -> dict[str, Any]:
    """Return what the evidence says where something still hangs on it."""
    nothing = UNCOPIED if rollout.plan.get("strategy") == Strategy.SHADOW else UNASKED
    return {
        "verdict": said.get("verdict", ""),
        "sentence": said.get("sentence") or (f"Nothing is judged at {asked} % yet." if asked else nothing),
        "needs_person": bool(said.get("needs_person")) and rollout.state == RolloutState.RUNNING,
        "comparison": "",
    }


def _settled(looked_at: list[RolloutStep], *, is_back: bool) -> dict[str, Any]:
    """Return what was seen last where nothing hangs on it any more: what it asked of people is over.

    A hold decided nothing, nor did evidence for a version that a person sent back. How the versions differed stays.
    """
    told = [step for step in looked_at if step.name != "gate" or step.observed.get("guardrail")]
    said = told[-1].observed if told else {}
    verdict, sentence = said.get("verdict", ""), str(said.get("sentence", ""))
    compared = [found for step in looked_at if (found := _comparison(step.observed))]
    last = looked_at[-1] if looked_at else None
    word = last.why if last and last.status == StepStatus.DONE else ""
    shown = f"It was {word}." if word else sentence or "It ended before anything was judged."
    return {
        "verdict": "" if word or verdict in {Decision.HOLD, Decision.PROMOTE if is_back else ""} else verdict,
        "sentence": shown,
        "needs_person": False,
        "comparison": compared[-1] if compared and compared[-1] not in shown else "",
    }


def _comparison(observed: dict[str, Any]) -> str:
    """Return what the versions were told apart by at a step, of rows from before it was kept by itself too."""
    kept, sentence = str(observed.get("comparison", "")), str(observed.get("sentence", ""))
    return kept or (sentence.removesuffix(CHOOSES).strip() if sentence.endswith(CHOOSES) else "")


def _server(rollout: Rollout) -> dict[str, str]:
    """Return how its model server does while it is under way."""
    if rollout.state != RolloutState.RUNNING:
        return {}
    what = replicas.seen(rollout)
    return {"server": replicas.words(what), "trouble": replicas.trouble(what)}


def may_steer(rollout: Rollout) -> bool:
    """Whether a person could end what the rollout is watched for now."""
    return rollout.state == RolloutState.RUNNING and is_judged(rollout)


def may_pause(rollout: Rollout) -> bool:
    """Whether a person could keep the rollout where it is now: at a share, or at its bake."""
    is_baked = rollout.plan.get("strategy") == Strategy.BLUE_GREEN and bool(rollout.plan.get("bake_s"))
    return rollout.state == RolloutState.RUNNING and (is_baked or is_judged(rollout))


def may_abort(rollout: Rollout) -> bool:
    """Whether a person could send the rollout back now."""
    return rollout.state == RolloutState.RUNNING and rollout.kind == Rollout.Kind.DEPLOY


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
    nothing: dict[str, Any] = {"counted": {}, "since": {}}
    look = next((look for look in reversed(looks) if "counted" in look), nothing)
    counted = {track: max(0, count - look["since"].get(track, 0)) for track, count in look["counted"].items()}
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

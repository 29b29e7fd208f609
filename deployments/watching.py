"""A canary's steps between two shares: what the evidence says of them, as the engine sees it."""

from datetime import timedelta
from typing import Any

from core import clock
from deployments import orders
from deployments.models import Rollout, RolloutStep
from deployments.plan import ALL, Sight
from deployments.targets.contract import Seen, TryAgain
from deployments.targets.kinds import target
from monitoring import verdicts
from monitoring.stats.judge import Decision, Verdict

LOOK_EVERY = timedelta(seconds=1)


def share_of(step: RolloutStep) -> int:
    """Return the share, in percent, that the step gives or watches; 0 where it has none."""
    return int(str(step.arguments.get("share_pct", 0)))


def prepare(rollout: Rollout, step: RolloutStep) -> None:
    """Judge requests from the first one of a share on; nothing is judged any more once all of them go over."""
    if step.name == "revert" or (step.name == "route" and share_of(step) == ALL):
        verdicts.end(str(rollout.uuid))
    elif step.name == "route":
        verdicts.watch(str(rollout.uuid), rollout.endpoint.name, rules_of(rollout))
        verdicts.enter(str(rollout.uuid), str(share_of(step)))


def look(rollout: Rollout, step: RolloutStep) -> Seen:
    """Return what the evidence says: reached where it lets the rollout go on and nobody paused it.

    Looked at once a second: what is seen in between is what was seen then.
    """
    if step.started_at is None:
        return Seen(Sight.ABSENT)
    if step.not_before > clock.now():
        return Seen(Sight.UNDER_WAY, step.observed)
    RolloutStep.objects.filter(pk=step.pk).update(not_before=clock.now() + LOOK_EVERY)
    if gone := _gave_up(rollout):
        return Seen(Sight.CONDEMNED, {**step.observed, "verdict": str(Decision.ROLLBACK), "sentence": gone}, gone)
    said = verdicts.verdict(str(rollout.uuid))
    since = step.observed.get("since") or _counters(rollout)
    if said is None:
        return Seen(
            Sight.UNDER_WAY, {"verdict": Decision.HOLD, "sentence": "Hold: nothing is observed.", "since": since}
        )
    sight = _sight(rollout, said)
    facts = {**_facts(said), "since": since}
    if sight is not Sight.UNDER_WAY:
        facts["tracks"] = verdicts.performance(str(rollout.uuid), str(share_of(step)))
    return Seen(sight, facts, said.sentence if sight is Sight.CONDEMNED else "")


def _gave_up(rollout: Rollout) -> str:
    """Return, in a sentence, that the canary's model server is given up; or an empty string."""
    try:
        seen = target(rollout.endpoint.target).runs(orders.release_of(rollout))
    except TryAgain:
        return ""
    return f"Roll back: the canary's model server is given up: {seen.why}." if seen.sight is Sight.BROKEN else ""


def _counters(rollout: Rollout) -> dict[str, int]:
    """Return the router's counters by track: what is taken in this step counts from here."""
    try:
        return dict(target(rollout.endpoint.target).split(rollout.endpoint.name).requests)
    except TryAgain:
        return {}


def _sight(rollout: Rollout, said: Verdict) -> Sight:
    if said.decision is Decision.ROLLBACK:
        return Sight.CONDEMNED
    goes_on = said.decision is Decision.PROMOTE and rollout.paused_at is None
    return Sight.REACHED if goes_on else Sight.UNDER_WAY


def _facts(said: Verdict) -> dict[str, Any]:
    return {
        "verdict": str(said.decision),
        "sentence": said.sentence,
        "guardrail": said.guardrail,
        "guards": [dict(guard) for guard in said.guards],
        "needs_person": said.needs_person,
    }


def rules_of(rollout: Rollout) -> dict[str, Any]:
    """Return the rules of the signed plan."""
    found: Any = rollout.plan.get("rules") or {}
    return dict(found)

"""A canary's steps between two shares: what the evidence says of them, as the engine sees it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from core import clock
from deployments import freezing, orders, reach
from deployments.models import Rollout, RolloutStep
from deployments.plan import ALL, Sight, Strategy
from deployments.plans import Plan
from deployments.targets.contract import Seen, Split, TryAgain
from deployments.targets.kinds import target
from monitoring import copies, late, verdicts
from monitoring.stats import agreement
from monitoring.stats.agreement import Copies
from monitoring.stats.judge import Decision, Verdict

LOOK_EVERY = timedelta(seconds=1)
NOTHING = {"verdict": Decision.HOLD, "sentence": "Hold: nothing is observed."}
UNOBSERVED = "Hold: the router sent it requests, and nothing is observed of them. A person decides."
UNCOUNTED = "Hold: nobody says whether it was sent requests, and none is observed. A person decides."
CHOOSES = "A person chooses: let it have all requests, or send it back."
WAITS = "The gate behind {} % waits for a person to let it go on."


def share_of(step: RolloutStep) -> int:
    """Return the share, in percent, that the step gives or watches; 0 where it has none."""
    return step.share_pct


def prepare(rollout: Rollout, step: RolloutStep) -> None:
    """Judge requests from the first one of a share on; nothing is judged any more once all of them go over."""
    if step.name == "revert" or (step.name == "route" and share_of(step) == ALL):
        verdicts.end(str(rollout.uuid))
    elif step.name == "route":
        rules = asdict(plan_of(rollout).rules_at(share_of(step)))
        verdicts.watch(str(rollout.uuid), rollout.endpoint.name, rules)
        verdicts.enter(str(rollout.uuid), str(share_of(step)), rules)


def look(rollout: Rollout, step: RolloutStep) -> Seen:
    """Return what the evidence says: reached where it lets the rollout go on and nobody paused it."""
    return _looked_at(rollout, step, _at_share)


def look_at_gate(rollout: Rollout, step: RolloutStep) -> Seen:
    """Return that a gate waits for its person; evidence against the version counts there as well."""
    return _looked_at(rollout, step, _at_gate)


def _looked_at(rollout: Rollout, step: RolloutStep, seen_by: Callable[[Rollout, RolloutStep], Seen]) -> Seen:
    """Look once a second: what is seen in between is what was seen then."""
    if step.started_at is None:
        return Seen(Sight.ABSENT)
    if rollout.paused_at is not None:
        keep_time(step, clock.now())  # a person decided: nothing ends for want of a decision
    if clock.is_ahead(step.not_before, LOOK_EVERY):
        return Seen(Sight.UNDER_WAY, step.observed)
    RolloutStep.objects.filter(pk=step.pk).update(not_before=clock.now() + LOOK_EVERY)
    if gone := _gave_up(rollout):
        return Seen(Sight.CONDEMNED, {**step.observed, "verdict": str(Decision.ROLLBACK), "sentence": gone}, gone)
    return seen_by(rollout, step)


def _at_share(rollout: Rollout, step: RolloutStep) -> Seen:
    said = verdicts.verdict(str(rollout.uuid))
    counted = _counted(rollout, step)
    if said is None:
        return Seen(Sight.UNDER_WAY, {**NOTHING, **counted})
    if said.decision is Decision.PROMOTE and not said.units and not _is_idle(counted):
        words = UNOBSERVED if "counted" in counted else UNCOUNTED
        said = replace(said, decision=Decision.HOLD, sentence=words, needs_person=True)
    sight = _sight(rollout, said)
    if sight is Sight.REACHED and (kept := _kept(rollout, step)):
        sight, said = Sight.UNDER_WAY, replace(said, decision=Decision.HOLD, sentence=f"Hold: {kept}")
    facts = {**_facts(said), **counted}
    if sight is not Sight.UNDER_WAY:
        facts["tracks"] = verdicts.performance(str(rollout.uuid), str(share_of(step)))
        facts |= compared(rollout)
    return Seen(sight, facts, _why(sight, said))


def _why(sight: Sight, said: Verdict) -> str:
    """Return what sends it back, or what it lacked should its time be over."""
    return said.sentence if sight is Sight.CONDEMNED else said.lacks


def _kept(rollout: Rollout, step: RolloutStep) -> str:
    """Return what keeps the rollout at its share although the evidence lets it go on; its time runs from the end."""
    freeze = freezing.frozen(rollout)
    words = freeze.words if freeze else reach.kept(rollout)
    if words:
        keep_time(step, freeze.until if freeze else clock.now())
    return words


def look_at_copies(rollout: Rollout, step: RolloutStep) -> Seen:
    """Return how far the answers to copies agree: reached where enough were compared and nobody paused it."""
    return _looked_at(rollout, step, _at_copies)


def _at_copies(rollout: Rollout, step: RolloutStep) -> Seen:
    known = late.complete_up_to(rollout.endpoint.name) or clock.now()
    spent_s = max(0.0, (known - (step.started_at or known)).total_seconds())
    said = agreement.judge(_copies(rollout), plan_of(rollout).copy_rules, spent_s)
    facts = {"verdict": str(said.decision), "sentence": said.sentence, "needs_person": said.needs_person}
    sight = _sight(rollout, said)
    return Seen(sight, {**facts, **compared(rollout)}, _why(sight, said))


def _copies(rollout: Rollout) -> Copies:
    """Compare what is there by now; return what became of the copies."""
    copies.settle(rollout.endpoint.name)
    return _standing(rollout)


def _standing(rollout: Rollout) -> Copies:
    return copies.standing(str(rollout.uuid), plan_of(rollout).copy_rules.within)


def keep_time(step: RolloutStep, until: datetime) -> None:
    """Let the step's time run from the end of what keeps it."""
    deadline_at = until + timedelta(seconds=float(str(step.arguments["deadline_s"])))
    if step.deadline_at is not None and step.deadline_at < deadline_at:
        RolloutStep.objects.filter(pk=step.pk, deadline_at__lt=deadline_at).update(deadline_at=deadline_at)
        step.deadline_at = deadline_at


def against(rollout: Rollout) -> str:
    """Return the evidence that sends the rollout back whatever it waits for, or an empty string."""
    said = verdicts.verdict(str(rollout.uuid))
    return said.sentence if said and said.guardrail and not said.needs_person else ""


def _at_gate(rollout: Rollout, step: RolloutStep) -> Seen:
    said, strategy = verdicts.verdict(str(rollout.uuid)), rollout.plan["strategy"]
    if strategy == Strategy.SHADOW:
        copies.settle(rollout.endpoint.name)
    told = compared(rollout)
    if said and said.guardrail:
        return Seen(_sight(rollout, said), {**_facts(said), **told}, said.sentence)
    sentence = f"{told['comparison']} {CHOOSES}" if told else WAITS.format(share_of(step))
    waits = {"sentence": sentence, "needs_person": True, "verdict": Decision.HOLD}
    return Seen(Sight.UNDER_WAY, {**(_facts(said) if said else {}), **told, **waits})


def compared(rollout: Rollout) -> dict[str, str]:
    """Return as `comparison` what the versions are told apart by so far, where the plan leaves the choice to a person.

    It is kept with the step that it was seen at, so that it can be read whatever the person chose.
    """
    if rollout.plan["strategy"] == Strategy.AB:
        return {"comparison": verdicts.comparison(str(rollout.uuid))}
    return {"comparison": _standing(rollout).words} if rollout.plan["strategy"] == Strategy.SHADOW else {}


def was_given(rollout: Rollout, step: RolloutStep) -> bool:
    """Whether the share that `step` watches lasted and took what it had to at least, or all the time it has."""
    if step.started_at is None:
        return False
    rules, said = plan_of(rollout).rules_at(share_of(step)), verdicts.verdict(str(rollout.uuid))
    spent_s = (clock.now() - step.started_at).total_seconds()
    units = said.units if said else 0
    return spent_s > rules.max_s or (spent_s >= rules.min_s and units >= rules.min_units)


def _counted(rollout: Rollout, step: RolloutStep) -> dict[str, Any]:
    """Return the router's counters now as `counted`, and as `since` those at the step's first look.

    What is taken in the step is the difference. Nothing where the router does not say.
    """
    if (now := _counters(rollout)) is None:
        return {name: step.observed[name] for name in ("since", "counted") if name in step.observed}
    return {"since": step.observed.get("since", now), "counted": now}


def _is_idle(counted: Mapping[str, Any]) -> bool:
    """Whether the place says that the canary was sent no requests in the step; else their evidence is missing."""
    now, before = counted.get("counted"), counted.get("since", {})
    return now is not None and now.get("canary", 0) <= before.get("canary", 0)


def _gave_up(rollout: Rollout) -> str:
    """Return, in a sentence, that the canary's model server is given up; or an empty string."""
    try:
        seen = target(rollout.endpoint.target).runs(orders.release_of(rollout))
    except TryAgain:
        return ""
    return f"Roll back: the canary's model server is given up: {seen.why}." if seen.sight is Sight.BROKEN else ""


def _counters(rollout: Rollout) -> dict[str, int] | None:
    """Return the place's counters by track; None where it does not say."""
    try:
        said = target(rollout.endpoint.target).split(rollout.endpoint.name)
    except TryAgain:
        return None
    return None if said == Split() else dict(said.requests)


def _sight(rollout: Rollout, said: Verdict) -> Sight:
    if said.decision is Decision.ROLLBACK:
        return Sight.REFERRED if said.needs_person else Sight.CONDEMNED
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


def plan_of(rollout: Rollout) -> Plan:
    """Return the plan that was signed."""
    return Plan.of(rollout.plan)

"""A canary from share to share: what evidence does to it, and what people may."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import endpoints, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.shifts import shifts
from deployments.states import RolloutState
from monitoring import ingest, verdicts
from monitoring.models import Prediction
from registry.models import RegisteredModel
from serving import contract
from serving.contract import Routes
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run
from tests.deployments.traffic import Traffic, routes, traffic
from tests.monitoring.conftest import Stream, stream

__all__ = ["stream", "traffic"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RULES = {"min_units": 20, "min_labels": 10, "min_s": 0, "max_s": 60, "ratio_bound": None}
CANARY = Plan.of({"strategy": "canary", "shares": [5, 25], "rules": RULES})


@pytest.fixture
def canary(hands: Hands, staging: Endpoint, model: RegisteredModel, stream: Stream, dana: Actor, eli: Actor) -> Rollout:
    """Version 2 beside version 1, at 5 %."""
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    stream.endpoint = staging.name
    return run(hands, rollouts.start(locked_version(model, dana), staging, CANARY, actor=eli), turns=4)


def names(rollout: Rollout, *, status: str) -> list[str]:
    steps = rollout.steps.filter(status=status)
    return [f"{step.name} {step.arguments.get('share_pct', '')}".strip() for step in steps]


def test_a_canary_begins_at_its_first_share_and_waits_there_without_traffic(hands: Hands, canary: Rollout) -> None:
    run(hands, canary)
    assert routes(hands, canary) == {"canary": 500, "stable": 9_500}
    assert hands.running() == ["1", "2"]
    watch = canary.steps.get(name="watch", arguments__share_pct=5)
    assert watch.observed["sentence"] == "Hold: 0 of 20 canary requests in this step."
    canary.refresh_from_db()
    assert canary.state == RolloutState.RUNNING


def test_a_version_as_good_goes_from_share_to_share_to_all(hands: Hands, canary: Rollout, traffic: Traffic) -> None:
    traffic(canary, 5)
    run(hands, canary, turns=3)
    assert routes(hands, canary) == {"canary": 2_500, "stable": 7_500}
    traffic(canary, 25, requests=300)
    done = run(hands, canary)
    assert (done.state, routes(hands, canary)) == (RolloutState.DONE, {"stable": 10_000})
    assert hands.serving(canary.endpoint.name) == ["2"]
    seen = [step.observed for step in canary.steps.filter(name="watch")]
    assert [said["verdict"] for said in seen] == ["promote", "promote"]
    assert {"requests", "p95_ms", "wrong"} <= seen[0]["tracks"]["canary"].keys()


def test_it_goes_no_further_than_its_evidence_is_complete(
    hands: Hands, canary: Rollout, traffic: Traffic, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic(canary, 5)
    asked, seen = clock.now(), canary.steps.get(name="watch", arguments__share_pct=5)
    for complete_s, after_s, sentence in (
        (-5.0, 0, "Hold: what was asked beside the first 20 canary requests is not all here yet."),
        (0.0, 31, f"Hold: evidence is late since {asked:%H:%M:%S} UTC."),
        (31.0, 31, ""),
    ):
        monkeypatch.setattr(clock, "now", lambda now=asked + timedelta(seconds=after_s): now)
        stream.complete(asked + timedelta(seconds=complete_s))
        ingest.drain()
        run(hands, canary, turns=3)
        seen.refresh_from_db()
        assert seen.observed["sentence"] == sentence or not sentence
        assert routes(hands, canary)["canary"] == (500 if sentence else 2_500)


def test_evidence_that_is_here_sends_it_back_while_other_is_late(
    hands: Hands, canary: Rollout, traffic: Traffic, stream: Stream
) -> None:
    stream.complete(clock.now() - timedelta(seconds=300))
    traffic(canary, 5, requests=600, wrong=0.6)
    assert run(hands, canary).state == RolloutState.ROLLED_BACK


def test_wrong_predictions_send_it_back_without_a_person(hands: Hands, canary: Rollout, traffic: Traffic) -> None:
    traffic(canary, 5, requests=600, wrong=0.6)
    done = run(hands, canary)
    assert (done.state, routes(hands, canary)) == (RolloutState.ROLLED_BACK, {"stable": 10_000})
    assert hands.serving(canary.endpoint.name) == ["1"]
    assert done.why.startswith("Roll back: ")
    assert "canary predictions were wrong, against" in done.why
    kept = canary.steps.get(name="watch", arguments__share_pct=5)
    assert (kept.status, kept.observed["verdict"]) == ("failed", "rollback")
    assert kept.observed["tracks"]["canary"]["wrong"] > 0
    verdict = verdicts.verdict(str(canary.uuid))
    assert verdict
    assert verdict.decision == "rollback"


def test_errors_send_it_back_at_any_step(hands: Hands, canary: Rollout, traffic: Traffic) -> None:
    traffic(canary, 5)
    run(hands, canary, turns=3)
    traffic(canary, 25, requests=80, status=500)
    assert run(hands, canary).state == RolloutState.ROLLED_BACK


def test_a_paused_canary_keeps_its_share_until_it_is_let_go_on(
    hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor
) -> None:
    steering.pause(canary, reason="lunch", actor=eli)
    steering.pause(canary, reason="lunch", actor=eli)
    traffic(canary, 5)
    run(hands, canary)
    assert routes(hands, canary) == {"canary": 500, "stable": 9_500}
    steering.go_on(canary, reason="back", actor=eli)
    run(hands, canary, turns=3)
    assert routes(hands, canary) == {"canary": 2_500, "stable": 7_500}
    assert Event.objects.filter(action="rollout.paused", object_id=str(canary.pk)).count() == 1


def test_a_paused_canary_is_not_sent_back_for_want_of_a_decision(hands: Hands, canary: Rollout, eli: Actor) -> None:
    steering.pause(canary, reason="I look", actor=eli)
    canary.steps.filter(name="watch", arguments__share_pct=5).update(deadline_at=clock.now() - timedelta(seconds=1))
    assert run(hands, canary).state == RolloutState.RUNNING
    steering.go_on(canary, reason="seen", actor=eli)
    canary.steps.filter(name="watch", arguments__share_pct=5).update(deadline_at=clock.now() - timedelta(seconds=1))
    assert run(hands, canary).state == RolloutState.ROLLED_BACK


def test_a_paused_bake_keeps_what_stands_by(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    plan = Plan.of({"strategy": "blue-green", "bake_s": 60})
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, plan, actor=eli), turns=6)
    steering.pause(rollout, reason="I look", actor=eli)
    rollout.steps.filter(name="bake").update(started_at=clock.now() - timedelta(seconds=99), deadline_at=clock.now())
    assert run(hands, rollout).state == RolloutState.RUNNING
    assert hands.running() == ["1", "2"]
    steering.go_on(rollout, reason="seen", actor=eli)
    assert run(hands, rollout).state == RolloutState.DONE


def test_evidence_sends_a_paused_canary_back(hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor) -> None:
    steering.pause(canary, reason="lunch", actor=eli)
    traffic(canary, 5, requests=600, wrong=0.6)
    assert run(hands, canary).state == RolloutState.ROLLED_BACK


@pytest.mark.parametrize(("to_all", "state"), [(False, RolloutState.RUNNING), (True, RolloutState.DONE)])
def test_a_person_promotes_by_one_share_or_to_all_with_a_reason(
    hands: Hands, canary: Rollout, eli: Actor, *, to_all: bool, state: RolloutState
) -> None:
    with pytest.raises(Invalid, match="needs a reason"):
        steering.promote(canary, reason=" ", actor=eli)
    steering.promote(canary, reason="known good", actor=eli, to_all=to_all)
    assert run(hands, canary).state == state
    assert routes(hands, canary) == ({"stable": 10_000} if to_all else {"canary": 2_500, "stable": 7_500})
    assert canary.steps.filter(why="promoted by eli").count() == (3 if to_all else 1)


def test_a_promotion_given_twice_or_late_ends_no_watch_that_nobody_looked_at(
    hands: Hands, canary: Rollout, eli: Actor
) -> None:
    steering.promote(canary, reason="known good", actor=eli, share_pct=5)
    run(hands, canary)
    with pytest.raises(Conflict, match="gone on to 25 % since you looked at 5 %"):
        steering.promote(canary, reason="known good", actor=eli, share_pct=5)
    assert routes(hands, canary) == {"canary": 2_500, "stable": 7_500}


def test_a_paused_canary_is_shown_as_paused(canary: Rollout, eli: Actor) -> None:
    steering.pause(canary, reason="", actor=eli)
    canary.refresh_from_db()
    assert (canary.state, canary.shown_state) == (RolloutState.RUNNING, "paused")


def test_a_person_sends_it_back_with_a_reason(hands: Hands, canary: Rollout, eli: Actor) -> None:
    steering.abort(canary, reason="the customer called", actor=eli)
    done = run(hands, canary)
    assert (done.state, done.why) == (RolloutState.ROLLED_BACK, "eli: the customer called")
    assert routes(hands, canary) == {"stable": 10_000}
    with pytest.raises(Conflict, match="nothing to send back"):
        steering.abort(canary, reason="again", actor=eli)


def test_who_may_not_deploy_here_may_not_steer(canary: Rollout, dana: Actor, aude: Actor) -> None:
    for actor in (dana, aude):
        for deed in (steering.pause, steering.go_on, steering.promote, steering.abort):
            with pytest.raises(Denied):
                deed(canary, reason="x", actor=actor)


def test_someone_who_lost_the_right_to_deploy_exposes_nobody_more(
    hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor
) -> None:
    eli.person.groups.clear()
    traffic(canary, 5)
    done = run(hands, canary)
    assert done.state == RolloutState.ROLLED_BACK
    assert "eli, who started it, may not deploy here any more" in done.why


def test_a_watch_that_sees_nothing_for_twice_its_time_is_sent_back(
    hands: Hands, canary: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + timedelta(seconds=130)
    monkeypatch.setattr(clock, "now", lambda: later)
    done = run(hands, canary)
    assert done.state == RolloutState.ROLLED_BACK
    assert done.why == ("The time at this share is over, and nobody decided: 0 of 20 canary requests in this step")


def test_a_canary_whose_model_server_is_given_up_goes_back_at_once(hands: Hands, canary: Rollout) -> None:
    hands.broken.add("2")
    done = run(hands, canary)
    assert done.state == RolloutState.ROLLED_BACK
    assert done.why == "Roll back: the canary's model server is given up: the model cannot be loaded."
    assert hands.serving(canary.endpoint.name) == ["1"]


def test_a_canary_whose_model_server_starts_anew_is_waited_for(hands: Hands, canary: Rollout, traffic: Traffic) -> None:
    hands.slow.add("2")
    assert run(hands, canary, turns=3).state == RolloutState.RUNNING
    traffic(canary, 5, status=503)
    assert run(hands, canary).state == RolloutState.ROLLED_BACK


def test_a_running_canary_is_not_cancelled_but_sent_back(canary: Rollout, eli: Actor) -> None:
    with pytest.raises(Conflict, match="sent back, and no longer cancelled") as refused:
        rollouts.cancel(canary, actor=eli, reason="x")
    assert f"/deployments/{canary.pk}" in refused.value.next_step


def test_charts_name_who_sent_it_back_and_nobody_where_evidence_did(
    hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor
) -> None:
    traffic(canary, 5, status=500)
    run(hands, canary)
    again = run(hands, rollouts.start(canary.version, canary.endpoint, CANARY, actor=eli), turns=4)
    steering.abort(again, reason="x", actor=eli)
    run(hands, again)
    now = clock.now()
    back = [shift.by for shift in shifts(canary.endpoint, now - timedelta(hours=1), now) if shift.is_back]
    assert back == ["", "eli"]


def test_charts_name_who_sent_it_on_and_nobody_where_evidence_did(
    hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor
) -> None:
    traffic(canary, 5)
    run(hands, canary, turns=3)
    steering.promote(canary, reason="known good", actor=eli)
    run(hands, canary)
    now = clock.now()
    found = shifts(canary.endpoint, now - timedelta(hours=1), now)
    acted = [(shift.share_pct, shift.acted) for shift in found if shift.rollout == canary]
    assert acted == [(5, ""), (25, ""), (100, "eli")]


def test_the_first_version_of_an_endpoint_cannot_be_a_canary(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    with pytest.raises(Conflict, match="nothing that a canary rollout could be compared with"):
        rollouts.start(locked_version(model, dana), staging, CANARY, actor=eli)


def test_each_rollout_divides_units_anew(hands: Hands, canary: Rollout, eli: Actor) -> None:
    first = contract.load(hands.layout.routes(canary.endpoint.name), Routes).salt
    steering.abort(canary, reason="x", actor=eli)
    run(hands, canary)
    again = run(hands, rollouts.start(canary.version, canary.endpoint, CANARY, actor=eli), turns=4)
    assert contract.load(hands.layout.routes(again.endpoint.name), Routes).salt != first


def test_requests_after_the_end_are_not_judged(hands: Hands, canary: Rollout, traffic: Traffic, eli: Actor) -> None:
    steering.promote(canary, reason="known good", actor=eli, to_all=True)
    run(hands, canary)
    traffic(canary, 5, requests=10)
    assert not Prediction.objects.filter(counted=True).exists()
    assert endpoints.serving(canary.endpoint) == canary


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"strategy": "yolo"}, "strategy"),
        ({"strategy": "canary", "shares": []}, "shares"),
        ({"strategy": "canary", "shares": [25, 5]}, "shares"),
        ({"strategy": "canary", "shares": [5, 100]}, "shares"),
        ({"strategy": "canary", "shares": [5, 5]}, "shares"),
        ({"strategy": "canary", "rules": {"alpha": 2}}, "alpha"),
        ({"strategy": "canary", "rules": {"luck": 1}}, "rules"),
        ({"strategy": "canary", "rules": {"guardrails": ["vibes"]}}, "guardrails"),
        ({"strategy": "canary", "rules": {"tolerance": {"vibes": 1.1}}}, "tolerance"),
        ({"strategy": "canary", "rules": {"tolerance": {"error": 0.5}}}, "tolerance"),
        ({"strategy": "canary", "rules": {"warmup": -1}}, "warmup"),
        ({"strategy": "canary", "rules": {"latency_quantile": 1}}, "latency_quantile"),
    ],
)
def test_a_plan_that_is_none_is_refused_at_its_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Plan.of(said)
    assert refused.value.field == field


def test_a_plan_is_its_document() -> None:
    assert Plan.of(CANARY.document) == CANARY
    assert Plan.of({"strategy": "canary"}).document["shares"] == [5, 10, 25, 50]
    assert [step.name for step in CANARY.steps] == ["install", "route", "watch", "route", "watch", "route", "retire"]
    assert CANARY.strategy is Strategy.CANARY


def test_a_plan_guards_latency_by_its_quantile_and_tolerates_by_guardrail() -> None:
    rules = {"guardrails": ["latency"], "latency_quantile": 0.99, "tolerance": {"latency": 1.2}, "warmup": 20}
    plan = Plan.of({"strategy": "canary", "rules": rules})
    assert Plan.of(plan.document) == plan
    assert "slow answers" in plan.words


def test_a_plan_says_nothing_of_rules_that_have_no_part_in_it_so_earlier_signatures_hold() -> None:
    rules: Any = CANARY.document["rules"]
    assert not {"latency_quantile", "warmup"} & rules.keys()

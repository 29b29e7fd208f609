"""Shares with rules of their own, gates, steps by time, and what a person may skip of them."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import endpoints, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed
from tests.deployments.traffic import Traffic, routes, traffic
from tests.factories import make_model
from tests.monitoring.conftest import Stream, stream
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.visitors import browser

__all__ = ["stream", "traffic"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RULES = {"min_units": 20, "min_labels": 10, "min_s": 0, "max_s": 60, "ratio_bound": None}


@pytest.fixture
def begun(hands: Hands, staging: Endpoint, model: RegisteredModel, stream: Stream, dana: Actor, eli: Actor) -> Any:
    """Version 2 beside version 1, at the first share of a plan."""
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    stream.endpoint = staging.name

    def begin(plan: dict[str, Any]) -> Rollout:
        wanted = Plan.of(plan)
        return run(hands, rollouts.start(locked_version(model, dana), staging, wanted, actor=eli), turns=4)

    return begin


def canary(*shares: object, **rules: object) -> dict[str, object]:
    return {"strategy": "canary", "shares": list(shares), "rules": {**RULES, **rules}}


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    moment = clock.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_a_gate_waits_for_a_persons_comment_after_the_evidence(
    hands: Hands, begun: Any, traffic: Traffic, eli: Actor, dana: Actor
) -> None:
    rollout = begun(canary({"pct": 5, "gate": True}, 25))
    with pytest.raises(Conflict, match="waits at no such gate"):
        steering.open_gate(rollout, reason="fine", actor=eli)
    traffic(rollout, 5)
    run(hands, rollout)
    assert routes(hands, rollout) == {"canary": 500, "stable": 9_500}
    gate = rollout.steps.get(name="gate")
    assert (gate.observed["needs_person"], gate.observed["guards"] != []) == (True, True)
    with pytest.raises(Invalid, match="needs a reason"):
        steering.open_gate(rollout, reason=" ", actor=eli)
    with pytest.raises(Denied):
        steering.open_gate(rollout, reason="fine", actor=dana)
    with pytest.raises(Conflict, match="waits at no such gate"):
        steering.open_gate(rollout, reason="fine", actor=eli, share_pct=25)
    steering.open_gate(rollout, reason="looked at the worst ten", actor=eli, share_pct=5)
    run(hands, rollout, turns=3)
    assert routes(hands, rollout) == {"canary": 2_500, "stable": 7_500}
    assert Event.objects.get(action="rollout.gate.opened", object_id=str(rollout.pk)).actor_name == "eli"


def test_evidence_sends_back_what_waits_at_a_gate(hands: Hands, begun: Any, traffic: Traffic) -> None:
    rollout = begun(canary({"pct": 5, "gate": True}, 25))
    traffic(rollout, 5)
    run(hands, rollout)
    traffic(rollout, 5, requests=600, wrong=0.9)
    assert run(hands, rollout).state == RolloutState.ROLLED_BACK


def test_each_share_lasts_as_long_as_it_says(hands: Hands, begun: Any, traffic: Traffic) -> None:
    rollout = begun(canary(5, {"pct": 25, "min_units": 400}))
    traffic(rollout, 5)
    run(hands, rollout, turns=3)
    traffic(rollout, 25, requests=400)
    run(hands, rollout)
    assert " of 400 canary requests" in rollout.steps.get(name="watch", arguments__share_pct=25).observed["sentence"]
    traffic(rollout, 25, requests=1_600)
    assert run(hands, rollout).state == RolloutState.DONE


def test_a_guardrail_without_a_say_at_a_share_sends_nothing_back_there(
    hands: Hands, begun: Any, traffic: Traffic
) -> None:
    rollout = begun(canary({"pct": 5, "guardrails": ["error"]}, 25))
    traffic(rollout, 5, requests=600, wrong=0.6)
    done = run(hands, rollout)
    small, large = rollout.steps.filter(name="watch")
    unheard = small.observed["guards"][1]
    assert (small.status, unheard["name"], unheard["state"]) == ("done", "accuracy", "not heard")
    assert (large.status, large.observed["guardrail"], done.state) == ("failed", "accuracy", RolloutState.ROLLED_BACK)


@pytest.mark.parametrize(
    ("on_hold", "states", "said"),
    [
        ("ask", {RolloutState.RUNNING}, "a person decides"),
        ("go on", {RolloutState.DONE}, "as planned"),
        ("go back", {RolloutState.ROLLED_BACK}, "time is over"),
    ],
)
def test_when_its_time_is_over_without_evidence_it_does_what_the_plan_says(
    hands: Hands, begun: Any, monkeypatch: pytest.MonkeyPatch, on_hold: str, states: set[str], said: str
) -> None:
    rollout = begun(canary(5, on_hold=on_hold))
    later(monkeypatch, 61)
    done = run(hands, rollout)
    assert done.state in states
    assert said in rollout.steps.get(name="watch").observed["sentence"]


def test_evidence_keeps_it_at_its_share_where_the_plan_leaves_it_to_a_person(
    hands: Hands, begun: Any, traffic: Traffic, eli: Actor
) -> None:
    rollout = begun(canary(5, {"pct": 25, "on_fail": "ask"}))
    traffic(rollout, 5)
    run(hands, rollout, turns=3)
    traffic(rollout, 25, requests=600, wrong=0.6)
    kept = run(hands, rollout)
    assert (kept.shown_state, kept.paused_by, routes(hands, rollout)["canary"]) == ("paused", None, 2_500)
    assert rollout.steps.get(name="watch", arguments__share_pct=25).observed["needs_person"]
    assert Event.objects.filter(action="rollout.paused", object_id=str(rollout.pk)).count() == 1
    with pytest.raises(Conflict, match="The evidence is against"):
        steering.go_on(rollout, reason="hm", actor=eli)
    steering.promote(rollout, reason="the labels were wrong", actor=eli, share_pct=25)
    assert run(hands, rollout).state == RolloutState.DONE


def test_a_linear_rollout_goes_on_by_time_alone(hands: Hands, begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = begun({"strategy": "linear", "step_pct": 50, "every_s": 60})
    assert routes(hands, rollout) == {"canary": 5_000, "stable": 5_000}
    assert " of 1 min in this step" in run(hands, rollout).steps.get(name="watch").observed["sentence"]
    later(monkeypatch, 61)
    assert run(hands, rollout).state == RolloutState.DONE


@pytest.mark.parametrize("units", [0, 20])
def test_an_ab_test_ends_with_what_differs_and_a_persons_choice(
    hands: Hands, begun: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, eli: Actor, units: int
) -> None:
    rollout = begun({"strategy": "a-b", "shares": [40], "for_s": 60, "units": units})
    traffic(rollout, 40, wrong=0.001, requests=2_000)
    run(hands, rollout)
    assert (rollout.steps.get(name="gate").started_at is None) == (not units)
    later(monkeypatch, 61)
    run(hands, rollout)
    said = rollout.steps.get(name="gate").observed["sentence"]
    assert "No difference is shown in errors" in said
    assert "Fewer wrong predictions (" in said
    assert said.endswith("A person chooses: let it have all requests, or send it back.")
    assert routes(hands, rollout)["canary"] == 4_000
    steering.open_gate(rollout, reason="fewer are wrong", actor=eli)
    assert run(hands, rollout).state == RolloutState.DONE
    kept = rollout.steps.get(name="gate").observed["comparison"]
    assert f"{kept} A person chooses" in said
    page = browser(eli).get(f"/deployments/{rollout.pk}").content.decode()
    assert "It was let through by eli." in page
    assert "Fewer wrong predictions (" in page
    assert "A person chooses" not in page


@pytest.mark.parametrize("ends", ["promote_all", "abort"])
def test_how_two_versions_differ_is_kept_whoever_ends_an_ab_test_before_its_gate(
    hands: Hands, begun: Any, traffic: Traffic, eli: Actor, ends: str
) -> None:
    rollout = begun({"strategy": "a-b", "shares": [40], "for_s": 600})
    traffic(rollout, 40, requests=200)
    run(hands, rollout, turns=3)
    steering.BY_NAME[ends](rollout, reason="seen enough", actor=eli)
    run(hands, rollout)
    name = "gate" if ends == "promote_all" else "watch"
    assert "canary requests failed" in rollout.steps.get(name=name).observed["comparison"]
    page = browser(eli).get(f"/deployments/{rollout.pk}").content.decode()
    assert "How they differed:" in page
    assert "Verdict at its end" in page
    assert "plan-now" not in page.replace('class="key-box plan-now"', "")


def test_evidence_sends_a_linear_rollout_back(hands: Hands, begun: Any, traffic: Traffic) -> None:
    rollout = begun({"strategy": "linear", "step_pct": 25, "every_s": 600})
    traffic(rollout, 25, requests=400, status=500)
    assert run(hands, rollout).state == RolloutState.ROLLED_BACK


def test_time_alone_moves_nothing_on_whose_requests_left_no_evidence(
    hands: Hands, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = begun({"strategy": "linear", "step_pct": 50, "every_s": 60})
    run(hands, rollout)
    hands.counted = {"canary": 40, "stable": 41}
    hands.work()
    later(monkeypatch, 61)
    run(hands, rollout)
    seen = rollout.steps.get(name="watch").observed
    assert (seen["needs_person"], routes(hands, rollout)["canary"]) == (True, 5_000)
    assert "nothing is observed of them" in seen["sentence"]


@pytest.fixture
def signed_canary(
    hands: Hands, unsealed: None, people: dict[str, Actor], stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> Rollout:
    """A canary in production that one reviewer signed; two would have had to for one that begins above 10 %."""
    put_in_force(text_of("large", actions="[{deploy: production, begins_above_pct: 10}]"), people)
    endpoint = endpoints.create_endpoint("fraud", model=make_model(people["dana"]), environment="production",
                                         actor=people["olga"])  # fmt: skip
    first = locked_version(endpoint.model, people["dana"])
    signed(first, endpoint, people["dana"], people["rita"], people["rob"])
    run(hands, rollouts.start(first, endpoint, AT_ONCE, actor=people["olga"]))
    stream.endpoint = endpoint.name
    plan, second = Plan.of(canary(5, 25, 50)), locked_version(endpoint.model, people["dana"])
    signed(second, endpoint, people["dana"], people["rita"], plan=plan)
    return run(hands, rollouts.start(second, endpoint, plan, actor=people["olga"]), turns=4)


def test_a_person_begins_with_no_larger_share_than_was_signed(
    hands: Hands, signed_canary: Rollout, traffic: Traffic, olga: Actor
) -> None:
    for to_all, share_pct in ((True, 100), (False, 25)):
        with pytest.raises(Conflict, match=f"not signed to begin with {share_pct} %: large asks for 1 from reviewer"):
            steering.promote(signed_canary, reason="sure", actor=olga, to_all=to_all)
    traffic(signed_canary, 5)
    with pytest.raises(Conflict, match="not signed to begin with 100 %"):
        steering.promote(signed_canary, reason="sure", actor=olga, to_all=True)
    steering.promote(signed_canary, reason="enough was seen at 5 %", actor=olga)
    run(hands, signed_canary, turns=3)
    assert routes(hands, signed_canary) == {"canary": 2_500, "stable": 7_500}


def test_a_share_whose_time_is_over_was_given(
    signed_canary: Rollout, olga: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 61)
    steering.promote(signed_canary, reason="nobody calls it at night", actor=olga)
    assert signed_canary.steps.get(name="watch", arguments__share_pct=5).status == "done"

"""What was signed under a policy starts under that policy, and neither starts nor grows in a freeze."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import Conflict
from deployments import endpoints, freezing, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import freezes, transitions
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed
from tests.deployments.traffic import Traffic, routes, traffic
from tests.factories import make_model
from tests.monitoring.conftest import Stream, stream
from tests.registry.policies.hands import put_in_force, text_of

__all__ = ["stream", "traffic"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RULES = {"min_units": 20, "min_labels": 10, "min_s": 0, "max_s": 60, "ratio_bound": None}
ONE = "[{group: reviewer, count: 1}]"


@pytest.fixture
def endpoint(people: dict[str, Actor]) -> Endpoint:
    model = make_model(people["dana"])
    return endpoints.create_endpoint("fraud", model=model, environment="production", actor=people["olga"])


def test_a_policy_accepted_after_the_stage_moved_asks_for_the_rollout_again(
    hands: Hands, endpoint: Endpoint, people: dict[str, Actor]
) -> None:
    version = locked_version(endpoint.model, people["dana"])
    signed(version, endpoint, people["dana"], people["rita"])
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    put_in_force(text_of(actions="[{deploy: production}]"), people)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"])


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time it is, in a list of one, half a minute before a freeze of a day."""
    now = [datetime(2026, 12, 1, 23, 59, 30, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    return now


FREEZE = "freeze: [{from: 2026-12-02, until: 2026-12-03, zone: UTC, why: year end}]\n"
WORDS = "Frozen until 2026-12-03 00:00 UTC: year end."


def freeze(people: dict[str, Actor], name: str = "frozen") -> None:
    put_in_force(text_of(name, actions="[{deploy: production}]", approvals=ONE, more=FREEZE), people)


def test_what_is_started_in_a_freeze_waits_and_starts_after_it(
    hands: Hands, unsealed: None, endpoint: Endpoint, people: dict[str, Actor], moment: list[datetime]
) -> None:
    freeze(people)
    version = locked_version(endpoint.model, people["dana"])
    signed(version, endpoint, people["dana"], people["rita"])
    moment[0] = datetime(2026, 12, 2, tzinfo=UTC)
    waiting = run(hands, rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"]))
    assert (waiting.state, freezing.waits(waiting)) == (RolloutState.QUEUED, WORDS)
    assert freezing.over_endpoint(endpoint) == WORDS
    moment[0] = datetime(2026, 12, 3, tzinfo=UTC)
    assert run(hands, waiting).state == RolloutState.DONE
    assert freezing.waits(waiting) == ""


@pytest.fixture
def at_five(
    hands: Hands, unsealed: None, endpoint: Endpoint, people: dict[str, Actor], moment: list[datetime], stream: Stream
) -> Rollout:
    """A canary at 5 % as the freeze begins, which came into force after it was signed."""
    first, second = (locked_version(endpoint.model, people["dana"]) for _ in range(2))
    signed(first, endpoint, people["dana"], people["rita"])
    run(hands, rollouts.start(first, endpoint, AT_ONCE, actor=people["olga"]))
    plan = Plan.of({"strategy": "canary", "shares": [5, 25], "rules": RULES})
    signed(second, endpoint, people["dana"], people["rita"], plan=plan)
    stream.endpoint = endpoint.name
    begun = run(hands, rollouts.start(second, endpoint, plan, actor=people["olga"]), turns=4)
    freeze(people)
    moment[0] = datetime(2026, 12, 2, tzinfo=UTC)
    return begun


def test_what_is_under_way_grows_after_the_freeze_and_not_in_it(
    hands: Hands, at_five: Rollout, traffic: Traffic, people: dict[str, Actor], moment: list[datetime]
) -> None:
    traffic(at_five, 5)
    run(hands, at_five)
    watch = at_five.steps.get(name="watch", arguments__share_pct=5)
    assert (routes(hands, at_five)["canary"], watch.observed["sentence"]) == (500, f"Hold: {WORDS}")
    with pytest.raises(Conflict, match="cannot grow now"):
        steering.promote(at_five, reason="quick", actor=people["olga"])
    moment[0] = datetime(2026, 12, 2, 23, 59, tzinfo=UTC)
    assert run(hands, at_five).state == RolloutState.RUNNING
    moment[0] = datetime(2026, 12, 3, tzinfo=UTC)
    run(hands, at_five, turns=3)
    assert routes(hands, at_five)["canary"] == 2_500


def test_evidence_and_people_send_back_in_a_freeze(
    hands: Hands, at_five: Rollout, traffic: Traffic, people: dict[str, Actor]
) -> None:
    traffic(at_five, 5, requests=600, wrong=0.6)
    assert run(hands, at_five).state == RolloutState.ROLLED_BACK


def test_a_freeze_that_begins_between_two_shares_keeps_the_smaller_one_watched(
    hands: Hands, at_five: Rollout, traffic: Traffic
) -> None:
    at_five.steps.filter(name="watch", arguments__share_pct=5).update(status="done")
    run(hands, at_five)
    assert (routes(hands, at_five)["canary"], freezing.waits(at_five)) == (500, WORDS)
    traffic(at_five, 5, requests=600, wrong=0.6)
    assert run(hands, at_five).state == RolloutState.ROLLED_BACK


def test_a_rollback_starts_in_a_freeze(hands: Hands, at_five: Rollout, people: dict[str, Actor]) -> None:
    steering.abort(at_five, reason="not before the holidays", actor=people["olga"])
    assert run(hands, at_five).state == RolloutState.ROLLED_BACK
    assert routes(hands, at_five) == {"stable": 10_000}


def test_a_rollback_does_not_wait_for_what_waits_for_the_end_of_a_freeze(
    hands: Hands, unsealed: None, endpoint: Endpoint, people: dict[str, Actor], moment: list[datetime]
) -> None:
    versions = [locked_version(endpoint.model, people["dana"]) for _ in range(3)]
    for version in versions[:2]:
        signed(version, endpoint, people["dana"], people["rita"])
        run(hands, rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"]))
        moment[0] += timedelta(seconds=1)
    freeze(people)
    signed(versions[2], endpoint, people["dana"], people["rita"])
    moment[0] = datetime(2026, 12, 2, tzinfo=UTC)
    waiting = rollouts.start(versions[2], endpoint, AT_ONCE, actor=people["olga"])
    back = run(hands, rollouts.roll_back(endpoint, reason="worse", actor=people["olga"]))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.why) == (RolloutState.CANCELLED, "A rollback was asked for instead.")
    assert (back.state, hands.serving("fraud")) == (RolloutState.DONE, ["1"])


def test_freezes_ahead_are_those_in_force_and_not_over_the_next_one_first(
    people: dict[str, Actor], moment: list[datetime]
) -> None:
    later = FREEZE.replace("12-02", "12-20").replace("12-03", "12-27").replace("year end", "holidays")
    put_in_force(text_of("later", order=20, actions="[{deploy: production}]", approvals=ONE, more=later), people)
    put_in_force(text_of("off", order=30, approvals=ONE, more=f"{FREEZE}enabled: false\n"), people)
    freeze(people, "sooner")
    assert [(one.policy.name, one.freeze.why) for one in freezes.ahead(moment[0])] == [
        ("sooner", "year end"), ("later", "holidays"),
    ]  # fmt: skip
    assert [one.policy.name for one in freezes.ahead(datetime(2026, 12, 3, tzinfo=UTC))] == ["later"]

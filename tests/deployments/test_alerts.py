"""Alert rules: read by line, looked at over minutes, told once, and what they keep or send back."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from deployments import freezing, rollouts, steering
from deployments.alerts import book, looking, watch
from deployments.alerts.conditions import look
from deployments.alerts.documents import BadAlerts, Bound, BurnRate, Coverage, Drifted, Rule, Silence, Then, parse
from deployments.models import Alert, Endpoint, Rollout
from deployments.states import RolloutState
from monitoring.minutes import last_over
from monitoring.models import Complete, Feature, Snapshot
from monitoring.stats.profiles import Severity
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run
from tests.deployments.test_canary import CANARY
from tests.factories import count_feature
from tests.monitoring.conftest import Stream, stream

__all__ = ["stream"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def text(*rules: dict[str, Any]) -> str:
    return json.dumps({"type": "signoff.alerts/1", "rules": rules}, indent=1)


def slow(then: str = "notify", **more: Any) -> str:
    return text({"alert": "slow", "when": {"metric": "p95_ms", "above": 300}, "then": then, "calm_for": "2m", **more})


def minute(endpoint: Endpoint, ago: int = 0, track: str = "stable", version: str = "", **said: Any) -> None:
    Snapshot.objects.create(
        endpoint=endpoint.name, minute=last_over() - ago, track=track, version=version, **{"requests": 100, **said}
    )


def told(action: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(event.body)) for event in Event.objects.filter(action=action).order_by("pk")]


def later(monkeypatch: pytest.MonkeyPatch, span: timedelta) -> None:
    then = clock.now() + span
    monkeypatch.setattr(clock, "now", lambda: then)


@pytest.fixture
def served(
    hands: Hands, staging: Endpoint, model: RegisteredModel, stream: Stream, dana: Actor, eli: Actor
) -> Endpoint:
    """Version 2, after version 1."""
    stream.endpoint = staging.name
    for _ in "12":
        run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    return staging


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ({"metric": "p95_ms", "above": 300}, Bound("p95_ms", True, 300, 5 * MINUTE, 20)),
        ({"metric": "accuracy", "below": 90.5, "over": "7d", "requests": 1000},
         Bound("accuracy", False, 90.5, timedelta(days=7), 1000)),
        ({"burn_rate": 14.4, "objective_pct": 99.9}, BurnRate(14.4, 99.9, HOUR, 20)),
        ({"no_requests_for": "15m"}, Silence(15 * MINUTE)),
        ({"coverage_below_pct": 50, "after": "2d"}, Coverage(50, timedelta(days=2), timedelta(days=1), 20)),
        ({"drift": "major", "feature": "age"}, Drifted(Severity.MAJOR, "age")),
    ],
)  # fmt: skip
def test_each_condition_is_read(when: dict[str, Any], condition: object) -> None:
    assert parse(text({"alert": "a", "when": when})) == (Rule("a", condition),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"alert": "A b", "when": {"no_requests_for": "5m"}}], "'alert' has to be a name of small letters"),
        ([{"alert": "a", "when": {"metric": "speed", "above": 1}}], "'metric' has to be requests or errors"),
        ([{"alert": "a", "when": {"metric": "p95_ms"}}], "`when` is one of"),
        ([{"alert": "a", "when": {"metric": "p95_ms", "above": 1, "below": 0}}], "`when` is one of"),
        ([{"alert": "a", "when": {"no_requests_for": "5m", "requests": 3}}], "`when` is one of"),
        ([{"alert": "a", "when": {"no_requests_for": "91d"}}], "'no_requests_for' is 90d at most"),
        ([{"alert": "a", "when": {"no_requests_for": "5m"}, "then": "panic"}], "'then' has to be notify or freeze"),
        ([{"alert": "a", "when": {"no_requests_for": "5m"}, "runbook": "javascript:x"}], "begins with https://"),
        ([{"alert": "a", "when": {"no_requests_for": "5m"}}] * 2, "the alert 'a' stands twice"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(rules: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(BadAlerts) as refused:
        parse(text(*rules))
    assert said in str(refused.value)
    assert refused.value.problems[0].line > 2


def test_rules_are_changed_by_who_deploys_there_and_told(staging: Endpoint, eli: Actor, dana: Actor) -> None:
    with pytest.raises(Denied):
        book.write_rules(staging, slow(), actor=dana)
    for _ in "ab":
        book.write_rules(staging, slow(), actor=eli)
    (event,) = told("alert.rules.changed")
    assert event["after"] == {"rules": slow() + "\n"}
    book.write_rules(staging, text(), actor=eli)
    assert told("alert.rules.changed")[1]["before"] == {"rules": slow() + "\n"}
    assert book.rules_of(staging) == ()


def test_a_bound_is_held_to_each_track_over_its_minutes_together(served: Endpoint) -> None:
    when = Bound("p95_ms", True, 300, 5 * MINUTE, 20)
    assert look(when, served).fires is None
    minute(served, p95_ms=200.0)
    minute(served, 1, p95_ms=350.0, requests=10)
    minute(served, 6, p95_ms=9_000.0)
    assert look(when, served).fires is False
    minute(served, track="canary", version="2", p95_ms=500.0, requests=19)
    assert look(when, served).fires is False, "too few to say"
    minute(served, 1, track="canary", version="2", p95_ms=500.0, requests=1)
    seen = look(when, served)
    assert (seen.fires, seen.value) == (True, 500.0)
    assert seen.words == "p95_ms of canary v2 is 500 ms over 5 minutes, above 300."
    minute(served, track="canary", version="1", p95_ms=999.0)
    assert look(when, served).value == 500.0, "version 1 was sent back and is no reason to send another"
    assert look(Bound("p95_ms", False, 300, 5 * MINUTE, 20), served).fires is True


def test_a_burn_rate_holds_in_both_spans(staging: Endpoint) -> None:
    when = BurnRate(10, 99, HOUR, 20)
    minute(staging, 30, requests=1_000, errors=200)
    assert look(when, staging).fires is False, "it was, and is over"
    minute(staging, requests=100, errors=20)
    minute(staging, 1, version="7", requests=9_000, errors=9_000)
    seen = look(when, staging)
    assert seen.fires is True
    assert seen.value == pytest.approx(20)
    assert look(BurnRate(21, 99, HOUR, 20), staging).fires is False


def test_silence_counts_where_something_serves_and_all_is_known(
    served: Endpoint, staging: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = Silence(15 * MINUTE)
    assert look(when, served).fires is None, "it has not served as long"
    later(monkeypatch, 20 * MINUTE)
    assert look(when, served).fires is None, "evidence is late"
    Complete.objects.update_or_create(endpoint="", defaults={"at": clock.now()})
    assert look(when, served) == look(when, staging)
    assert look(when, served).words == "Nobody has asked fraud-staging for 15 minutes."
    minute(served, requests=1)
    assert look(when, served).fires is False


def test_coverage_is_of_predictions_that_are_old_enough(staging: Endpoint) -> None:
    when = Coverage(50, HOUR, HOUR, 20)
    minute(staging, requests=100, labelled=0)
    assert look(when, staging).fires is None
    minute(staging, 90, requests=120, errors=20, labelled=49)
    assert (look(when, staging).fires, look(when, staging).value) == (True, 49.0)
    minute(staging, 91, requests=100, labelled=60)
    assert look(when, staging).fires is False


def test_drift_is_of_what_runs(served: Endpoint) -> None:
    for version in ("2", "1"):
        count_feature(served.name, version, f"age{version}", [1.0, 2.0], [1.0])
    when = Drifted(Severity.MODERATE)
    assert look(when, served).fires is False
    Feature.objects.filter(name="age1").update(alarm_since=clock.now(), distance=0.5)
    assert look(when, served).fires is False, "version 1 no longer serves"
    Feature.objects.filter(name="age2").update(alarm_since=clock.now(), distance=0.15)
    assert look(when, served).fires is True
    assert look(Drifted(Severity.MAJOR), served).fires is False
    assert look(Drifted(Severity.MINOR, "other"), served).fires is False


def test_an_alert_is_told_once_until_it_was_calm_for_long_enough(
    staging: Endpoint, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.write_rules(staging, slow(runbook="https://example.org/slow", about="Callers wait."), actor=eli)
    minute(staging, p95_ms=500.0)
    assert [watch.look_at_all(), watch.look_at_all()] == [1, 1]
    (event,) = told("alert.fired")
    assert event["comment"] == "p95_ms of stable v? is 500 ms over 5 minutes, above 300."
    assert event["after"] == {
        "alert": "slow", "then": "notify", "value": 500.0, "about": "Callers wait.",
        "runbook": "https://example.org/slow",
    }  # fmt: skip
    Snapshot.objects.update(p95_ms=100.0)
    assert watch.look_at_all() == 1, "calm, and not for long"
    later(monkeypatch, 2 * MINUTE)
    assert watch.look_at_all() == 0
    assert [event["after"]["alert"] for event in told("alert.ended")] == ["slow"]
    Snapshot.objects.update(p95_ms=900.0)
    assert watch.look_at_all() == 1
    assert len(told("alert.fired")) == 2


def test_an_alert_ends_with_its_rule(staging: Endpoint, eli: Actor) -> None:
    book.write_rules(staging, slow(), actor=eli)
    minute(staging, p95_ms=500.0)
    watch.look_at_all()
    book.write_rules(staging, text(), actor=eli)
    assert looking.firing(staging) == []
    assert told("alert.ended")[0]["actor"]["name"] == "eli"


def test_it_is_acknowledged_once_with_what_was_found(staging: Endpoint, eli: Actor, aude: Actor, dana: Actor) -> None:
    book.write_rules(staging, slow(), actor=eli)
    minute(staging, p95_ms=500.0)
    watch.look_at_all()
    (alert,) = looking.firing(staging)
    with pytest.raises(Denied):
        looking.acknowledge(staging, alert.pk, comment="seen", actor=aude)
    with pytest.raises(NotFound):
        looking.acknowledge(staging, alert.pk + 1, comment="seen", actor=eli)
    with pytest.raises(Invalid):
        looking.acknowledge(staging, alert.pk, comment="\u200b", actor=eli)
    looking.acknowledge(staging, alert.pk, comment="a batch job", actor=dana)
    with pytest.raises(Conflict, match="dana looked at it already"):
        looking.acknowledge(staging, alert.pk, comment="me too", actor=eli)
    assert told("alert.acknowledged")[0]["comment"] == "a batch job"
    assert looking.firing(staging)[0].seen_comment == "a batch job"


@pytest.mark.parametrize("then", [Then.FREEZE, Then.REVIEW])
def test_nothing_grows_while_an_alert_says_so(
    then: Then, hands: Hands, served: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, rita: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    canary = run(hands, rollouts.start(locked_version(model, dana), served, CANARY, actor=eli), turns=4)
    book.write_rules(served, slow(then), actor=eli)
    minute(served, p95_ms=500.0)
    watch.look_at_all()
    assert "lets nothing grow until" in freezing.frozen_words(canary)
    with pytest.raises(Conflict, match="The alert slow lets nothing grow"):
        steering.promote(canary, reason="sure", actor=eli)
    (alert,) = looking.firing(served)
    assert [row.pk for row in looking.for_reviewers(rita)] == ([alert.pk] if then == Then.REVIEW else [])
    if then == Then.REVIEW:
        with pytest.raises(Denied):
            looking.acknowledge(served, alert.pk, comment="fine", actor=eli)
        looking.acknowledge(served, alert.pk, comment="fine", actor=rita)
    else:
        Snapshot.objects.all().delete()
        later(monkeypatch, 2 * MINUTE)
        watch.look_at_all()
    assert freezing.frozen_words(canary) == ""
    steering.promote(canary, reason="sure", actor=eli)
    assert run(hands, canary, turns=3).state == RolloutState.RUNNING


def test_what_goes_back_is_not_kept(hands: Hands, served: Endpoint, eli: Actor) -> None:
    book.write_rules(served, slow("freeze"), actor=eli)
    minute(served, p95_ms=500.0)
    watch.look_at_all()
    went = rollouts.roll_back(served, reason="slow", actor=eli)
    assert run(hands, went).state == RolloutState.DONE


def test_an_alert_rolls_back_once_in_the_name_of_who_wrote_it(
    hands: Hands, served: Endpoint, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.write_rules(served, slow("roll_back"), actor=eli)
    minute(served, p95_ms=500.0)
    for _ in "ab":
        watch.look_at_all()
    went = Rollout.objects.get(kind=Rollout.Kind.ROLLBACK)
    assert looking.firing(served)[0].did == f"Rolled back to v1 by deployment #{went.pk}."
    requested = [event for event in told("rollout.requested") if event["facts"]["kind"] == "rollback"]
    assert (requested[0]["actor"]["name"], requested[0]["actor"]["via"]) == ("eli", "alert-rule")
    assert run(hands, went).state == RolloutState.DONE
    Alert.objects.update(ended_at=clock.now())
    watch.look_at_all()
    assert "a person has to look" in looking.firing(served)[0].did, "it does not go to and fro"
    assert Rollout.objects.filter(kind=Rollout.Kind.ROLLBACK).count() == 1


def test_an_alert_sends_back_what_grows(
    hands: Hands, served: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    canary = run(hands, rollouts.start(locked_version(model, dana), served, CANARY, actor=eli), turns=4)
    book.write_rules(served, slow("roll_back"), actor=eli)
    minute(served, p95_ms=500.0, track="canary", version="3")
    watch.look_at_all()
    done = run(hands, canary)
    assert (done.state, hands.serving(served.name)) == (RolloutState.ROLLED_BACK, ["2"])
    assert done.why.startswith("alert slow: p95_ms of canary v3")


def test_whoever_may_no_longer_deploy_rolls_nothing_back(served: Endpoint, eli: Actor) -> None:
    book.write_rules(served, slow("roll_back"), actor=eli)
    minute(served, p95_ms=500.0)
    with transaction.atomic():
        eli.person.groups.clear()
    watch.look_at_all()
    assert looking.firing(served)[0].did.startswith("Nothing was sent back: eli may not")

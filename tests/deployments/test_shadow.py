"""A version that gets copies: it answers nobody, it is compared, and a person chooses."""

import re
from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import Conflict, Invalid
from deployments import endpoints, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from monitoring import copies, ingest, labels, retention
from monitoring.labels import Given
from monitoring.models import Copy, Prediction
from monitoring.stats.agreement import Copies
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run
from tests.deployments.traffic import routes
from tests.monitoring.conftest import Stream, stream
from tests.web.visitors import browser

__all__ = ["stream"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RULES = {"min_copies": 20, "min_s": 0, "max_s": 60, "within": 0.1}


@pytest.fixture
def shadow(hands: Hands, staging: Endpoint, model: RegisteredModel, stream: Stream, dana: Actor, eli: Actor) -> Any:
    """Version 2 gets copies of what version 1 answers."""
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    stream.endpoint = staging.name

    def begin(**rules: object) -> Rollout:
        plan = Plan.of({"strategy": "shadow", "copies_pct": 50, "rules": {**RULES, **rules}})
        return run(hands, rollouts.start(locked_version(model, dana), staging, plan, actor=eli), turns=4)

    return begin


def copied(stream: Stream, rollout: Rollout, *pairs: tuple[Any, Any], status: int = 200, name: str = "q") -> None:
    """Requests as the live version answered them and the copy was answered, whichever record came first."""
    for number, (live, copy) in enumerate(pairs):
        request_id = f"{name}{number}"
        records = [("stable", live, 200), ("shadow", copy, status)]
        for track, answer, code in records if number % 2 else reversed(records):
            stream.answered(request_id, answer, track=track, status=code, version="1" if track == "stable" else "2")
        stream.routed(request_id, "stable", rollout=str(rollout.uuid), step="mirror", share="10000")
    ingest.drain()


def test_copies_go_over_and_callers_get_the_live_version(hands: Hands, shadow: Any) -> None:
    rollout = shadow()
    assert routes(hands, rollout) == {"stable": 10_000, "shadow": 5_000}
    assert run(hands, rollout).steps.get(name="compare").observed["sentence"] == "Hold: 0 of 20 copies compared."


def test_answers_are_compared_and_a_person_chooses(hands: Hands, shadow: Any, stream: Stream, eli: Actor) -> None:
    rollout = shadow()
    copied(stream, rollout, *[(0.5, 0.55)] * 15, *[(0.5, 0.9)] * 5)
    run(hands, rollout)
    said = rollout.steps.get(name="gate").observed["sentence"]
    assert "15 of 20 copies were answered alike" in said
    assert "0 failed. Numbers differ by 0.138 on average. A person chooses" in said
    assert routes(hands, rollout) == {"stable": 10_000, "shadow": 5_000}
    address = f"/deployments/{rollout.pk}"
    assert "End the comparison" in (page := browser(eli).get(address).content.decode())
    assert "Promote" not in page
    steering.open_gate(rollout, reason="the five are better", actor=eli, share_pct=0)
    assert run(hands, rollout).state == RolloutState.DONE
    page = browser(eli).get(address).content.decode()
    assert "It was let through by eli." in page
    assert "15 of 20 copies were answered alike" in page
    assert "A person chooses:" not in page
    assert routes(hands, rollout) == {"stable": 10_000}
    serving = endpoints.serving(rollout.endpoint)
    assert serving
    assert serving.version.version == 2


def test_an_answer_to_a_copy_never_stands_for_the_callers(shadow: Any, stream: Stream) -> None:
    rollout = shadow()
    copied(stream, rollout, ("cat", "dog"), ("cat", "cat"))
    assert set(Prediction.objects.values_list("version", flat=True)) == {"1"}
    assert [row.prediction for row in Prediction.objects.order_by("pk")] == [["cat"], ["cat"]]
    copies.settle(rollout.endpoint.name)
    assert copies.settle(rollout.endpoint.name) == 0
    assert copies.standing(str(rollout.uuid), 0.0) == Copies(2, 1, 0, None)


def test_scores_are_compared_where_both_were_told(shadow: Any, stream: Stream) -> None:
    rollout = shadow()
    for number, (live, copy) in enumerate([(0.9, 0.6), (0.4, 0.5), (0.8, None)]):
        stream.answered(f"s{number}", 1, track="stable", version="1", score=live)
        stream.answered(f"s{number}", 1, track="shadow", version="2", score=copy)
        stream.routed(f"s{number}", "stable", rollout=str(rollout.uuid), step="mirror", share="10000")
    ingest.drain()
    copies.settle(rollout.endpoint.name)
    found = copies.standing(str(rollout.uuid), 0.0)
    assert (found.compared, found.agreeing) == (3, 3)
    assert found.score_difference == pytest.approx(0.2)
    assert found.words.endswith("Scores differ by 0.2 on average.")


def test_too_little_agreement_goes_back_where_the_plan_says_so(hands: Hands, shadow: Any, stream: Stream) -> None:
    rollout = shadow(min_agreement=0.9)
    copied(stream, rollout, *[("cat", "dog")] * 30)
    done = run(hands, rollout)
    assert (done.state, routes(hands, rollout)) == (RolloutState.ROLLED_BACK, {"stable": 10_000})
    assert "90 % were asked for" in done.why


def test_a_copy_that_failed_agrees_with_nothing_and_one_without_a_live_answer_is_not_compared(
    shadow: Any, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = shadow()
    copied(stream, rollout, (1, None), (1, None), status=500)
    stream.answered("refused", 1, track="shadow")
    stream.routed("refused", "stable", rollout=str(rollout.uuid), step="mirror", status=400)
    stream.answered("lost", 1, track="shadow")
    ingest.drain()
    copies.settle(rollout.endpoint.name)
    assert copies.standing(str(rollout.uuid), 0.0) == Copies(2, 0, 2, None)
    assert list(Copy.objects.filter(compared=None).values_list("request_id", flat=True)) == ["lost"]
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    copies.settle(rollout.endpoint.name)
    assert not Copy.objects.filter(compared=None).exists()


def test_a_paused_shadow_waits_and_a_promoted_one_is_compared_no_longer(
    hands: Hands, shadow: Any, stream: Stream, eli: Actor
) -> None:
    rollout = shadow()
    steering.pause(rollout, reason="lunch", actor=eli)
    copied(stream, rollout, *[(1, 1)] * 30)
    run(hands, rollout)
    assert rollout.steps.get(name="gate").status == "pending"
    steering.promote(rollout, reason="enough", actor=eli, share_pct=0)
    run(hands, rollout)
    assert rollout.steps.get(name="gate").status == "applied"


def test_the_first_version_of_an_endpoint_cannot_be_a_shadow(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    with pytest.raises(Conflict, match="nothing that a shadow rollout could be compared with"):
        rollouts.start(locked_version(model, dana), staging, Plan.of({"strategy": "shadow"}), actor=eli)


@pytest.mark.parametrize(
    ("said", "field"),
    [({"copies_pct": 0}, "copies_pct"), ({"rules": {"alpha": 1}}, "rules"), ({"rules": {"within": -1}}, "within")],
)
def test_a_shadow_that_is_no_plan_is_refused_at_its_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Plan.of({"strategy": "shadow", **said})
    assert refused.value.field == field


def test_who_sees_the_deployment_opens_what_was_answered_otherwise(
    shadow: Any, stream: Stream, dana: Actor, rita: Actor, otto: Actor
) -> None:
    rollout = shadow()
    copied(stream, rollout, ("cat", "dog"), ("cat", "cat"))
    copies.settle(rollout.endpoint.name)
    page = browser(rita).get(f"/deployments/{rollout.pk}/copies").content.decode()
    assert "q0" in page
    assert "[&quot;dog&quot;]" in page
    assert "q1" not in page
    assert "1 request<" in page
    known = f"/endpoints/{rollout.endpoint.name}/prediction?id=q0"
    assert f'href="{known}"' in page
    labels.record_labels(rollout.endpoint.name, [Given("q0", "dog")], actor=dana)
    page = browser(rita).get(known).content.decode()
    assert f'href="/deployments/{rollout.pk}"' in page
    assert [page.count(f"<code>[&quot;{said}&quot;]</code>") for said in ("cat", "dog")] == [1, 1]
    assert "wrong" in page
    assert browser(otto).get(known).status_code == 404
    assert browser(rita).get(f"{known}0").status_code == 404
    assert browser(otto).get(f"/deployments/{rollout.pk}/copies").status_code == 404
    address = f"/api/v1/rollouts/{rollout.pk}/disagreements"
    (told,) = browser(rita).get(address).json()
    assert (told["request_id"], told["live"], told["copy"], told["copy_status"]) == ("q0", ["cat"], ["dog"], 200)
    assert browser(rita).get(f"{address}?before={told['id']}").json() == []
    assert browser(otto).get(address).status_code == 403


def test_what_was_answered_otherwise_is_read_page_by_page(shadow: Any, stream: Stream, rita: Actor) -> None:
    rollout = shadow()
    copied(stream, rollout, *[("cat", "dog")] * 60)
    copies.settle(rollout.endpoint.name)
    first = browser(rita).get(f"/deployments/{rollout.pk}/copies?per=50").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert "60 requests" in first
    second = browser(rita).get(older[1].replace("&amp;", "&")).content.decode()
    named = [set(re.findall(r"<code>(q[0-9]+)</code>", page)) for page in (first, second)]
    assert [len(one) for one in named] == [50, 10]
    assert not named[0] & named[1]


def test_copies_are_kept_as_long_as_predictions(shadow: Any, stream: Stream, settings: Any) -> None:
    rollout = shadow()
    copied(stream, rollout, ("cat", "dog"))
    Copy.objects.update(at=clock.now() - timedelta(days=settings.PREDICTIONS_DAYS + 1))
    retention.forget()
    assert (Copy.objects.count(), Prediction.objects.count()) == (0, 1)

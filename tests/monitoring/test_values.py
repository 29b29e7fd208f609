"""What requests were worth to the business: told with labels or without, judged, and drawn."""

import random
from typing import Any

import pytest

from accounts.actors import Actor
from core.refusals import Invalid
from monitoring import ingest, labels, verdicts
from monitoring.labels import Given, record_labels
from monitoring.models import Label, Prediction, Watch
from monitoring.stats.documents import of_document
from monitoring.stats.judge import Decision
from tests.monitoring.conftest import ROLLOUT, Stream

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
RULES: dict[str, Any] = {"guardrails": ["value"], "min_units": 5, "min_labels": 5, "min_s": 0, "ratio_bound": None}


@pytest.fixture
def valued(stream: Stream) -> Stream:
    verdicts.watch(ROLLOUT, "fraud", RULES)
    verdicts.enter(ROLLOUT, "5")
    return stream


def asked(stream: Stream, count: int, worth: dict[str, float], dana: Actor, name: str = "q") -> None:
    """Ask so often, a quarter of it at the canary, and say what each request was worth by track, give or take 2."""
    drawn = random.Random(7)
    said = []
    for number in range(count):
        track = "canary" if drawn.random() < 0.25 else "stable"
        stream.request(f"{name}{number}", track, share=2500 if track == "canary" else 7500)
        said.append(Given(f"{name}{number}", None, drawn.gauss(worth.get(track, 0.0), 2.0)))
    ingest.drain()
    if worth:
        record_labels("fraud", said, actor=dana)


def test_a_canary_whose_requests_are_worth_less_goes_back(valued: Stream, dana: Actor) -> None:
    asked(valued, 1_200, {"stable": 10.0, "canary": 6.0}, dana)
    told = verdicts.verdict(ROLLOUT)
    assert told
    assert (told.decision, told.guardrail) == (Decision.ROLLBACK, "value")
    assert "canary requests are worth 5." in told.sentence or "canary requests are worth 6." in told.sentence


def test_one_whose_requests_are_worth_as_much_is_promoted_and_without_values_it_is_held(
    valued: Stream, dana: Actor
) -> None:
    asked(valued, 60, {}, dana, name="early")
    held = verdicts.verdict(ROLLOUT)
    assert held
    assert held.sentence == "Hold: 0 of 5 canary requests whose value is known in this step."
    asked(valued, 600, {"stable": 10.0, "canary": 10.0}, dana)
    promoted = verdicts.verdict(ROLLOUT)
    assert promoted
    assert promoted.decision is Decision.PROMOTE
    line = verdicts.performance(ROLLOUT, "5")["canary"]
    assert line["valued"] > 100
    assert 9 < line["value"] < 11


def test_the_first_word_counts_the_latest_is_kept_and_a_label_adds_to_a_value(watched: Stream, dana: Actor) -> None:
    watched.request("q", "canary", prediction=1)
    ingest.drain()
    assert record_labels("fraud", [Given("q", None, 3.0)], actor=dana)["new"] == 1
    assert record_labels("fraud", [Given("q", 1)], actor=dana)["revised"] == 1
    assert record_labels("fraud", [Given("q", 1, 3.0), Given("q", None, 3.0)], actor=dana)["repeated"] == 2
    row = Prediction.objects.get()
    assert (row.correct, row.worth) == (True, 3.0)
    assert record_labels("fraud", [Given("q", None, 4.5)], actor=dana)["revised"] == 1
    assert list(Label.objects.order_by("revision").values_list("value", "worth")) == [(None, 3.0), (1, 3.0), (1, 4.5)]
    assert of_document(Watch.objects.get().tally).guards["accuracy"].seen == [0, 1]


def test_a_value_that_came_first_waits_for_its_prediction(valued: Stream, dana: Actor) -> None:
    assert record_labels("fraud", [Given("q", None, 2.0)], actor=dana)["waiting"] == 1
    valued.request("q", "canary")
    ingest.drain()
    assert of_document(Watch.objects.get().tally).guards["value"].seen == [0, 1]


@pytest.mark.parametrize("said", ["12", True, None, [1], 1e300, float("nan"), float("inf")])
def test_what_is_no_value_is_refused(said: Any) -> None:
    with pytest.raises(Invalid, match="Label 0: value is a number"):
        labels.given([{"request_id": "q", "value": said}])


def test_one_of_label_and_value_is_needed() -> None:
    with pytest.raises(Invalid, match="request_id and label, or value"):
        labels.given([{"request_id": "q"}])
    assert labels.given([{"request_id": "q", "label": 1, "value": 2}]) == [Given("q", 1, 2.0)]

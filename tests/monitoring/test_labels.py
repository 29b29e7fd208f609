import pytest

from accounts.actors import Actor
from core.refusals import Denied, Invalid
from monitoring import ingest, labels, verdicts
from monitoring.labels import Given, record_labels
from monitoring.models import Label, Prediction, Watch
from monitoring.stats.answers import is_same
from monitoring.stats.judge import Decision
from tests.monitoring.conftest import ROLLOUT, Stream

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
NONE = {"new": 0, "revised": 0, "repeated": 0, "waiting": 0}


def accuracy() -> tuple[list[int], list[int]]:
    guard = Watch.objects.get(rollout=ROLLOUT).tally["guards"]["accuracy"]
    return guard["seen"], guard["bad"]


def test_a_label_after_the_prediction_is_counted_with_the_share_it_was_drawn_with(watched: Stream, dana: Actor) -> None:
    watched.request("q", "canary", prediction=1)
    ingest.drain()
    assert record_labels("fraud", [Given("q", 0)], actor=dana) == {**NONE, "new": 1}
    assert accuracy() == ([0, 1], [0, 1])
    assert Watch.objects.get().tally["guards"]["accuracy"]["events"] == [[1, 0.05, 1]]


def test_a_label_before_its_prediction_waits_for_it(watched: Stream, dana: Actor) -> None:
    assert record_labels("fraud", [Given("q", 1)], actor=dana) == {**NONE, "new": 1, "waiting": 1}
    watched.request("q", prediction=1)
    ingest.drain()
    assert accuracy() == ([1, 0], [0, 0])
    assert Prediction.objects.get().correct is True


def test_the_same_label_again_changes_nothing(watched: Stream, dana: Actor) -> None:
    watched.request("q")
    ingest.drain()
    record_labels("fraud", [Given("q", 1)], actor=dana)
    assert record_labels("fraud", [Given("q", 1), Given("q", 1)], actor=dana) == {**NONE, "repeated": 2}
    assert accuracy() == ([1, 0], [0, 0])
    assert Label.objects.count() == 1


def test_another_word_is_a_revision_that_reports_take_and_the_verdict_does_not(watched: Stream, dana: Actor) -> None:
    watched.request("q", prediction=1)
    ingest.drain()
    record_labels("fraud", [Given("q", 1)], actor=dana)
    assert record_labels("fraud", [Given("q", 0)], actor=dana) == {**NONE, "revised": 1}
    assert Prediction.objects.get().correct is False
    assert accuracy() == ([1, 0], [0, 0])
    assert list(Label.objects.order_by("revision").values_list("revision", "value")) == [(1, 1), (2, 0)]


def test_wrong_predictions_send_a_canary_back(watched: Stream, dana: Actor) -> None:
    truth = []
    for number in range(400):
        track = "canary" if number % 20 == 0 else "stable"
        watched.request(f"q{number}", track, prediction=1)
        truth.append(Given(f"q{number}", 0 if track == "canary" else 1))
    ingest.drain()
    record_labels("fraud", truth, actor=dana)
    said = verdicts.verdict(ROLLOUT)
    assert said
    assert (said.decision, said.guardrail) == (Decision.ROLLBACK, "accuracy")


def test_who_may_not_give_labels_changes_nothing(watched: Stream, rita: Actor) -> None:
    with pytest.raises(Denied):
        record_labels("fraud", [Given("q", 1)], actor=rita)
    assert not Label.objects.exists()


@pytest.mark.parametrize(
    "item",
    [
        3,
        {"request_id": "q"},
        {"label": 1},
        {"request_id": "", "label": 1},
        {"request_id": "q", "label": {"a": 1}},
        {"request_id": 7, "label": 1},
        {"request_id": "q" * 129, "label": 1},
        {"request_id": "q", "label": None},
    ],
)
def test_what_is_no_label_is_refused_by_its_place(item: object) -> None:
    with pytest.raises(Invalid, match="Label 1"):
        labels.given([{"request_id": "fine", "label": 1}, item])


@pytest.mark.parametrize(
    ("prediction", "label", "same"),
    [
        ([1], 1, True),
        ([1], 1.0, True),
        ([1], "1", True),
        ([True], 1, True),
        (["cat"], "cat", True),
        (["cat"], "dog", False),
        ([{"score": 0}], 0, True),
        ([1, 0], [1, 0], True),
        ([1, 0], [1, 1], False),
        ([1, 0], 1, False),
        (None, 1, False),
    ],
)
def test_a_prediction_is_right_when_it_says_what_was_true(prediction: object, label: object, *, same: bool) -> None:
    assert is_same(prediction, label) is same

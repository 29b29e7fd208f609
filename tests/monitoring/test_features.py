"""From samples to hours, references and verdicts: each value once, none kept longer than it is needed."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from core import clock
from monitoring import drift, folding, ingest, samples, training
from monitoring.models import DeadLetter, Feature, FeatureDay, FeatureHour, FeatureSample, Prediction
from monitoring.packing import baseline_of, window_of
from monitoring.stats.profiles import Severity, Window
from registry import blobs, manifests
from registry.artifacts import Place
from registry.models import Blob, Manifest, StoredFile
from serving.contract import FeaturePolicy, Layout, dump
from tests.monitoring.conftest import Stream

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
TRAINED = {"age": [float(n) for n in range(1_000)], "city": ["Bern", "Basel", "Zug", "Chur"] * 250}


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, which a test may set."""
    moment = [NOON]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return moment


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "columns_of", lambda digest: TRAINED if digest == "d" * 64 else {})


def sample(at: datetime = NOON, *, of: int = 0, predictions: list[Any] | None = None, **columns: list[Any]) -> None:
    """Keep a sample as ingest does."""
    rows = len(next(iter(columns.values())))
    said = {**columns, **({samples.PREDICTION: predictions} if predictions else {})}
    FeatureSample.objects.create(
        endpoint="fraud", version="2", digest="d" * 64, at=at, of=of or rows, rows=rows, columns=said
    )


def hours(name: str) -> dict[int, Window]:
    return {row.hour: window_of(row.window) for row in FeatureHour.objects.filter(feature__name=name)}


def told(sample: Any) -> dict[str, Any]:
    return {"sample": sample, "at_ms": int(NOON.timestamp() * 1000)}


def test_a_sample_comes_with_its_record_once(stream: Stream) -> None:
    said = {"of": 70, "chosen": 7, "columns": {"age": [30, 40]}, "predictions": [0, 1]}
    for _ in range(3):
        stream.answered("q", 1, **told(said))
        ingest.drain()
    kept = FeatureSample.objects.get()
    assert (kept.endpoint, kept.version, kept.at) == ("fraud", "2", NOON)
    assert (kept.of, kept.chosen, kept.rows) == (70, 7, 2)
    assert kept.columns == {"age": [30, 40], "prediction": [0, 1]}


def test_a_copy_of_a_request_has_no_sample(stream: Stream) -> None:
    stream.answered("q", 1, track="shadow", **told({"of": 1, "columns": {"age": [30]}, "predictions": [0]}))
    ingest.drain()
    assert not FeatureSample.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        {"of": 1, "columns": {}, "predictions": []},
        {"of": 1, "columns": {"age": [1, 2]}, "predictions": [0, 1]},
        {"of": 2, "columns": {"age": [1]}, "predictions": [0, 1]},
        {"of": 1, "columns": {"": [1]}, "predictions": [0]},
        {"of": 1, "columns": {"x" * 251: [1]}, "predictions": [0]},
        {"of": 1, "columns": {str(n): [1] for n in range(1_001)}, "predictions": [0]},
        {"of": 2**31, "columns": {"age": [1]}, "predictions": [0]},
        {"of": 9, "chosen": 10, "columns": {"age": [1]}, "predictions": [0]},
        {"of": 9, "chosen": 1, "columns": {"age": [1, 2]}, "predictions": [0, 1]},
    ],
)
def test_what_is_no_sample_is_put_aside_with_its_record(stream: Stream, said: Any) -> None:
    stream.answered("q", 1, **told(said))
    ingest.drain()
    assert not FeatureSample.objects.exists()
    assert DeadLetter.objects.get().why.startswith("sample: ")
    assert not Prediction.objects.exists()


@pytest.mark.usefixtures("trained")
def test_samples_become_hours_and_the_values_are_gone() -> None:
    sample(age=[1.0, 500.0, None], city=["Bern", "Rome", None], of=30)
    sample(NOON + timedelta(minutes=59), age=[999.0], city=["Zug"])
    sample(NOON + timedelta(minutes=60), age=[5_000.0], city=["Zug"])
    assert folding.fold() == 3
    assert folding.fold() == 0
    assert not FeatureSample.objects.exists()
    first, second = sorted(hours("age").items())
    assert (first[1].rows, first[1].missing, sum(first[1].counts["value"])) == (4, 10, 21)
    assert (second[0] - first[0], second[1].counts["value"][-1]) == (1, 1)
    assert FeatureHour.objects.get(feature__name="age", hour=first[0]).of == 31
    feature = Feature.objects.get(name="city")
    assert (feature.source, len(feature.digest)) == (Feature.Source.TRAINING, 64)


@pytest.mark.usefixtures("trained")
def test_hours_that_are_counted_in_pieces_say_what_one_counting_says() -> None:
    rng = random.Random(1)
    values = [rng.uniform(0, 1_000) for _ in range(600)]
    for start in range(0, 600, 50):
        sample(age=values[start : start + 50])
        if start % 100 == 0:
            folding.fold()
    folding.fold()
    ((_, window),) = hours("age").items()
    feature = Feature.objects.get(name="age")
    assert window == baseline_of(feature.reference).count(values)


@pytest.mark.usefixtures("trained")
def test_a_busy_moment_counts_as_much_as_it_was_and_is_no_surer_than_its_rows() -> None:
    sample(age=[900.0] * 50, of=330)  # busy, and all old
    for _ in range(33):
        sample(age=[100.0] * 10)  # quiet
    folding.fold()
    ((_, window),) = hours("age").items()
    assert (window.rows, window.stands_for, sum(window.counts["value"])) == (380, 660, 660)
    baseline = baseline_of(Feature.objects.get(name="age").reference)
    assert baseline.effect(window).distance == pytest.approx(0.4, abs=0.003)  # half of it at 100, half at 900
    assert window.size("value") == pytest.approx(660**2 / (330 + 330**2 / 50), rel=0.01)


@pytest.mark.usefixtures("trained")
def test_of_a_share_a_row_stands_for_those_that_fell_to_the_share() -> None:
    for _ in range(2):
        sample(age=[1.0], of=10)
    FeatureSample.objects.update(chosen=1)
    folding.fold()
    ((_, window),) = hours("age").items()
    assert (window.rows, window.stands_for) == (2, 2)
    assert FeatureHour.objects.get(feature__name="age").of == 20


def test_first_rows_are_weighed_as_the_days_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "ENOUGH", 150)
    for _ in range(2):
        sample(age=[900.0] * 50, of=500)
        sample(age=[100.0] * 25)
        folding.fold()
    baseline = baseline_of(Feature.objects.get().reference)
    assert (baseline.rows, baseline.usual.stands_for) == (150, 1_050)
    sample(age=[900.0] * 50, of=500)
    sample(age=[100.0] * 25)
    folding.fold()
    ((_, window),) = hours("age").items()
    assert baseline.effect(window).distance == 0


def test_without_a_training_sample_the_first_rows_are_the_reference(
    now: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "ENOUGH", 300)
    for _ in range(5):
        sample(age=[float(n) for n in range(50)], predictions=[0, 1] * 25)
        folding.fold()
    assert folding.waiting_rows("fraud", "2") == {"age": 250, "prediction": 250}
    assert not Feature.objects.exists()
    sample(age=[float(n) for n in range(50)], predictions=[0, 1] * 25)
    folding.fold()
    feature = Feature.objects.get(name="age")
    assert (feature.source, baseline_of(feature.reference).rows) == (Feature.Source.TRAFFIC, 300)
    assert not FeatureSample.objects.exists(), "values are forgotten once they are a reference"
    assert not FeatureHour.objects.exists(), "what is the reference is not compared with itself"
    before = feature.digest
    sample(age=[7.0])
    folding.fold()
    assert Feature.objects.get(name="age").digest == before, "a reference is frozen"
    assert [window.rows for window in hours("age").values()] == [1]


def test_after_a_day_fewer_rows_are_enough(now: list[datetime]) -> None:
    sample(age=[1.0] * folding.LEAST)
    folding.fold()
    assert not Feature.objects.exists()
    now[0] += folding.LONG + timedelta(seconds=1)
    folding.fold()
    assert not Feature.objects.exists(), "nothing came, so nothing is looked at"
    sample(now[0], age=[1.0])
    folding.fold()
    assert Feature.objects.get().name == "age"


@pytest.mark.usefixtures("trained")
def test_a_column_the_training_sample_lacks_waits_beside_those_it_has() -> None:
    sample(age=[1.0], predictions=[0])
    folding.fold()
    assert [feature.name for feature in Feature.objects.all()] == ["age"]
    assert FeatureSample.objects.get().columns == {"prediction": [0]}


@pytest.mark.usefixtures("trained")
def test_what_is_kept_back_meanwhile_is_not_counted(settings: Settings, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    dump(Layout(tmp_path).feature_policy("fraud"), FeaturePolicy(100.0, ("age",), ("city",), "salt"))
    sample(age=[1.0], city=["Bern"])
    sample(city=["0123456789abcdef"])
    folding.fold()
    assert not Feature.objects.filter(name="age").exists()
    assert [window.rows for window in hours("city").values()] == [1]


@pytest.mark.usefixtures("trained")
def test_forgetting_a_feature_leaves_nothing_of_it() -> None:
    sample(age=[1.0], city=["Bern"], predictions=[0])
    folding.fold()
    samples.forget("fraud", {"age", "prediction"})
    assert [feature.name for feature in Feature.objects.all()] == ["city"]
    assert not hours("age")
    assert FeatureSample.objects.get().columns == {}
    assert samples.forget("other", {"city"}) == 0


def day(now: list[datetime], number: int, ages: list[float | None]) -> None:
    """Let a day pass in which these ages were seen."""
    now[0] = NOON + timedelta(days=number)
    sample(now[0], age=ages)
    folding.fold()
    now[0] = NOON + timedelta(days=number, hours=14)


def ages(rng: random.Random, shift: float = 0.0) -> list[float | None]:
    return [rng.uniform(0, 1_000) + shift for _ in range(1_000)]


@pytest.mark.usefixtures("trained")
def test_a_shift_is_an_alarm_since_its_day_until_it_is_over(now: list[datetime]) -> None:
    rng = random.Random(3)
    for number, shift in enumerate((0.0, 0.0, 300.0, 300.0, 0.0)):
        day(now, number, ages(rng, shift))
        assert drift.judge_due() == 1
        feature = Feature.objects.get(name="age")
        assert feature.alarm_since == (drift.date_of(drift.day_of(NOON) + 2) if shift else None)
        (seen,) = drift.seen("fraud", "2")
        assert seen.severity is (Severity.MAJOR if shift else Severity.NONE)
    assert [round(row.distance, 1) for row in FeatureDay.objects.order_by("day")] == [0.0, 0.0, 0.3, 0.3, 0.0]


@pytest.mark.usefixtures("trained")
def test_a_day_is_judged_once_and_not_before_it_is_over(now: list[datetime]) -> None:
    rng = random.Random(3)
    day(now, 0, ages(rng, 300))
    now[0] = NOON + timedelta(hours=12, minutes=14)
    assert drift.judge_due() == 0
    now[0] = NOON + timedelta(hours=12, minutes=16)
    assert drift.judge_due() == 1
    kept = Feature.objects.values_list("watches", "last_day", "alarm_since").get()
    sample(NOON, age=[1.0] * 50)
    folding.fold()
    assert drift.judge_due() == 0, "what comes late is counted and not judged again"
    assert Feature.objects.values_list("watches", "last_day", "alarm_since").get() == kept


@pytest.mark.usefixtures("trained")
def test_a_judge_that_fails_has_judged_nothing(now: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    day(now, 0, ages(random.Random(3), 300))
    monkeypatch.setattr(FeatureDay.objects, "update_or_create", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drift.judge_due()
    feature = Feature.objects.get()
    assert (feature.last_day, feature.watches, feature.alarm_since) == (0, {}, None)


@pytest.mark.usefixtures("trained")
def test_a_month_without_change_is_no_alarm_and_days_without_rows_are_passed_over(now: list[datetime]) -> None:
    rng = random.Random(5)
    for number in (*range(10), *range(20, 30)):
        day(now, number, ages(rng))
        drift.judge_due()
        assert Feature.objects.get().alarm_since is None
    assert FeatureDay.objects.count() == 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reference.csv", b"age,city\r\n30,Bern\r\n,Basel\r\n"),
        ("data/reference.json", json.dumps({"columns": ["age", "city"], "data": [[30, "Bern"], [None, "Basel"]]})),
        ("reference.json", json.dumps([{"age": 30, "city": "Bern"}, {"city": "Basel"}])),
    ],
)
def test_a_training_sample_is_read_from_the_frozen_folder(name: str, text: str | bytes) -> None:
    digest = frozen({name: text, "MLmodel": b"x"})
    assert training.columns_of(digest) == {"age": [30, None], "city": ["Bern", "Basel"]}


def test_an_input_example_is_a_sample_where_it_has_rows_enough() -> None:
    for rows, found in ((5, {}), (100, {"age": [1.0] * 100})):
        said = {"columns": ["age"], "data": [[1.0]] * rows}
        assert training.columns_of(frozen({"input_example.json": json.dumps(said)})) == found


@pytest.mark.parametrize("text", [b"\xff", b"{", b"[1]", b"null", b'{"columns": ["a"], "data": [1]}', b"[" * 10_000])
def test_a_training_sample_that_cannot_be_read_is_none(text: bytes) -> None:
    assert training.columns_of(frozen({"reference.json": text})) == {}


def test_a_training_sample_of_files_that_are_not_the_signed_ones_is_none() -> None:
    digest = frozen({"reference.json": json.dumps({"columns": ["a"], "data": [[1]] * 200})})
    assert training.columns_of(digest)
    Manifest.objects.filter(digest=digest).update(body=b'{"files": []}')
    assert training.columns_of(digest) == {}


def frozen(files: dict[str, str | bytes]) -> str:
    """Freeze a model's folder; return its digest."""
    root = random.randbytes(8).hex()
    for path, text in files.items():
        written = blobs.write_blob([text.encode() if isinstance(text, str) else text])
        blob, _ = Blob.objects.get_or_create(sha256=written.sha256, defaults={"size": written.size})
        StoredFile.objects.create(root=root, path=path, blob=blob)
    manifest = manifests.freeze(Place(root, ""))
    assert manifest
    return manifest.digest

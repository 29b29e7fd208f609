"""How fast values are counted: samples of thirty features into an hour, beside a reference of 10,000 rows."""

import random
import time

import pytest

from core import clock
from monitoring import folding
from monitoring.models import Feature, FeatureHour, FeatureSample
from tests.factories import count_feature

pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("committed")]
FEATURES, SAMPLES, ROWS = 30, 500, 50


def test_values_a_second_from_samples_into_hours(capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(1)  # noqa: S311 - made-up values
    names = [f"feature {number}" for number in range(FEATURES)]
    for name in names:
        count_feature("fraud", "2", name, [rng.gauss(0, 1) for _ in range(10_000)])
    FeatureSample.objects.bulk_create(
        FeatureSample(
            endpoint="fraud", version="2", digest="d", at=clock.now(), of=rng.randint(ROWS, 12 * ROWS), rows=ROWS,
            columns={name: [rng.gauss(0, 1) for _ in range(ROWS)] for name in names},
        )
        for _ in range(SAMPLES)
    )  # fmt: skip
    begun = time.perf_counter()
    assert folding.fold() == SAMPLES
    took_s = time.perf_counter() - begun
    assert Feature.objects.count() == FEATURES
    assert sum(FeatureHour.objects.values_list("rows", flat=True)) == FEATURES * SAMPLES * ROWS
    with capsys.disabled():
        print(f"\nfeatures: {SAMPLES * ROWS / took_s:,.0f} rows/s of {FEATURES} features counted")

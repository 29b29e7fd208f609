"""Keeps samples of values as they come, until they are counted, and forgets those of columns that are kept back."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.db import transaction

from core import clock
from monitoring.models import Feature, FeatureSample
from serving.contract import FeaturePolicy, Inference, Sample

PREDICTION = "prediction"  # the name under which a version's answers are watched
MOST_ROWS, MOST_COLUMNS, LONGEST_NAME = 1_000, 1_000, 250
DIGEST = re.compile(r"[0-9a-f]{16}")


def why_no_sample(said: Inference) -> str:
    """Return why the sample of a record cannot be one, or an empty string."""
    if (sample := said.sample) is None:
        return ""
    rows = len(sample.predictions)
    if not 0 < rows <= min(sample.of, MOST_ROWS) or sample.of >= 2**31:
        return f"{rows} rows of {sample.of}."
    if sample.chosen is not None and not rows <= sample.chosen <= sample.of:
        return f"{rows} rows of {sample.chosen} that were chosen from {sample.of}."
    if len(sample.columns) > MOST_COLUMNS or not all(0 < len(name) <= LONGEST_NAME for name in sample.columns):
        return f"{len(sample.columns)} columns, or a name that is not 1 to {LONGEST_NAME} characters."
    if any(len(values) != rows for values in sample.columns.values()):
        return "a column is not as long as the predictions."
    return ""


def keep(answers: Iterable[Inference]) -> None:
    """Keep the samples of records that were not known before. Call inside the transaction that makes them known."""
    rows = [_row(said, sample) for said in answers if (sample := said.sample)]
    FeatureSample.objects.bulk_create(rows, batch_size=500)


def _row(said: Inference, sample: Sample) -> FeatureSample:
    moment = min(datetime.fromtimestamp(said.at_ms / 1000, UTC), clock.now())
    columns = {name: values for name, values in sample.columns.items() if name != PREDICTION}
    answered = {} if all(value is None for value in sample.predictions) else {PREDICTION: sample.predictions}
    return FeatureSample(
        endpoint=said.endpoint, version=said.version, digest=said.digest, at=moment, of=sample.of,
        chosen=sample.of if sample.chosen is None else sample.chosen, rows=len(sample.predictions),
        columns={**columns, **answered},
    )  # fmt: skip


def allowed(sample: FeatureSample, policy: FeaturePolicy | None) -> None:
    """Take out of a sample what its model's policy keeps back by now: it may have been on its way."""
    if policy is None:
        return
    kept = {name: values for name, values in sample.columns.items() if name not in policy.dropped}
    sample.columns = {name: values for name, values in kept.items() if name not in policy.hashed or _is_hashed(values)}


def _is_hashed(values: Iterable[object]) -> bool:
    return all(value is None or (isinstance(value, str) and DIGEST.fullmatch(value)) for value in values)


def forget(endpoint: str, names: Collection[str]) -> int:
    """Forget what is known of some features of an endpoint, values and counts; return how many rows changed or went."""
    if not names:
        return 0
    with transaction.atomic("telemetry"):
        gone, _ = Feature.objects.filter(endpoint=endpoint, name__in=names).delete()
        waiting = [
            row
            for row in FeatureSample.objects.select_for_update().filter(endpoint=endpoint)
            if row.columns.keys() & set(names)
        ]
        for row in waiting:
            row.columns = {name: values for name, values in row.columns.items() if name not in names}
        FeatureSample.objects.bulk_update(waiting, ["columns"], batch_size=500)
    return gone + len(waiting)

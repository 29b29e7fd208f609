"""What a run had logged when its model was registered: copied once, never changed. Later values are not evidence."""

import json
from collections.abc import Iterable, Iterator

from core import canonical, clock
from registry.models import Metric, ModelVersion, Run, VersionValue

Values = dict[str, object]
KEY_MAX = TEXT_MAX = 250


def latest_metrics(rows: Iterable[Metric]) -> dict[str, Metric]:
    """Return the newest row of each key, by step, then time, then value, as MLflow counts."""
    newest: dict[str, Metric] = {}
    for row in rows:
        held = newest.get(row.key)
        if held is None or _age(row) >= _age(held):
            newest[row.key] = row
    return newest


def _age(row: Metric) -> tuple[int, int, float]:
    return row.step, row.timestamp, row.value


def capture(run: Run | None) -> bytes:
    """Return the run's params, latest metrics and tags as canonical JSON. NaN and infinities are kept as words."""
    if run is None:
        return canonical.dump({"type": "signoff.evidence/1", "run_id": None, "metrics": {}, "params": {}, "tags": {}})
    metrics = {key: row.special or row.value for key, row in latest_metrics(run.metrics.newest()).items()}
    return canonical.dump(
        {
            "type": "signoff.evidence/1",
            "run_id": run.run_id,
            "captured_at": clock.iso(clock.now()),
            "metrics": metrics,
            "params": dict(run.params.values_list("key", "value")),
            "tags": dict(run.tags.values_list("key", "value")),
        }
    )


def values(version: ModelVersion) -> Iterator[VersionValue]:
    """Return the rows by which the version's params and metrics are searched."""
    said = read(version)
    for key, value in said["params"].items():
        yield VersionValue(version=version, kind="param", key=key[:KEY_MAX], text=str(value)[:TEXT_MAX])
    for key, value in said["metrics"].items():
        number = float(value) if isinstance(value, (int, float)) else None
        yield VersionValue(version=version, kind="metric", key=key[:KEY_MAX], number=number, text=str(value)[:TEXT_MAX])


def read(version: ModelVersion) -> dict[str, Values]:
    """Return the evidence of `version`: `metrics`, `params` and `tags`."""
    said = json.loads(bytes(version.evidence) or b"{}")
    return {part: said.get(part) or {} for part in ("metrics", "params", "tags")}


def measured(version: ModelVersion, metric: str) -> float | str | None:
    """Return `metric` as the run had it at registration: a finite number, NaN or an infinity as a word, or None."""
    value = read(version)["metrics"].get(metric)
    return float(value) if isinstance(value, (int, float)) else str(value) if value is not None else None

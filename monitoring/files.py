"""Takes what may be told of a scored file: its features are counted beside those of requests, and told apart by itself.

A file's rows are no requests: they come into no window of traffic, no verdict, no outcome.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import clock
from monitoring import folding, ingest
from monitoring.evidence import Unreadable, read
from monitoring.ingest import Entry
from monitoring.models import Feature
from monitoring.packing import baseline_of
from monitoring.samples import PREDICTION
from monitoring.stats.features import number_of
from monitoring.stats.profiles import Baseline, Severity, Weighed, severity_of
from monitoring.stats.summary import quantile
from serving.contract import Inference, Sample

AT_ONCE = 200  # samples a transaction
SHOWN = 50  # features, the furthest first
WORDS = 10
QUANTILES = (5, 25, 50, 75, 95)  # percent


@dataclass(frozen=True)
class File:
    """Which file, and who scored it."""

    id: str
    endpoint: str
    model: str
    version: str
    digest: str


def take(file: File, samples: Path) -> dict[str, Any]:
    """Count a file's samples once, however often this is called; return what they say of the file, as plain JSON.

    Raises what a database that is away raises; then it may be called again.
    """
    if not samples.exists():
        return {}
    entries = list(_entries(file, samples))
    for first in range(0, len(entries), AT_ONCE):
        ingest.take(entries[first : first + AT_ONCE])
    while folding.fold():
        pass  # what came before it is counted first
    return told(file.endpoint, file.version, list(_readable(entries)))


def _entries(file: File, samples: Path) -> Iterator[Entry]:
    """Yield each sample as an entry of evidence, under an id that is always the same."""
    with samples.open(encoding="utf-8") as lines:
        for line in lines:
            part, place, sample = json.loads(line)
            name = f"{file.id}-{part}-{place}"
            yield Entry(name, "inference", _body(file, name, sample if isinstance(sample, dict) else {}))


def _readable(entries: Iterable[Entry]) -> Iterator[Sample]:
    """Yield the samples of those that are what they should be: a model wrote them. Others became dead letters."""
    for entry in entries:
        with suppress(Unreadable):
            document = read(entry.kind, entry.body)
            if isinstance(document, Inference) and document.sample:
                yield document.sample


def _body(file: File, request_id: str, sample: Mapping[str, Any]) -> bytes:
    """Return a sample as the record of one answer; its predictions stand there with what they were drawn from."""
    record = {
        "type": Inference.KIND, "request_id": request_id, "endpoint": file.endpoint, "model": file.model,
        "version": file.version, "digest": file.digest, "track": None, "at_ms": clock.millis(clock.now()),
        "latency_ms": 0.0, "status": 200, "rows": sample.get("of"),
        "prediction": {"sampled": sample.get("predictions"), "of": sample.get("of")}, "sample": sample,
    }  # fmt: skip
    return json.dumps(record).encode()


def told(endpoint: str, version: str, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return how far each feature of a file is from the version's reference, and what was predicted."""
    if not samples:
        return {}
    weighed = {name: _weighed(samples, name) for name in _names(samples)}
    features = Feature.objects.filter(endpoint=endpoint, version=version, name__in=weighed)
    known = {row.name: baseline_of(row.reference) for row in features}
    signals = sum(baseline.size for baseline in known.values())
    found = [_apart(name, baseline, weighed[name], signals) for name, baseline in known.items()]
    return {
        "rows": sum(len(sample.predictions) for sample in samples),
        "of": sum(sample.of for sample in samples),
        "features": sorted(found, key=lambda one: (one["severity"] == Severity.NONE, -one["distance"]))[:SHOWN],
        "predictions": _spread(weighed.get(PREDICTION, {})),
    }


def _names(samples: Iterable[Sample]) -> list[str]:
    names = {name for sample in samples for name in sample.columns if name != PREDICTION}
    return [*sorted(names), PREDICTION]


def _weighed(samples: Iterable[Sample], name: str) -> Weighed:
    """Return a column's values by how many rows each stands for."""
    found: dict[int, list[Any]] = defaultdict(list)
    for sample in samples:
        values, of = sample.predictions if name == PREDICTION else sample.columns.get(name, []), sample.of
        for place, value in enumerate(values):
            found[(place + 1) * of // len(values) - place * of // len(values)].append(value)
    return found


def _apart(name: str, baseline: Baseline, weighed: Weighed, signals: int) -> dict[str, Any]:
    """Return how far a feature is from its reference; nothing matters that may be chance."""
    window = baseline.count_weighed(weighed)
    effect = baseline.effect(window)
    is_more = baseline.look(window, baseline.watches(signals))
    severity = severity_of(effect.distance) if is_more else Severity.NONE
    return {"name": name, "distance": round(effect.distance, 4), "signal": effect.signal, "severity": str(severity)}


def _spread(weighed: Weighed) -> dict[str, Any]:
    """Return the predictions' quantiles, or how often each of the words comes; nothing of other values."""
    numbers = sorted(value for one in _values(weighed) if (value := number_of(one)) is not None)
    if numbers:
        return {"quantiles": {str(pct): quantile(numbers, pct / 100) for pct in QUANTILES}, "rows": len(numbers)}
    words = Counter(str(value)[:40] for value in _values(weighed) if isinstance(value, str | bool))
    return {"words": words.most_common(WORDS), "rows": words.total()} if words else {}


def _values(weighed: Weighed) -> Iterator[Any]:
    for values in weighed.values():
        yield from values

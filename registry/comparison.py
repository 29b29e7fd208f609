"""Two versions of a model side by side."""

from dataclasses import dataclass
from itertools import chain

from registry import evidence, manifests
from registry.compare import (
    Line,
    MetricLine,
    SignatureDifference,
    compare_metrics,
    compare_signatures,
    compare_values,
)
from registry.models import ModelVersion

ENVIRONMENT = ("python", "serialization", "lock")


@dataclass(frozen=True)
class Comparison:
    """The difference from `old` to `new`, part by part; files by their digest, metrics as registration froze them."""

    old: ModelVersion
    new: ModelVersion
    metrics: list[MetricLine]
    params: list[Line]
    files: list[Line]
    environment: list[Line]
    signature: SignatureDifference

    @property
    def identical(self) -> bool:
        """Whether nothing but the number differs."""
        return not any(line.changed for line in chain(self.metrics, self.params, self.files, self.environment))


def comparison(old: ModelVersion, new: ModelVersion) -> Comparison:
    """Return the difference from `old` to `new`."""
    before, after = evidence.read(old), evidence.read(new)
    return Comparison(
        old=old,
        new=new,
        metrics=compare_metrics(before["metrics"], after["metrics"]),
        params=compare_values(before["params"], after["params"]),
        files=compare_values(digests(old), digests(new)),
        environment=compare_values(*({key: v.environment.get(key) for key in ENVIRONMENT} for v in (old, new))),
        signature=compare_signatures(old.signature, new.signature),
    )


def digests(version: ModelVersion | None) -> dict[str, object]:
    """Return the SHA-256 of each frozen file; nothing for a version without them or with a damaged manifest."""
    if version is None or version.manifest is None:
        return {}
    try:
        return {line.path: line.sha256 for line in manifests.files_of(version.manifest)}
    except ValueError:
        return {}

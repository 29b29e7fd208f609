"""Versions of a model side by side: two with their difference, or up to six."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from django.db.models import prefetch_related_objects

from registry import evidence, listed_files
from registry.compare import (
    Line,
    MetricLine,
    SignatureDifference,
    compare_metrics,
    compare_signatures,
    compare_values,
)
from registry.models import ModelVersion

MOST = 6
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
    """Return the SHA-256 of each frozen file; nothing for a version without them.

    Raises NotAsSigned where the list of its files is not the one that its digest names.
    """
    if version is None or version.manifest is None:
        return {}
    return {line.path: line.sha256 for line in listed_files.files_of(version.manifest)}


@dataclass(frozen=True)
class Column:
    """One of several versions side by side; `signature` is how its own relates to the first one's."""

    version: ModelVersion
    digest: str
    aliases: list[str]
    metrics: evidence.Values
    params: evidence.Values
    tags: evidence.Values
    signature: SignatureDifference

    @property
    def title(self) -> str:
        """Head of what is told about its signature."""
        return f"Signature of version {self.version.version}"


@dataclass(frozen=True)
class Row:
    """What each version has under one name, in their order; None where one has nothing."""

    name: str
    values: list[object]

    @property
    def changed(self) -> bool:
        """Whether they differ."""
        return any(value != self.values[0] for value in self.values)


def columns(found: Sequence[ModelVersion]) -> list[Column]:
    """Return the versions side by side."""
    prefetch_related_objects(list(found), "aliases", "tags", "manifest", "registered_by")
    return [_column(version, found[0]) for version in found]


def _column(version: ModelVersion, first: ModelVersion) -> Column:
    said = evidence.read(version)
    return Column(
        version=version,
        digest=version.manifest.digest if version.manifest else "",
        aliases=sorted(alias.name for alias in version.aliases.all()),
        metrics=said["metrics"],
        params=said["params"],
        tags={tag.key: tag.value for tag in version.tags.all()},
        signature=compare_signatures(first.signature, version.signature),
    )


def rows_of(parts: Sequence[evidence.Values]) -> list[Row]:
    """Return a row per name that one of the parts has, by name."""
    names = sorted({name for part in parts for name in part})
    return [Row(name, [part.get(name) for part in parts]) for name in names]

"""Watches one feature, window by window: each of its signals, and how often it is missing."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from monitoring.stats.features import Signal, kind_of_all, signals_of
from monitoring.stats.references import Levels, Numbers, Rate
from monitoring.stats.sequential import Watch
from monitoring.stats.weekdays import LikeWithLike

Dated = tuple[int | None, Any]  # a weekday of the reference and a value


def share(values: Iterable[float]) -> Rate:
    """Return the reference of a share."""
    known = list(values)
    return Rate(fmean(known), len(known))


class FeatureWatch:
    """One feature. A value that is null, or not what the reference's are, is missing."""

    def __init__(self, name: str, values: Sequence[Dated]) -> None:
        there = [(weekday, value) for weekday, value in values if value is not None]
        known = [value for _, value in there]
        self.name = name
        self.signals = signals_of(kind_of_all(known), known) if known else []
        self.references = [_reference(signal, there) for signal in self.signals]
        gone = [(weekday, float(self._is_missing(value))) for weekday, value in values]
        self.missing = LikeWithLike(share, gone)
        self.watches: list[Watch] = []

    @property
    def size(self) -> int:
        """How many signals it has, the missing share among them."""
        return len(self.signals) + 1

    def begin(self, signals: int) -> None:
        """Watch from now on, as some of so many signals."""
        self.watches = [Watch(signals) for _ in range(self.size)]

    def look(self, window: Sequence[Any], weekday: int) -> bool:
        """Take one window; return whether an alarm begins."""
        there = [value for value in window if not self._is_missing(value)]
        gone = [1.0] * (len(window) - len(there)) + [0.0] * len(there)
        *watches, missing = self.watches
        was_told = any(watch.is_told for watch in self.watches)
        found = missing.look(self.missing.log_p(gone, weekday, missing.signals))
        for signal, reference, watch in zip(self.signals, self.references, watches, strict=True):
            seen = [said for value in there if (said := signal.extract(value)) is not None]
            if seen and reference is not None:
                found |= watch.look(reference.log_p(seen, weekday, watch.signals))
        return found and not was_told

    def _is_missing(self, value: Any) -> bool:
        return value is None or not self.signals or self.signals[0].extract(value) is None


def _reference(signal: Signal, there: Sequence[Dated]) -> LikeWithLike[Any] | None:
    usable = there[1::2] if signal.is_made else there
    seen = [(weekday, said) for weekday, value in usable if (said := signal.extract(value)) is not None]
    return LikeWithLike(Levels if signal.is_word else Numbers, seen) if seen else None

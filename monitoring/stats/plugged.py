"""A drift detector that somebody plugged in, in a process of its own: `python -m monitoring.stats.plugged NAME`.

Reads one JSON line a feature and prints one: what the detector answered, or what went wrong; then the next is asked.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from math import isfinite
from typing import Any, TextIO

from monitoring.stats.profiles import MISSING, Baseline, Window

GROUP = "signoff.drift_detectors"
LONGEST = 500  # characters of a note or a fault


@dataclass(frozen=True)
class Histogram:
    """What was counted of a signal. Of numbers `edges`: cell i is over edge i-1 and not over edge i, the last over all.

    Of words `levels`: a cell each, and the last one for all others.
    """

    counts: list[int]
    edges: list[float]
    levels: list[str]


@dataclass(frozen=True)
class Summary:
    """What is known of a feature in its reference or on a day."""

    kind: str  # number, word, text or embedding
    rows: int  # seen
    size: float  # how many rows of one weight tell as much
    missing: float  # share without a value, 0 to 1
    signals: Mapping[str, Histogram]  # by what is watched of a value


Detector = Callable[[str, Summary, Summary], Mapping[str, Any]]  # name, reference, window


def summary(baseline: Baseline, window: Window) -> Summary:
    """Return a window that has rows as detectors see it; the reference is `baseline.usual`."""
    signals = {
        name: Histogram(window.counts[name], list(getattr(cells, "edges", ())), list(getattr(cells, "levels", ())))
        for name, cells in baseline.cells.items()
        if name in window.counts
    }
    return Summary(str(baseline.kind), window.rows, window.size(MISSING), window.missing_share, signals)


def names() -> list[str]:
    """Return which detectors are installed; none of them is loaded."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def question(feature: str, reference: Summary, window: Summary) -> str:
    """Return a feature as a line to ask with."""
    return json.dumps({"feature": feature, "reference": asdict(reference), "window": asdict(window)})


def answers(name: str, lines: TextIO) -> Iterator[dict[str, Any]]:
    """Yield what the detector answers to each line."""
    try:
        (point, *_) = entry_points(group=GROUP, name=name)
        detector: Detector = point.load()
    except Exception as why:  # noqa: BLE001 - another's code, while it is imported
        fault = _fault(why)
        yield from (fault for _ in lines)
        return
    for line in lines:
        said = json.loads(line)
        try:
            yield _checked(detector(said["feature"], _summary(said["reference"]), _summary(said["window"])))
        except Exception as why:  # noqa: BLE001 - another's code
            yield _fault(why)


def _summary(said: Mapping[str, Any]) -> Summary:
    return Summary(**{**said, "signals": {name: Histogram(**known) for name, known in said["signals"].items()}})


def _checked(said: Mapping[str, Any]) -> dict[str, Any]:
    drifted, score, note = said["drifted"], said.get("score"), said.get("note", "")
    if not isinstance(drifted, bool):
        raise TypeError(f"drifted should be true or false and is {drifted!r}")
    if score is not None and not isfinite(score := float(score)):
        raise ValueError(f"score should be a finite number and is {score}")
    return {"drifted": drifted, "score": score, "note": str(note)[:LONGEST]}


def _fault(why: Exception) -> dict[str, Any]:
    return {"fault": f"{type(why).__name__}: {why}"[:LONGEST]}


def main() -> None:
    """Answer line by line; what a detector prints goes to stderr."""
    out, sys.stdout = sys.stdout, sys.stderr
    for said in answers(sys.argv[1], sys.stdin):
        print(json.dumps(said), file=out, flush=True)


if __name__ == "__main__":
    main()

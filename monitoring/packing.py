"""References and windows as the database keeps them: JSON, compressed."""

import json
import zlib
from typing import Any

from monitoring.stats.profiles import Baseline, Window
from monitoring.stats.told import Told


def packed(said: Any) -> bytes:
    """Return a document compressed; the same document is the same bytes."""
    return zlib.compress(json.dumps(said, separators=(",", ":"), sort_keys=True).encode(), 6)


def unpacked(kept: bytes | memoryview) -> Any:
    """Return the document."""
    return json.loads(zlib.decompress(kept))


def baseline_of(kept: bytes | memoryview) -> Baseline:
    """Return a kept reference."""
    return Baseline.of_document(unpacked(kept))


def told_of(kept: bytes | memoryview) -> Told:
    """Return kept outcomes."""
    return Told.of_document(unpacked(kept))


def window_of(kept: bytes | memoryview) -> Window:
    """Return a kept window."""
    return Window(**unpacked(kept))


def pack_window(window: Window) -> bytes:
    """Return a window to keep."""
    return packed(vars(window))

"""References and windows as the database keeps them: JSON, compressed."""

import json
import zlib
from functools import lru_cache
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
    """Return kept outcomes, to be read and added to others: who reads the same bytes again gets the same ones."""
    return _told(bytes(kept))


@lru_cache(maxsize=512)  # some 20 KB each; a page of 90 days reads a hundred, and yesterday's do not change
def _told(kept: bytes) -> Told:
    return Told.of_document(unpacked(kept))


def window_of(kept: bytes | memoryview) -> Window:
    """Return a kept window."""
    return Window(**unpacked(kept))


def pack_window(window: Window) -> bytes:
    """Return a window to keep."""
    return packed(vars(window))

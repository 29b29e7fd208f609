"""What every store of bytes promises. One conformance suite holds all of them to it: tests/registry/test_stores.py."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.refusals import Invalid, Refusal, TooLarge

CHUNK = 128 * 1024  # stays in the processor's cache from read to hash, file and socket


class StoreDown(Refusal):
    """The store does not answer: the same call may work later."""

    kind = "store_down"


class StoreFull(Refusal):
    """The store takes nothing more, or is not there: trying again does not help, its operator does."""

    kind = "store_full"


@dataclass(frozen=True)
class Written:
    """What was put: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


class Store(Protocol):
    """Bytes by their SHA-256. A digest comes from a row or from hashing, never from a caller's string.

    Nothing half-written is ever found under a digest. Raises StoreDown or StoreFull where it cannot do its work.
    """

    def write(self, chunks: Iterable[bytes], *, limit: int, expected: int | None = None) -> Written:
        """Keep the bytes, in constant memory; the same bytes are kept once.

        Raises TooLarge over `limit` and Invalid where other than `expected` bytes came; nothing is kept then.
        """
        ...

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield bytes from `start` in pieces of 1 MiB at most; raise FileNotFoundError where there are none."""
        ...

    def length(self, sha256: str) -> int | None:
        """Return the stored length, or None where the bytes are gone."""
        ...

    def remove(self, sha256: str) -> None:
        """Remove the bytes; absent ones are no error."""
        ...

    def drop_drafts(self, before: datetime) -> int:
        """Remove what uploads that were cut off before then left behind; return how many."""
        ...

    def trouble(self) -> str:
        """Return why nothing can be stored now, or an empty string."""
        ...


class Hashed:
    """Passes chunks on, and knows their digest and size so far."""

    def __init__(self, chunks: Iterable[bytes], *, limit: int, expected: int | None) -> None:
        self._chunks, self._limit, self._expected = chunks, limit, expected
        self._digest, self.size = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield each chunk; raise TooLarge as soon as there are too many, Invalid at the end where some are missing."""
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise TooLarge(
                    f"The file is over {self._limit // 2**20} MiB.", next_step="SIGNOFF_MAX_UPLOAD_MB sets the limit."
                )
            self._digest.update(chunk)
            yield chunk
        if self._expected not in {None, self.size}:
            raise Invalid(
                f"The upload announced {self._expected} bytes and brought {self.size}: it was cut off. Send it again."
            )

    @property
    def written(self) -> Written:
        """What came through."""
        return Written(self._digest.hexdigest(), self.size)

"""The folder of blobs: bytes named by their SHA-256, written so that a crash leaves either the whole file or none."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from core.refusals import Invalid, TooLarge

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Written:
    """What was put: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


def blob_path(sha256: str) -> Path:
    """Return where the blob lives. `sha256` comes from a row, never from a caller's string."""
    return Path(settings.HOME) / "blobs" / sha256[:2] / sha256[2:]


def write_blob(chunks: Iterable[bytes], *, expected: int | None = None) -> Written:
    """Store the bytes and return their digest: temporary file, hash, fsync, rename, fsync of the folder.

    Raises TooLarge over SIGNOFF_MAX_UPLOAD_MB and Invalid where `expected` bytes were announced and others came;
    nothing is kept then. Writing the same bytes twice keeps one file.
    """
    drafts = Path(settings.HOME) / "blobs" / "drafts"
    drafts.mkdir(parents=True, exist_ok=True)
    draft = drafts / f"{os.getpid()}-{secrets.token_hex(8)}"
    try:
        written = _fill(draft, chunks)
        if expected is not None and written.size != expected:
            raise Invalid(
                f"The upload announced {expected} bytes and brought {written.size}: it was cut off. Send it again."
            )
        _move_in(draft, blob_path(written.sha256))
    finally:
        draft.unlink(missing_ok=True)
    return written


def _fill(draft: Path, chunks: Iterable[bytes]) -> Written:
    digest, size = hashlib.sha256(), 0
    with draft.open("wb") as out:
        for chunk in chunks:
            size += len(chunk)
            if size > settings.MAX_UPLOAD_BYTES:
                raise TooLarge(
                    f"The file is over {settings.MAX_UPLOAD_BYTES // 2**20} MiB.",
                    next_step="SIGNOFF_MAX_UPLOAD_MB sets the limit.",
                )
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return Written(digest.hexdigest(), size)


def _move_in(draft: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft.chmod(0o440)
    draft.rename(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_blob(sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from `start`, `length` of them, in pieces of 1 MiB."""
    with blob_path(sha256).open("rb") as source:
        source.seek(start)
        left = length
        while left is None or left > 0:
            chunk = source.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk


def blob_bytes(sha256: str, limit: int) -> bytes:
    """Return a small blob whole; raise TooLarge over `limit` bytes."""
    path = blob_path(sha256)
    if path.stat().st_size > limit:
        raise TooLarge(f"The file is over {limit} bytes.")
    return path.read_bytes()


def is_intact(sha256: str) -> bool:
    """Whether the stored bytes still have the digest they are named by."""
    try:
        digest = hashlib.sha256()
        for chunk in read_blob(sha256):
            digest.update(chunk)
    except FileNotFoundError:
        return False
    return digest.hexdigest() == sha256


def length_of(sha256: str) -> int | None:
    """Return the stored length, or None where the blob is gone."""
    try:
        return blob_path(sha256).stat().st_size
    except FileNotFoundError:
        return None

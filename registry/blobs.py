"""Bytes named by their SHA-256, in the store that SIGNOFF_ARTIFACTS_URL names: a folder of the home, or a bucket."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from django.conf import settings

from core.refusals import TooLarge
from registry.stores.contract import CHUNK, Store, Written
from registry.stores.folder import Folder
from registry.stores.s3 import Bucket

__all__ = ["CHUNK", "Written"]


def store() -> Store:
    """Return the store in force."""
    return _store(settings.ARTIFACTS_URL, Path(settings.HOME))


def is_elsewhere() -> bool:
    """Whether the bytes are not in a folder of the home, and the data plane needs copies."""
    return bool(settings.ARTIFACTS_URL)


@cache
def _store(url: str, home: Path) -> Store:
    return Bucket(url) if url else Folder(home / "blobs")


def blob_path(sha256: str) -> Path:
    """Return where the folder keeps a blob."""
    return Folder(Path(settings.HOME) / "blobs").path(sha256)


def write_blob(chunks: Iterable[bytes], *, expected: int | None = None) -> Written:
    """Store the bytes and return their digest; see `Store.write`. SIGNOFF_MAX_UPLOAD_MB is the limit."""
    return store().write(chunks, limit=settings.MAX_UPLOAD_BYTES, expected=expected)


def read_blob(sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from `start`, `length` of them, in pieces of 1 MiB."""
    return store().read(sha256, start, length)


def blob_bytes(sha256: str, limit: int) -> bytes:
    """Return a small blob whole; raise TooLarge over `limit` bytes, FileNotFoundError where it is gone."""
    length = store().length(sha256)
    if length is None:
        raise FileNotFoundError(sha256)
    if length > limit:
        raise TooLarge(f"The file is over {limit} bytes.")
    return b"".join(read_blob(sha256))


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
    return store().length(sha256)

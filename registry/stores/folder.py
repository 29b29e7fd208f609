"""A folder of files named by their SHA-256, written so that a crash leaves either the whole file or none."""

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from registry.stores.contract import CHUNK, Hashed, StoreDown, StoreFull, Written

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
LEAST_FREE = 64 * 2**20


class Folder:
    """The store on this machine's disk."""

    def __init__(self, root: Path) -> None:
        self.root, self.drafts = root, root / "drafts"

    def path(self, sha256: str) -> Path:
        """Return where the bytes live."""
        return self.root / sha256[:2] / sha256[2:]

    def write(self, chunks: Iterable[bytes], *, limit: int, expected: int | None = None) -> Written:
        """Temporary file, hash, fsync, rename, fsync of the folder."""
        with _explained():
            self.drafts.mkdir(parents=True, exist_ok=True)
        draft = self.drafts / f"{os.getpid()}-{secrets.token_hex(8)}"
        hashed = Hashed(chunks, limit=limit, expected=expected)
        try:
            self._fill(draft, hashed)
            with _explained():
                _move_in(draft, self.path(hashed.written.sha256))
        finally:
            draft.unlink(missing_ok=True)
        return hashed.written

    def _fill(self, draft: Path, hashed: Hashed) -> None:
        with _explained():
            out = draft.open("wb")
        with out:
            for chunk in hashed:
                with _explained():
                    out.write(chunk)
            with _explained():
                out.flush()
                os.fsync(out.fileno())

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield bytes of the file."""
        with self.path(sha256).open("rb") as source:
            source.seek(start)
            left = length
            while left is None or left > 0:
                chunk = source.read(CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def length(self, sha256: str) -> int | None:
        """Return the file's length."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, sha256: str) -> None:
        """Remove the file."""
        self.path(sha256).unlink(missing_ok=True)

    def drop_drafts(self, before: datetime) -> int:
        """Remove drafts whose last byte was written before then."""
        old = [draft for draft in self.drafts.glob("*") if draft.stat().st_mtime < before.timestamp()]
        for draft in old:
            draft.unlink(missing_ok=True)
        return len(old)

    def trouble(self) -> str:
        """Say where the disk is full or may not be written."""
        try:
            self.drafts.mkdir(parents=True, exist_ok=True)
            place = os.statvfs(self.drafts)
        except OSError as why:
            return f"files cannot be stored: {why.strerror}"
        if not os.access(self.drafts, os.W_OK):
            return "files cannot be stored: the folder of blobs is not writable"
        free = place.f_bavail * place.f_frsize
        return f"the disk is full: {free // 2**20} MiB are free for files" if free < LEAST_FREE else ""


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the disk's refusals into ours."""
    try:
        yield
    except OSError as why:
        kind = StoreFull if why.errno in FULL else StoreDown
        raise kind(f"The file could not be stored: {why.strerror}.", next_step="Ask an operator.") from why


def _move_in(draft: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft.chmod(0o440)
    draft.rename(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

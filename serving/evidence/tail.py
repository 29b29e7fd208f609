"""Reads a growing file that is now and then replaced, line by line, and knows how far it came."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST = 256 * 2**10  # a line; a longer one is passed over


@dataclass(frozen=True)
class Mark:
    """How far a file was read."""

    inode: int
    offset: int


START = Mark(0, 0)


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a file, and where they begin."""

    begin: Mark
    text: bytes

    def after(self, taken: int) -> Mark:
        """Return the mark behind so many bytes of it."""
        return Mark(self.begin.inode, self.begin.offset + min(taken, len(self.text)))


def read(path: Path, mark: Mark, most: int, count: int = -1) -> tuple[list[bytes], Mark]:
    """Return whole lines after `mark`, about `most` bytes and `count` lines at most (-1: any), and the new mark.

    A file that was replaced is finished first, from `PATH.1`. Where that is gone too, its rest is lost.
    """
    chunk = _chunk(path, mark, most)
    text = chunk.text if chunk.text.endswith(b"\n") or not chunk.text else chunk.text + b"\n"
    *lines, rest = text.split(b"\n", count)
    return lines, chunk.after(len(text) - len(rest))


def skip(path: Path, mark: Mark, most: int) -> tuple[int, Mark]:
    """Return how many whole lines there are after `mark`, in about `most` bytes, and the mark behind them."""
    chunk = _chunk(path, mark, most)
    return chunk.text.count(b"\n") or bool(chunk.text), chunk.after(len(chunk.text))


def _chunk(path: Path, mark: Mark, most: int) -> Chunk:
    current = _inode(path)
    earlier = path.with_name(f"{path.name}.1")
    if current != mark.inode and mark.inode and _inode(earlier) == mark.inode:
        found = _whole_lines(earlier, mark, most)
        if found.text:
            return found
    if current is None:
        return Chunk(mark, b"")
    return _whole_lines(path, mark if mark.inode == current else Mark(current, 0), most)


def end(path: Path) -> Mark | None:
    """Return the mark behind all that the file holds now; None where there is no plain file."""
    found = _found(path)
    return found and Mark(found.st_ino, found.st_size)


def is_of_earlier(path: Path, mark: Mark) -> bool:
    """Whether `mark` lies in a file that was replaced since: what stands in its successor was not looked at."""
    return _inode(path) not in {None, mark.inode}


def _whole_lines(path: Path, mark: Mark, most: int) -> Chunk:
    with _opened(path) as descriptor:
        if descriptor is None:
            return Chunk(mark, b"")
        size = os.fstat(descriptor).st_size
        offset = mark.offset if mark.offset <= size else 0  # it was cut
        text = os.pread(descriptor, max(most, LONGEST + 1), offset)
    end = text.rfind(b"\n") + 1
    if not end and len(text) > LONGEST:
        end = len(text)  # the rest of it is no JSON and falls out later
    return Chunk(Mark(mark.inode, offset), text[:end])


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Give a plain file's descriptor: the writer may be a hostile model that puts a link or a pipe there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _inode(path: Path) -> int | None:
    found = _found(path)
    return found and found.st_ino


def _found(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None

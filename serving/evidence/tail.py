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


def read(path: Path, mark: Mark, most: int) -> tuple[list[bytes], Mark]:
    """Return whole lines after `mark`, about `most` bytes of them, and the new mark.

    A file that was replaced is finished first, from `PATH.1`. Where that is gone too, its rest is lost.
    """
    current = _inode(path)
    earlier = path.with_name(f"{path.name}.1")
    if current != mark.inode and mark.inode and _inode(earlier) == mark.inode:
        lines, further = _lines(earlier, mark, most)
        if lines:
            return lines, further
    if current is None:
        return [], mark
    return _lines(path, mark if mark.inode == current else Mark(current, 0), most)


def is_of_earlier(path: Path, mark: Mark) -> bool:
    """Whether `mark` lies in a file that was replaced since: what stands in its successor was not looked at."""
    return _inode(path) not in {None, mark.inode}


def _lines(path: Path, mark: Mark, most: int) -> tuple[list[bytes], Mark]:
    with _opened(path) as descriptor:
        if descriptor is None:
            return [], mark
        size = os.fstat(descriptor).st_size
        offset = mark.offset if mark.offset <= size else 0  # it was cut
        text = os.pread(descriptor, max(most, LONGEST + 1), offset)
    end = text.rfind(b"\n") + 1
    if not end and len(text) > LONGEST:
        end = len(text)  # the rest of it is no JSON and falls out later
    return [line for line in text[:end].split(b"\n") if line], Mark(mark.inode, offset + end)


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
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino if stat.S_ISREG(found.st_mode) else None

"""Frames on a pipe: a header of JSON, then buffers whose lengths it names.

Standard library only: every model's own environment imports this file. Whoever reads names the most it takes: the other
end may be anybody's code.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

LENGTH = struct.Struct("<I")
HEADER_BYTES = 64 * 2**20
BUFFER_BYTES = 2**30


class Cut(Exception):
    """The other end stopped in the middle of a frame, or sent what is none."""


@dataclass(frozen=True)
class Frame:
    """One frame; `head` holds what is plain JSON."""

    head: dict[str, Any]
    buffers: list[memoryview] = field(default_factory=list)


def write(pipe: IO[bytes], head: dict[str, Any], buffers: Sequence[Any] = ()) -> None:
    """Send one frame, whole; raises BrokenPipeError where nobody reads any more."""
    views = [memoryview(part).cast("B") for part in buffers]
    text = json.dumps({**head, "bytes": [len(view) for view in views]}, separators=(",", ":")).encode()
    pipe.write(LENGTH.pack(len(text)) + text)
    for view in views:
        pipe.write(view)
    pipe.flush()


def read(pipe: IO[bytes]) -> Frame | None:
    """Return the next frame, or None where the other end closed after its last one; raises Cut."""
    if not (front := _exactly(pipe, LENGTH.size, may_end=True)):
        return None
    (length,) = LENGTH.unpack(front)
    if length > HEADER_BYTES:
        raise Cut(f"A header of {length} bytes was sent.")
    try:
        head = json.loads(bytes(_exactly(pipe, length)))
        sizes = [int(size) for size in head.pop("bytes")]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as why:
        raise Cut("A header was sent that is none.") from why
    if min(sizes, default=0) < 0 or sum(sizes) > BUFFER_BYTES:
        raise Cut("Buffers of an impossible length were sent.")
    return Frame(head, [_exactly(pipe, size) for size in sizes])


def _exactly(pipe: IO[bytes], size: int, *, may_end: bool = False) -> memoryview:
    """Return so many bytes; none where the pipe is at its end and may be."""
    taken = memoryview(bytearray(size))
    have = 0
    while have < size:
        got = pipe.readinto(taken[have:])  # type: ignore[attr-defined]  # a buffered or raw pipe
        if not got:
            if may_end and not have:
                return memoryview(b"")
            raise Cut("The other end stopped in the middle.")
        have += got
    return taken

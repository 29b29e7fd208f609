"""Sends requests over and over on some connections, and measures; on raw sockets, so as not to be the brake."""

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Measured:
    """What came of it."""

    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int = 0


def request(url: str, body: bytes, headers: dict[str, str], method: str = "POST") -> bytes:
    """Return the bytes of one request."""
    place = urlsplit(url)
    path = f"{place.path}?{place.query}" if place.query else place.path
    lines = [f"{method} {path} HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(url: str, said: bytes | Sequence[bytes], *, connections: int, seconds: float) -> Measured:
    """Return requests per second and latencies; every answer is a 200.

    Several requests are sent in turn, each by one connection alone where there are enough of them.
    """
    turns = [said] if isinstance(said, bytes) else list(said)
    return asyncio.run(_measure(url, turns, connections, seconds))


async def _measure(url: str, turns: list[bytes], connections: int, seconds: float) -> Measured:
    begun = time.perf_counter()
    places = [turns[n::connections] or turns for n in range(connections)]
    found = await asyncio.gather(*(_one(url, place, begun + seconds) for place in places))
    took_s = time.perf_counter() - begun
    times = sorted(ms for each in found for ms in each)
    p50, p95, p99 = (times[int(len(times) * share)] for share in (0.5, 0.95, 0.99))
    return Measured(len(times) / took_s, p50, p95, p99, len(times))


async def _one(url: str, turns: list[bytes], end: float) -> list[float]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    line: socket.socket = writer.get_extra_info("socket")
    times: list[float] = []
    while time.perf_counter() < end:
        begun = time.perf_counter()
        writer.write(turns[len(times) % len(turns)])
        # A server that answers in two writes would wait 40 ms for our acknowledgement of the first.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        head = await reader.readuntil(b"\r\n\r\n")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(_length(head))
        times.append((time.perf_counter() - begun) * 1000)
    writer.close()
    return times


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError(f"an answer without a length: {head!r}")

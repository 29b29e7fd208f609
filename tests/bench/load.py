"""Sends one request over and over on some connections, and measures; on raw sockets, so as not to be the brake."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Measured:
    """What came of it."""

    per_s: float
    p50_ms: float
    p99_ms: float


def request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of one POST."""
    place = urlsplit(url)
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(url: str, said: bytes, *, connections: int, seconds: float) -> Measured:
    """Return requests per second and latencies; every answer is a 200."""
    return asyncio.run(_measure(url, said, connections, seconds))


async def _measure(url: str, said: bytes, connections: int, seconds: float) -> Measured:
    end = time.perf_counter() + seconds
    begun = time.perf_counter()
    found = await asyncio.gather(*(_one(url, said, end) for _ in range(connections)))
    took_s = time.perf_counter() - begun
    times = sorted(ms for each in found for ms in each)
    return Measured(len(times) / took_s, times[len(times) // 2], times[int(len(times) * 0.99)])


async def _one(url: str, said: bytes, end: float) -> list[float]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    times = []
    while time.perf_counter() < end:
        begun = time.perf_counter()
        writer.write(said)
        head = await reader.readuntil(b"\r\n\r\n")
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

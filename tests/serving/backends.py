"""Small HTTP servers at replicas' sockets, and a client that keeps its connections."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from serving.contract import Layout

T = TypeVar("T")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Backends:
    """Each answers with its name and the headers it saw, after `x-wait` seconds; those that are sick, with 500."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.loop = asyncio.new_event_loop()
        self.sick: set[str] = set()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.servers: dict[str, asyncio.Server] = {}
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def start(self, *replicas: str) -> None:
        for replica in replicas:
            self.run(self._start(replica))

    def stop(self, replica: str) -> None:
        self.loop.call_soon_threadsafe(self.servers.pop(replica).close)
        self.layout.socket(replica).unlink(missing_ok=True)

    async def _start(self, replica: str) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    await self._turn(replica, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        path = self.layout.socket(replica)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        self.servers[replica] = await asyncio.start_unix_server(talk, str(path))

    async def _turn(self, replica: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(headers.get("content-length", 0)))
        self.seen.append((replica, headers))
        await asyncio.sleep(float(headers.get("x-wait", 0)))
        body = json.dumps({"replica": replica, "path": line.split()[1], "headers": headers}).encode()
        status = b"500 Sick" if replica in self.sick else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)


def parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *rest = head.decode().strip().split("\r\n")
    return first, {name.lower(): text for name, text in (line.split(": ", 1) for line in rest)}


class Client:
    """One kept connection to the router."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        self.ends = self.ends or await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.ends
        lines = [f"GET {path} HTTP/1.1", "host: models", *(f"{name}: {text}" for name, text in (headers or {}).items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        first, got = parse_head(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(got["content-length"]))
        if got.get("connection") == "close":
            writer.close()
            self.ends = None
        return Answer(int(first.split()[1]), got, json.loads(body))


async def ask_all(port: int, asked: list[tuple[str, dict[str, str]]], clients: int = 8) -> list[Answer]:
    """Ask everything over a few connections; answers in the order of the questions."""

    async def some(start: int) -> list[Answer]:
        client = Client(port)
        return [await client.get(path, headers) for path, headers in asked[start::clients]]

    parts = await asyncio.gather(*(some(start) for start in range(clients)))
    return [parts[place % clients][place // clients] for place in range(len(asked))]

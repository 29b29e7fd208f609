"""Answers HTTP: addresses, tokens, limits, errors. What a model says comes from elsewhere."""

import re
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from serving.contract import Desired
from serving.server import answers, forms, joining, refusals, v2
from serving.server.inputs import Fitted, Given
from serving.server.metrics import Metrics
from serving.server.models import Model
from serving.server.queue import Joining, Queue
from serving.server.refusals import Refused, bad
from serving.server.tokens import Gate

JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
INLINE_S = 0.005  # a request expected to take less is answered where it arrived; a thread costs 0.1 ms
PATIENCE = 4
BUSY = 503
ROW_BY_ROW = Joining(joining.fits, joining.joined, joining.divided)
V2 = "/v2"
GET, POST = "GET", "POST"
PLAIN = frozenset({"", "identity"})
Answer = tuple[int, bytes, bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Request:
    """One request, its body still to be received."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    receive: Receive
    answered: "Answered | None" = None

    def header(self, name: bytes) -> str:
        """Return a header's value; empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model said to one request."""

    given: Fitted
    prediction: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a prediction, read; and how its answer is written."""

    given: Given
    write: Callable[[Any], bytes]


class Evidence(Protocol):
    """Whoever writes down what was asked and answered."""

    def hear(self, request: Request, request_id: str, status: int, took_s: float) -> None:
        """Take note of a request for predictions that was answered with `status`."""
        ...

    def flush(self) -> None:
        """Write what waits."""
        ...


class App:
    """One model behind HTTP."""

    def __init__(self, desired: Desired, model: Model, gate: Gate, evidence: Evidence, row_s: float) -> None:
        self.desired, self.model, self.gate, self.evidence, self.row_s = desired, model, gate, evidence, row_s
        self.metrics = Metrics({"model": desired.model, "version": desired.version, "digest": desired.digest})
        self.draining = False
        self.withheld = ""
        self.queue = Queue(model.predict, ROW_BY_ROW, desired.batch_rows, desired.max_waiting)
        self.limit = desired.max_body_mb * 2**20
        named = f"{V2}/models/{desired.model}"
        models = (named, f"{named}/versions/{desired.version}")
        self.gets: dict[str, Callable[[], Answer]] = {
            "/ping": self._pong,
            "/health": self._pong,
            f"{V2}/health/live": self._live,
            f"{V2}/health/ready": self._ready,
            **{f"{name}/ready": self._ready for name in models},
        }
        self.told: dict[str, Callable[[], Answer]] = {
            "/version": self._version,
            "/metrics": self._metrics,
            V2: self._server,
            **dict.fromkeys(models, self._described),
        }
        self.posts: dict[str, Callable[[bytes, str], Asked]] = {
            "/invocations": self._invocation,
            **{f"{name}/infer": self._infer for name in models},
        }

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        self.metrics.in_flight += 1
        request = Request(scope["method"], scope["path"], dict(scope["headers"]), receive)
        request_id = request.header(b"x-request-id")
        if not REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16)
        try:
            status, kind, body = await self._answer(request, request_id)
        finally:
            self.metrics.in_flight -= 1
        if request.path in self.posts:
            took_s = time.perf_counter() - begun
            self.metrics.answered(status, took_s)
            self.evidence.hear(request, request_id, status, took_s)
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        headers.append((b"x-request-id", request_id.encode()))
        if status == BUSY:
            headers.append((b"retry-after", b"1"))
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})

    async def _answer(self, request: Request, request_id: str) -> Answer:
        try:
            return await self._route(request)
        except Refused as why:
            return why.status, JSON, self._problem(request.path, why.code, why.message, request_id)
        except Exception as why:  # noqa: BLE001 - the model's own: the caller learns the id, the log the rest
            sys.stderr.write(f"request {request_id}\n{traceback.format_exc()}")
            self.withheld = refusals.withheld(why) or self.withheld
            said = f"The model failed on this input. Its log has the reason under request {request_id}."
            return 500, JSON, self._problem(request.path, "INTERNAL_ERROR", said, request_id)

    def _problem(self, path: str, code: str, message: str, request_id: str) -> bytes:
        if path.startswith(V2):
            return answers.dump({"error": message, "id": request_id})
        return answers.dump({"error_code": code, "message": message, "request_id": request_id})

    async def _route(self, request: Request) -> Answer:
        path = request.path
        if (reader := self.posts.get(path)) is not None:
            _expect(request.method, POST)
            return await self._predict(request, reader)
        if (open_to_all := self.gets.get(path)) is not None:
            _expect(request.method, GET)
            return open_to_all()
        self.gate.check(request.header(b"authorization"))
        if (told := self.told.get(path)) is None:
            raise Refused(404, "ENDPOINT_NOT_FOUND", f"There is no {path[:200]} here; the model is at /invocations.")
        _expect(request.method, GET)
        return told()

    async def _predict(self, request: Request, reader: Callable[[bytes, str], Asked]) -> Answer:
        self.gate.check(request.header(b"authorization"))
        if (encoding := request.header(b"content-encoding").strip().lower()) not in PLAIN:
            raise Refused(415, "BAD_REQUEST", f"A body is taken as it is, without Content-Encoding {encoding[:40]}.")
        asked = reader(await self._body(request), request.header(b"content-type"))
        fitted = self.model.signature.fit(asked.given)
        rows = fitted.rows
        if self.queue.is_wanted or self.row_s * rows > INLINE_S:
            answer = await self.queue.ask(fitted)  # in the model's thread, so that health stays answered meanwhile
        else:
            answer = self.model.predict(fitted)
        self.metrics.rows += rows
        request.answered = Answered(fitted, answer)
        return 200, JSON, asked.write(answer)

    async def _body(self, request: Request) -> bytes:
        """Return the whole body; one not far over the limit is read to its end, so that its sender reads why not."""
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise bad("The body ended early.")
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > self.limit:
                parts.clear()
                if size > PATIENCE * self.limit:
                    break
            else:
                parts.append(part)
        if size > self.limit:
            raise self._too_large()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(413, "REQUEST_TOO_LARGE", f"The body is over {self.desired.max_body_mb} MiB.")

    def _invocation(self, body: bytes, content_type: str) -> Asked:
        return Asked(forms.read(body, content_type), answers.predictions)

    def _infer(self, body: bytes, _: str) -> Asked:
        given, chosen = v2.read(body, self.model.signature)

        def write(answer: Any) -> bytes:
            named = {"model_name": self.desired.model, "model_version": self.desired.version}
            return answers.dump({**named, **({"id": chosen} if chosen else {}), "outputs": v2.outputs(answer)})

        return Asked(given, write)

    def _pong(self) -> Answer:
        return 200, TEXT, b"\n"

    def _version(self) -> Answer:
        said = {"model": self.desired.model, "version": self.desired.version, "digest": self.desired.digest}
        return 200, JSON, answers.dump(said)

    def _metrics(self) -> Answer:
        return 200, TEXT, self.metrics.text(len(self.queue.waiting), self.queue.batches).encode()

    def _live(self) -> Answer:
        return 200, JSON, b'{"live":true}'

    def _ready(self) -> Answer:
        said = {"ready": not self.draining, **({"withheld": self.withheld} if self.withheld else {})}
        return BUSY if self.draining else 200, JSON, answers.dump(said)

    def _server(self) -> Answer:
        return 200, JSON, answers.dump({"name": "signoff", "version": "2", "extensions": []})

    def _described(self) -> Answer:
        described = {
            "name": self.desired.model,
            "versions": [self.desired.version],
            "platform": self.model.platform,
            "inputs": v2.described(self.model.signature),
            "outputs": [],
        }
        return 200, JSON, answers.dump(described)


def _expect(method: str, allowed: str) -> None:
    if method not in {allowed, "HEAD" if allowed == GET else allowed}:
        raise Refused(405, "METHOD_NOT_ALLOWED", f"Use {allowed} here, not {method[:20]}.")

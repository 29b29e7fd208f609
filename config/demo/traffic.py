"""Callers of an endpoint: they send rows held out of training, and say later what was true. Only over HTTP."""

import http.client
import json
import random
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable  # noqa: TC003 - a local annotation
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

CALLERS = 4
PAUSE_S, SLOW_S = 0.02, 1.0  # each caller, between two requests
LATE_S = 2.0  # labels come this long after their predictions
AT_ONCE = 400


@dataclass
class Traffic:
    """Requests in the background for as long as the block lasts; counts what it did."""

    router: str
    endpoint: str
    endpoint_token: str
    api: str
    api_token: str
    held_out: dict[str, Any]
    sent: int = 0
    failed: int = 0  # refused by a status, or the connection was lost
    pause_s: float = PAUSE_S
    labelled: int = 0
    due: deque[tuple[float, str, int]] = field(default_factory=deque)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin."""
        work: list[Callable[[], None]] = [*(partial(self._call, number) for number in range(CALLERS)), self._label]
        self.threads = [threading.Thread(target=target, daemon=True) for target in work]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(10)

    def slow_down(self) -> None:
        """Go on with a request a second for each caller."""
        self.pause_s = SLOW_S

    def _call(self, number: int) -> None:
        rng = random.Random(number)  # noqa: S311 - which row comes next
        place = urlsplit(self.router)
        headers = {"Authorization": f"Bearer {self.endpoint_token}", "Content-Type": "application/json"}
        line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        while not self.stopping.wait(self.pause_s):
            chosen = rng.randrange(len(self.held_out["rows"]))
            split = {"columns": self.held_out["columns"], "data": [self.held_out["rows"][chosen]]}
            try:
                line.request(
                    "POST", f"/endpoints/{self.endpoint}/invocations", json.dumps({"dataframe_split": split}), headers
                )
                answer = line.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                line.close()
                self.failed += 1
                continue
            self.sent += 1
            if answer.status == http.HTTPStatus.OK:
                name = answer.getheader("x-request-id") or ""
                self.due.append((time.monotonic() + LATE_S, name, self.held_out["truth"][chosen]))
            else:
                self.failed += 1

    def _label(self) -> None:
        while not self.stopping.wait(0.5):
            ready: list[dict[str, object]] = []
            while self.due and self.due[0][0] <= time.monotonic() and len(ready) < AT_ONCE:
                _, name, truth = self.due.popleft()
                ready.append({"request_id": name, "label": truth})
            if ready:
                self._post(ready)

    def _post(self, labels: list[dict[str, object]]) -> None:
        body = json.dumps({"endpoint": self.endpoint, "labels": labels}).encode()
        headers = {"Authorization": f"Bearer {self.api_token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.api}/api/v1/labels", body, headers)  # noqa: S310 - our own http address
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - same
                self.labelled += len(labels)
        except OSError:
            self.due.extendleft((0.0, str(label["request_id"]), int(str(label["label"]))) for label in labels)

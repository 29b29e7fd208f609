"""Requests that wait for the model: not too many, and together where the endpoint says so.

Nothing is waited for on purpose: what came while the model was busy is asked at once when it is free. So a request that
finds it free pays nothing, and the busier it is the larger the batches.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.server.refusals import Refused

FULL = "The model has {} requests waiting, the most it takes. Try again in a moment."


class Sized(Protocol):
    """A request that fits the signature."""

    @property
    def rows(self) -> int:
        """How many examples it holds."""
        ...


@dataclass(frozen=True)
class Joining:
    """How requests become one and its answer theirs again."""

    fits: Callable[[Any, Any], bool]  # whether two requests can be asked as one
    joined: Callable[[Sequence[Any]], Any]
    divided: Callable[[Any, Sequence[int]], list[Any]]  # by rows; nothing where the answer is not row by row


@dataclass(frozen=True)
class Outcome:
    """What the model said, or the exception it raised."""

    answer: Any = None
    error: Exception | None = None


@dataclass
class Queue:
    """The one thread in which a model answers, and what waits for it.

    `batch_rows` bounds the rows asked together; 1 asks each request by itself. Over `most` waiting, more are refused.
    """

    predict: Callable[[Any], Any]
    joining: Joining
    batch_rows: int
    most: int
    batches: int = 0  # calls of the model that answered several requests
    waiting: deque[tuple[Sized, "asyncio.Future[Any]"]] = field(default_factory=deque)
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="model"))
    working: "asyncio.Task[None] | None" = None

    @property
    def is_wanted(self) -> bool:
        """Whether a request should come here even if the model could answer it at once."""
        return self.batch_rows > 1 or self.working is not None

    async def ask(self, fitted: Sized) -> Any:
        """Return the model's answer to this request alone; raise what it raised, or Refused where too many wait."""
        if len(self.waiting) >= self.most:
            raise Refused(503, "TEMPORARILY_UNAVAILABLE", FULL.format(self.most))
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()
        self.waiting.append((fitted, answered))
        if self.working is None:
            self.working = loop.create_task(self._work())
        return await answered

    async def _work(self) -> None:
        """Ask until nobody waits."""
        try:
            while self.waiting:
                taken = self._take()
                asked = [fitted for fitted, _ in taken]
                outcomes = await asyncio.get_running_loop().run_in_executor(self.thread, self._answers, asked)
                for (_, answered), outcome in zip(taken, outcomes, strict=True):
                    _tell(answered, outcome)
        finally:
            self.working = None

    def _take(self) -> list[tuple[Sized, "asyncio.Future[Any]"]]:
        """Take the next request, and those behind it that can be asked with it."""
        taken = [self.waiting.popleft()]
        rows = taken[0][0].rows
        while self.waiting and rows + (more := self.waiting[0][0].rows) <= self.batch_rows:
            if not self.joining.fits(taken[0][0], self.waiting[0][0]):
                break
            taken.append(self.waiting.popleft())
            rows += more
        return taken

    def _answers(self, asked: list[Sized]) -> list[Outcome]:
        """Return an outcome for each, in the model's thread. One that fails does not fail those it was asked with."""
        if len(asked) > 1:
            try:
                answers = self.joining.divided(self.predict(self.joining.joined(asked)), [one.rows for one in asked])
            except Exception:  # noqa: BLE001 - each is asked again by itself, and learns its own reason
                answers = []
            else:
                if answers:
                    self.batches += 1
                    return [Outcome(answer) for answer in answers]
                sys.stderr.write("The model does not answer row by row: its requests are asked one by one.\n")
                self.batch_rows = 1
        return [self._answer(one) for one in asked]

    def _answer(self, asked: Sized) -> Outcome:
        try:
            return Outcome(self.predict(asked))
        except Exception as why:  # noqa: BLE001 - the model's own, raised where the request is answered
            return Outcome(error=why)


def _tell(answered: "asyncio.Future[Any]", outcome: Outcome) -> None:
    if answered.done():
        return  # its caller left
    if outcome.error is not None:
        answered.set_exception(outcome.error)
    else:
        answered.set_result(outcome.answer)

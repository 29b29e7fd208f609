"""What plays the world around each kind of target. A kind without a stage fails the suite."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from deployments.targets.contract import Release, Target

STAGES = {"local": "tests.contracts.targets.local:stage", "kubernetes": "tests.contracts.targets.kubernetes:stage"}


class Died(BaseException):
    """The engine's process ended here: no handler of ours sees it."""


class Stage(Protocol):
    """One kind's outside world: as real as can be afforded."""

    def target(self) -> Target:
        """Return a target as a new process would make it."""
        ...

    def release(self, endpoint: str, version: int) -> Release:
        """Return a release whose files are there, and another rollout each time."""
        ...

    def damaged(self, release: Release) -> Release:
        """Return the release after one byte of its files was changed where the target finds them."""
        ...

    def talkative(self, release: Release) -> tuple[Release, list[str]]:
        """Return a release that fails and says credentials, and everything that must not be repeated."""
        ...

    def answer(self, endpoint: str) -> str | None:
        """Return the version that answers a request now, or None where it is refused."""
        ...

    def dying(self, at: int) -> AbstractContextManager[None]:
        """The engine's process dies (Died) just before its change number `at` of the outside world."""
        ...

    def away(self) -> AbstractContextManager[None]:
        """Nobody on the other side does anything meanwhile."""
        ...


@contextmanager
def stage_of(kind: str, folder: Path) -> Iterator[Stage]:
    """Set the kind's stage up, and take it down."""
    module, _, name = STAGES[kind].partition(":")
    made = getattr(import_module(module), name)
    with cast("AbstractContextManager[Stage]", made(folder)) as stage:
        yield stage

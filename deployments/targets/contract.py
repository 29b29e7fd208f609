"""What every target does; the engine knows nothing else of them. tests/contracts/targets holds each kind to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from deployments.plan import Sight, Strategy


class TryAgain(Exception):
    """The target could not be reached or was busy: the same step may work later."""


class GiveUp(Exception):
    """The target says no for good; its text is a sentence for people."""


class StaleFence(Exception):
    """A newer engine was here: whoever holds the older fence stops."""


@dataclass(frozen=True)
class Capabilities:
    """What a target can do; `unable` says of each other strategy why not, as the end of a sentence."""

    strategies: frozenset[Strategy]
    rest: bool = True
    batch: bool = False  # whether it scores files; `deployments.batch` then writes its orders to this machine
    replicas: int = 1  # model servers of one release at most
    unable: Mapping[Strategy, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """A version to be served: everything a target needs, nothing it has to look up."""

    rollout: str
    endpoint: str
    model: str
    version: int
    digest: str
    files: tuple[tuple[str, str, int], ...]
    lock_digest: str
    salt: str
    sandbox: str = "required"
    memory_mb: int = 2048
    batch_rows: int = 1
    max_waiting: int = 256
    replicas: int = 1  # not part of what it is: it may change while it serves
    keeps_running: bool = True  # False: it is loaded and warmed once, and stopped by its last step
    most: int = 1  # to which a place that scales by itself may go beyond `replicas`; the same


@dataclass(frozen=True)
class Step:
    """A step to bring about for `release`.

    `previous` is what requests go back to if it comes to that, `keep` what stands by once the rollout is over; either
    may be nothing.
    """

    name: str
    release: Release
    arguments: Mapping[str, object] = field(default_factory=dict)
    previous: Release | None = None
    keep: Release | None = None


@dataclass(frozen=True)
class Seen:
    """What the target shows of a step, with numbers a page can print."""

    sight: Sight
    facts: Mapping[str, object] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Split:
    """How requests are divided, by track: the share of 10,000 that holds, how many went there since, and are there."""

    shares: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)


class Target(Protocol):
    """A kind of place that serves models."""

    def lacks(self) -> str:
        """Return, as a sentence, what is missing here before anything can be served there; empty where nothing is."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what it can do; an unsupported strategy is refused before a rollout starts."""
        ...

    def observe(self, step: Step, *, key: str, fence: int) -> Seen:
        """Return what it shows of `step`, from the place itself, never from our own rows. Raises TryAgain."""
        ...

    def apply(self, step: Step, *, key: str, fence: int) -> None:
        """Bring `step` on its way within 2 s. Idempotent by `key`.

        Raises StaleFence for an older fence than the endpoint has seen, TryAgain, or GiveUp.
        """
        ...

    def revert(self, step: Step, *, key: str, fence: int) -> None:
        """Send all requests to `step.previous` (nothing: refuse them) and stop `step.release` where it is another.

        As `apply`; `observe` shows how far it came.
        """
        ...

    def runs(self, release: Release) -> Seen:
        """Return what runs of `release` now, whoever asked for it: `state` among the facts; broken where it gave up."""
        ...

    def scale(self, release: Release) -> None:
        """Go one way further to `release.replicas` model servers of what is installed; call again until it is there.

        None gets requests before it is ready, and none that has some is stopped. Raises TryAgain, or GiveUp.
        """
        ...

    def tend(self, release: Release) -> None:
        """Renew what runs out by itself at the place while `release` is there. Often called; mostly nothing is due.

        Raises TryAgain, or GiveUp.
        """
        ...

    def split(self, endpoint: str) -> Split:
        """Return how the place divides the endpoint's requests, by its own counters; empty where it does not say.

        Empty is not zero: nobody may conclude from it that no requests came.
        """
        ...

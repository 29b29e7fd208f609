"""Work that happens again and again, with or without a broker."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Periodic:
    """A function and how often it runs. It may run twice at once and must be harmless then."""

    name: str
    every_s: float
    run: Callable[[], object]


PERIODIC: tuple[Periodic, ...] = ()

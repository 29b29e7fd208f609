"""What a guardrail is told of one request or one label."""

from typing import NamedTuple


class Request(NamedTuple):
    """One request and what came of it; `share` is the chance with which it was drawn into the canary.

    `at_s` is when it was asked, in seconds since 1970.
    """

    in_canary: bool
    share: float
    failed: bool = False
    unit: str = ""
    latency_ms: float | None = None
    value: float | None = None
    segment: str = ""
    step: str = ""
    at_s: float = 0.0


class Judged(NamedTuple):
    """The first label of one prediction; the rest is its request's."""

    in_canary: bool
    share: float
    wrong: bool
    unit: str = ""
    segment: str = ""
    step: str = ""

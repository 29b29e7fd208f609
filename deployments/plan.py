"""What to do next in a rollout: pure functions over what is wanted and what was observed. No clock, no database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

INSTALL_S, ROUTE_S, RETIRE_S, REVERT_S = 600.0, 30.0, 60.0, 60.0
GATE_S = 7 * 86_400.0  # how long a gate waits for a person before the rollout goes back
ATTEMPTS = 3
ALL = 100  # percent
NO_WAY_BACK = frozenset({"retire", "revert"})  # giving these up asks a person: there is nothing better to go back to


class Strategy(StrEnum):
    """How traffic goes over."""

    ALL_AT_ONCE = "all-at-once"
    BLUE_GREEN = "blue-green"
    LINEAR = "linear"
    CANARY = "canary"
    AB = "a-b"
    SHADOW = "shadow"


@dataclass(frozen=True)
class Spec:
    """A step to be made: its name, arguments, deadline from its first apply, and how often it may be tried."""

    name: str
    arguments: dict[str, object] = field(default_factory=dict)
    deadline_s: float = ROUTE_S
    attempts: int = ATTEMPTS


@dataclass(frozen=True)
class Stay:
    """A share of the requests, the longest time there before somebody or something decides, and a gate behind it."""

    share_pct: int
    max_s: float
    gate: bool = False


@dataclass(frozen=True)
class Mirror:
    """Copies of so many percent of the requests, and the longest time before a person decides."""

    copies_pct: int
    max_s: float


def steps_of(
    strategy: Strategy, *, bake_s: float = 0.0, stays: Sequence[Stay] = (), mirror: Mirror | None = None
) -> list[Spec]:
    """Return the steps of a rollout in order: install beside what serves, send traffic over, wait, retire the old.

    It takes each share and is watched at it. A watch that nobody ended in twice its time sends it back. A version that
    gets copies is compared, and then a person chooses.
    """
    steps = [Spec("install", deadline_s=INSTALL_S)]
    if mirror:
        steps += [
            Spec("mirror", {"copies_pct": mirror.copies_pct}),
            Spec("compare", deadline_s=2 * mirror.max_s),
            Spec("gate", {"share_pct": 0}, deadline_s=GATE_S),
        ]
    for stay in stays:
        share: dict[str, object] = {"share_pct": stay.share_pct}
        steps += [Spec("route", share), Spec("watch", share, deadline_s=2 * stay.max_s)]
        steps += [Spec("gate", share, deadline_s=GATE_S)] if stay.gate else []
    steps.append(Spec("route", {"share_pct": ALL}))
    if strategy is Strategy.BLUE_GREEN and bake_s > 0:
        steps.append(Spec("bake", {"for_s": bake_s}, deadline_s=bake_s + ROUTE_S))
    return [*steps, Spec("retire", deadline_s=RETIRE_S)]


def steps_of_files() -> list[Spec]:
    """Return the steps of a rollout that takes no requests: loaded and warmed once beside what scores, then stopped."""
    return [Spec("install", deadline_s=INSTALL_S), Spec("retire", deadline_s=RETIRE_S)]


REVERT = Spec("revert", deadline_s=REVERT_S)  # the one step of a rollout that is sent back


def withdrawal_steps(*, to_be_readied: bool) -> list[Spec]:
    """Return the steps that take a version out of service; what serves instead may have to be made ready first."""
    return [Spec("install", deadline_s=INSTALL_S), REVERT] if to_be_readied else [REVERT]


class Sight(StrEnum):
    """What the target shows of a step."""

    ABSENT = "absent"
    UNDER_WAY = "under way"
    REACHED = "reached"
    BROKEN = "broken"
    CONDEMNED = "condemned"  # the evidence is against it
    REFERRED = "referred"  # so it is, and the plan leaves it to a person
    STALE = "stale"
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True)
class StepView:
    """A step as the engine knows it: its status, tries, whether its time is over, whether it may be tried yet."""

    name: str
    status: str
    attempts: int
    allowed: int
    late: bool
    due: bool


class Act(StrEnum):
    """What the engine does."""

    APPLY = "apply"
    WAIT = "wait"
    FINISH_STEP = "finish step"
    FINISH = "finish"
    ROLL_BACK = "roll back"
    PAUSE = "pause"
    ASK_OPERATOR = "ask operator"


SETTLED = {Sight.REACHED: Act.FINISH_STEP, Sight.CONDEMNED: Act.ROLL_BACK}  # whatever was tried before
UNDECIDED = {
    "watch": "The time at this share is over, and nobody decided",
    "compare": "The time for comparing is over, and nobody decided",
    "gate": "The gate's time is over, and nobody opened it",
}
WAITING = {Sight.REFERRED: Act.PAUSE, Sight.UNKNOWN: Act.WAIT}


@dataclass(frozen=True)
class Decision:
    """What to do, on which step (its index), and why."""

    act: Act
    step: int | None = None
    why: str = ""


def next_step(steps: list[StepView], sight: Sight) -> Decision:
    """Return what to do about the first step that is not done, given what the target shows of it.

    A step is done only when it is seen, never because it was applied. One that broke, ran late or was tried too often
    sends the rollout back; where that is no way out, a person is asked.
    """
    place = next((index for index, step in enumerate(steps) if step.status != "done"), None)
    if place is None:
        return Decision(Act.FINISH)
    step = steps[place]
    if sight in SETTLED:
        return Decision(SETTLED[sight], place)
    if sight is Sight.STALE:
        return Decision(Act.WAIT, place, "another engine holds this rollout")
    if gave_up := _gave_up(step, sight):
        return Decision(Act.ASK_OPERATOR if step.name in NO_WAY_BACK else Act.ROLL_BACK, place, gave_up)
    if sight in WAITING or (sight is Sight.UNDER_WAY and step.status == "applied"):
        return Decision(WAITING.get(sight, Act.WAIT), place)
    return Decision(Act.APPLY, place) if step.due else Decision(Act.WAIT, place, "waits before the next try")


def _gave_up(step: StepView, sight: Sight) -> str:
    """Return why a step is given up, or an empty string."""
    if step.late:
        return UNDECIDED.get(step.name, f"{step.name} was not reached in time")
    if step.attempts >= step.allowed and sight in {Sight.BROKEN, Sight.ABSENT}:
        return f"{step.name} was tried {step.attempts} times"
    return ""

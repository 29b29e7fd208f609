"""A plan as a picture: the share of the requests step by step, and where a person or time decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from deployments.models import WAY_BACK, RolloutStep
from deployments.plan import ALL, Strategy
from deployments.plans import Plan
from deployments.states import StepStatus
from deployments.watching import share_of

LEAST_PCT = 1.5  # of the height, so that copies and small shares are seen
WORDED = 5  # columns that have room for words on a narrow page
TOP_PCT, FLOOR_PCT = 14.0, 86.0  # of the picture's height: above are shares, below times
PLANNED, DONE, NOW, FAILED = "planned", "done", "now", "failed"
UNITS = (("s", 1), ("min", 60), ("h", 3600), ("d", 86_400))
SHORT = 100  # of a unit
MOVING = {"share_pct", "copies_pct"}  # arguments of steps that are at a share
STANDS = {PLANNED: "left", DONE: "done", NOW: "now", FAILED: "sent back here"}


@dataclass(frozen=True)
class Column:
    """One stay at a share, in parts of the picture's width and height; `for_s` is its least time."""

    share_pct: int
    x_pct: float
    width_pct: float
    for_s: float | None
    gate: bool
    state: str
    is_worded: bool
    anchor: str = "middle"

    @property
    def y_pct(self) -> float:
        """Where its top is."""
        return round(FLOOR_PCT - self.height_pct, 2)

    @property
    def height_pct(self) -> float:
        """How high it is."""
        return max(LEAST_PCT, round((FLOOR_PCT - TOP_PCT) * self.share_pct / ALL, 2))

    @property
    def label(self) -> str:
        """The share, or that there are copies alone."""
        return f"{self.share_pct} %" if self.share_pct else "copies"

    @property
    def words_pct(self) -> float:
        """Where its words stand: inside the picture at both ends."""
        return {"start": self.x_pct, "end": self.end_pct}.get(self.anchor, round(self.x_pct + self.width_pct / 2, 2))

    @property
    def time(self) -> str:
        """Its least time in the unit that says it shortest, or nothing."""
        if not self.for_s:
            return ""
        unit, size = next(((unit, size) for unit, size in UNITS if self.for_s < SHORT * size), UNITS[-1])
        return f"{self.for_s / size:.2g} {unit}"

    @property
    def end_pct(self) -> float:
        """Where a gate stands."""
        return round(self.x_pct + self.width_pct, 2)

    @property
    def over_pct(self) -> float:
        """Where its share is written: a little above it."""
        return round(self.y_pct - 3, 2)


@dataclass(frozen=True)
class Picture:
    """A plan's columns from left to right, and the plan in sentences."""

    columns: Sequence[Column]
    words: str
    is_under_way: bool = False

    @property
    def has_gate(self) -> bool:
        """Whether a person has to open a gate."""
        return any(column.gate for column in self.columns)

    @property
    def was_sent_back(self) -> bool:
        """Whether it went back from one of its shares."""
        return any(column.state == FAILED for column in self.columns)

    @property
    def said(self) -> str:
        """The columns in words, for those who do not see them."""
        return ", ".join(self._said(column) for column in self.columns)

    def _said(self, column: Column) -> str:
        gate = " then a gate" if column.gate else ""
        return f"{column.label}{gate}{f' {STANDS[column.state]}' if self.is_under_way else ''}"


def planned(plan: Plan) -> Picture:
    """Return the picture of a plan that nobody began."""
    return _picture(plan, {})


def under_way(plan: Plan, steps: Sequence[RolloutStep]) -> Picture:
    """Return the picture of a plan as far as its steps came."""
    return _picture(plan, _states(steps))


def _picture(plan: Plan, states: Mapping[int, str]) -> Picture:
    stays = _stays(plan)
    last, width_pct = len(stays) - 1, 100 / len(stays)
    every = 1 if last < WORDED else ceil(len(stays) / (WORDED - 1))
    columns = [
        Column(
            pct, round(n * width_pct, 2), round(width_pct, 2), for_s, gate, states.get(pct, PLANNED),
            is_worded=n == last or (n % every == 0 and last - n >= every),
            anchor=_anchor(n, last, crowded=every > 1),
        )
        for n, (pct, for_s, gate) in enumerate(stays)
    ]  # fmt: skip
    return Picture(columns, plan.words, is_under_way=bool(states))


def _anchor(place: int, last: int, *, crowded: bool) -> str:
    return {0: "start", last: "end"}.get(place, "middle") if crowded else "middle"


def _stays(plan: Plan) -> list[tuple[int, float | None, bool]]:
    """Return each share with its least time, where it has one, and whether a gate is behind it."""
    stays: list[tuple[int, float | None, bool]] = [
        (share.pct, plan.rules_at(share.pct).min_s, share.gate) for share in plan.shares
    ]
    if plan.copies_pct:
        return [(0, plan.copy_rules.min_s, True), (ALL, None, False)]
    if plan.strategy is Strategy.BLUE_GREEN:
        return [(ALL, plan.bake_s, False)]
    return [*stays, (ALL, None, False)]


def _states(steps: Sequence[RolloutStep]) -> dict[int, str]:
    """Return by share how far it came: done once all that is done at it is. What goes back does so from the last."""
    found: dict[int, str] = {}
    moving = [(_place(step), step.status) for step in steps if step.name == "bake" or MOVING & step.arguments.keys()]
    for share in sorted({share for share, _ in moving}):
        at = [status for place, status in moving if place == share]
        begun = any(status != StepStatus.PENDING for status in at)
        whole = all(status == StepStatus.DONE for status in at)
        found[share] = FAILED if StepStatus.FAILED in at else DONE if whole else NOW if begun else PLANNED
    begun_at = [share for share, state in found.items() if state != PLANNED]
    if begun_at and any(step.position == WAY_BACK for step in steps):
        found[begun_at[-1]] = FAILED
    return found


def _place(step: RolloutStep) -> int:
    """Return the share at which the step is: of a bake all requests, of copies none."""
    return ALL if step.name == "bake" else share_of(step)

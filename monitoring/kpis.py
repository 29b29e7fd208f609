"""What a rollout does to numbers of the business: told by unit, compared between units of one version and the other.

Only requests of one share are compared, in which each unit was drawn once with a known chance: the last that had any.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from django.db import IntegrityError, transaction

from core import clock
from core.refusals import Conflict, Invalid, TooLarge
from monitoring.models import Prediction, UnitNumber
from monitoring.stats.uplift import Arm, Uplift, uplift

MOST = 10_000  # units a call
MOST_KPIS = 20  # of a rollout
NAME, UNIT = 64, 256
LARGEST = 1e15
AT_ONCE = 500
TRIES = 5
WHOLE = 100
PARTS = frozenset({"unit", "pre", "post"})


@dataclass(frozen=True)
class Number:
    """What was told of one unit: its number before the rollout, where it is known, and since."""

    unit: str
    before: float | None
    since: float


@dataclass(frozen=True)
class Compared:
    """One number, and what the candidate does to it.

    `share_pct`: the share whose units are compared; 0 where there are none. `sides`: how many units of each, the live
    version's first; `elsewhere`: how many more were told of that made no request there, or got both.
    """

    kpi: str
    share_pct: int
    sides: tuple[int, int]
    means: tuple[float, float]
    elsewhere: int
    uplift: Uplift


def numbers_of(said: Sequence[Any]) -> list[Number]:
    """Return what was sent; raise Invalid naming the first that is none, and then nothing is taken."""
    if len(said) > MOST:
        raise TooLarge(f"{len(said):,} units are too many for one call: {MOST:,} at most.")
    return [_number(place, item) for place, item in enumerate(said)]


def _number(place: int, item: Any) -> Number:
    def no(why: str) -> Invalid:
        return Invalid(f"Unit {place}: {why}", field=f"units[{place}]")

    if not isinstance(item, Mapping) or not {"unit", "post"} <= item.keys() <= PARTS:
        raise no("expected an object with unit and post, and pre where it is known.")
    unit, before, since = item["unit"], item.get("pre"), item["post"]
    if not isinstance(unit, str) or not 0 < len(unit) <= UNIT:
        raise no(f"unit is a text of 1 to {UNIT} characters, as the requests' header has it.")
    if not _is_number(since) or not (before is None or _is_number(before)):
        raise no("pre and post are numbers.")
    return Number(unit, None if before is None else float(before), float(since))


def _is_number(said: Any) -> bool:
    plain = isinstance(said, int | float) and not isinstance(said, bool)
    return plain and isfinite(said) and abs(said) <= LARGEST


def check_name(kpi: str) -> None:
    """Raise Invalid for a name that no page could show."""
    if not 0 < len(kpi) <= NAME or not kpi.isprintable() or kpi != kpi.strip():
        raise Invalid(f"kpi is a name of 1 to {NAME} letters, such as revenue.", field="kpi")


def keep(rollout: str, kpi: str, told: Iterable[Number], *, by: str) -> dict[str, int]:
    """Keep what was told of units, by their names in the log; return how many were `new`, `revised` and `repeated`.

    Telling it again changes nothing; of several words on a unit the last counts. Raises Invalid for a name that is
    none, and for one more than MOST_KPIS of a rollout.
    """
    check_name(kpi)
    latest = {number.unit: number for number in told}
    for _ in range(TRIES):
        try:
            made = _made(rollout, kpi, latest, by)
        except IntegrityError:  # another call told of the same unit meanwhile: ours is the next word
            continue
        revised = sum(row.revision > 1 for row in made)
        return {"new": len(made) - revised, "revised": revised, "repeated": len(latest) - len(made)}
    raise Conflict("Others tell of the same units at the same time.", next_step="Send it again.")


def _made(rollout: str, kpi: str, latest: Mapping[str, Number], by: str) -> list[UnitNumber]:
    with transaction.atomic("telemetry"):
        names = set(UnitNumber.objects.filter(rollout=rollout).values_list("kpi", flat=True).distinct())
        if kpi not in names and len(names) >= MOST_KPIS:
            raise Invalid(f"A rollout has {MOST_KPIS} numbers at most: {', '.join(sorted(names))}.", field="kpi")
        known = {row.unit: row for row in _rows(rollout, kpi, list(latest))}
        made = [row for number in latest.values() if (row := _revision(rollout, kpi, number, known, by))]
        return UnitNumber.objects.bulk_create(made, batch_size=AT_ONCE)


def _rows(rollout: str, kpi: str, units: Sequence[str]) -> Iterator[UnitNumber]:
    for start in range(0, len(units), AT_ONCE):
        some = units[start : start + AT_ONCE]
        yield from UnitNumber.objects.filter(rollout=rollout, kpi=kpi, unit__in=some).order_by("revision")


def _revision(rollout: str, kpi: str, number: Number, known: Mapping[str, UnitNumber], by: str) -> UnitNumber | None:
    row = known.get(number.unit)
    if row and (row.before, row.since) == (number.before, number.since):
        return None
    return UnitNumber(
        rollout=rollout, kpi=kpi, unit=number.unit, revision=row.revision + 1 if row else 1,
        before=number.before, since=number.since, received_at=clock.now(), by=by,
    )  # fmt: skip


def compared(rollout: str) -> list[Compared]:
    """Return what the rollout does to each number that was told of its units, by name."""
    latest: dict[str, dict[str, UnitNumber]] = defaultdict(dict)
    for row in UnitNumber.objects.filter(rollout=rollout).order_by("revision").iterator(chunk_size=2_000):
        latest[row.kpi][row.unit] = row
    share_pct = _last_share(rollout) if latest else 0
    drawn = _drawn(rollout, share_pct) if share_pct else {}
    return [_compared(kpi, share_pct, drawn, latest[kpi]) for kpi in sorted(latest)]


def _last_share(rollout: str) -> int:
    """Return the last share, in percent, at which units were drawn into one version or the other; 0 where none was."""
    drawn = Prediction.objects.filter(rollout=rollout, track="canary", drawn=True).exclude(unit="")
    steps = drawn.order_by("-at").values_list("step", flat=True)
    return next((int(step) for step in steps[:1] if step.isdecimal() and 0 < int(step) < WHOLE), 0)


def _drawn(rollout: str, share_pct: int) -> dict[str, set[str]]:
    """Return the tracks that each unit was drawn into at this share: one, or it is not compared."""
    tracks: dict[str, set[str]] = defaultdict(set)
    rows = Prediction.objects.filter(rollout=rollout, step=str(share_pct), drawn=True).exclude(unit="")
    for unit, track in rows.values_list("unit", "track").distinct().iterator(chunk_size=2_000):
        tracks[unit].add(track)
    return tracks


def _compared(kpi: str, share_pct: int, drawn: Mapping[str, set[str]], told: Mapping[str, UnitNumber]) -> Compared:
    arms = {"stable": Arm(), "canary": Arm()}
    for unit, row in told.items():
        if len(tracks := drawn.get(unit, ())) == 1 and (arm := arms.get(next(iter(tracks)))):
            arm.units.append((row.before, row.since))
    sides = (len(arms["stable"].units), len(arms["canary"].units))
    claimed = uplift(arms["stable"], arms["canary"], share_pct / WHOLE) if share_pct else Uplift(why_not=NOBODY)
    means = (_mean(arms["stable"]), _mean(arms["canary"]))
    return Compared(kpi, share_pct, sides, means, len(told) - sum(sides), claimed)


NOBODY = "no request named a unit while two versions shared the requests"


def _mean(arm: Arm) -> float:
    return sum(since for _, since in arm.units) / len(arm.units) if arm.units else 0.0

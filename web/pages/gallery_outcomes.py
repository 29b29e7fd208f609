"""Made-up labels that the gallery shows, counted and measured by the code that does the real ones."""

import random
from datetime import timedelta

from monitoring.outcomes import Line, Part, Report
from monitoring.stats.quality import delay_curve, estimate
from monitoring.stats.told import Told
from web.pages import outcomes
from web.pages.gallery_stock import Context, at

LOT = random.Random(4)  # noqa: S311 - made-up numbers
BEGIN, HOUR = at(24, 4, 0, 0), timedelta(hours=1)
HOURS = 11
GAP = 6  # an hour without requests
SEGMENTS = (("prime", 0.0), ("near prime", 0.02), ("a thin file of somebody new to the country", 0.3))
DAY_S = 86_400


def _classes(rows: int, *, labelled: float = 0.7, blur: float = 0.0) -> Told:
    """Return an hour of a model of two classes whose scores mean what they say, but for `blur`."""
    told = Told(asked=rows)
    for _ in range(rows):
        segment, more = SEGMENTS[min(2, int(LOT.expovariate(1.0)))]
        score = min(0.999, max(0.0, LOT.betavariate(0.5, 0.7)))
        truth = int(LOT.random() < score) if LOT.random() > blur + more else int(LOT.random() < 0.5)  # noqa: PLR2004
        if LOT.random() < labelled:
            told.label(int(score >= 0.5), truth, score, LOT.expovariate(1 / (2 * DAY_S)), segment)  # noqa: PLR2004
        else:
            told.wait(int(score >= 0.5), score)  # noqa: PLR2004
    return told


def _numbers(rows: int) -> Told:
    told = Told(asked=rows)
    for _ in range(rows // 2):
        truth = LOT.lognormvariate(5, 0.4)
        told.label(truth + LOT.gauss(0, 12), truth, None, LOT.expovariate(1 / DAY_S), SEGMENTS[LOT.randrange(2)][0])
    return told


def _line(version: str, track: str, *hours: Told | None) -> Line:
    windows = {BEGIN + place * HOUR: told for place, told in enumerate(hours) if told}
    whole = Told()
    for told in windows.values():
        whole += told
    ages = [(3.0 * DAY_S * (place + 1), told) for place, told in enumerate(windows.values())]
    return Line(Part(version, track), whole, windows, estimate(whole, whole), delay_curve(ages))


def _report(*lines: Line) -> Report:
    return Report(BEGIN, BEGIN + HOURS * HOUR, HOUR, BEGIN + HOURS * HOUR, lines)


STABLE = _line("5", "stable", *[None if place == GAP else _classes(400) for place in range(HOURS)])
CANARY = _line("6", "canary", *[None] * 7, *[_classes(60, labelled=0.4, blur=0.2) for _ in range(4)])
PRICES = _line("2", "stable", *[_numbers(80) for _ in range(HOURS)])
UNTOLD = _line("6", "stable", *[Told(asked=300)] * HOURS)
PANELS: dict[str, Context] = {
    "usual": outcomes.panel(_report(STABLE, CANARY)),
    "numbers": outcomes.panel(_report(PRICES)),
    "as of": outcomes.panel(_report(STABLE), as_of=BEGIN + HOURS * HOUR),
    "no labels": outcomes.panel(_report(UNTOLD)),
    "nothing": outcomes.panel(_report()),
}

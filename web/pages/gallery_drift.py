"""Made-up features that the gallery shows, counted and judged by the code that does the real ones."""

import random
from dataclasses import replace
from typing import Any

from monitoring.drift import Seen, date_of, day_of
from monitoring.folding import ENOUGH
from monitoring.models import Feature, FeatureDay, Opinion
from monitoring.stats.profiles import Baseline
from web.pages import drift
from web.pages.drift import Row, Waiting
from web.pages.forms import Form
from web.pages.gallery_stock import Context, at

DAY = day_of(at(24, 9, 0, 0))
LOT = random.Random(1)  # noqa: S311 - made-up numbers
REFERENCE, WINDOW = 5_000, 1_200
GONE = 0.02
CITIES = ("Bern", "Zürich", "Genf", "Basel", "Chur")


def _ages(shift: float, rows: int) -> list[Any]:
    return [max(18.0, round(LOT.gauss(44 + shift, 13))) for _ in range(rows)]


def _cities(*weights: int, rows: int) -> list[Any]:
    return [city if LOT.random() > GONE else None for city in LOT.choices(CITIES, weights, k=rows)]


def _seen(
    name: str, reference: list[Any], window: list[Any], distances: list[float], *, since: int | None = None
) -> Seen:
    """Return a feature; `since` counts days back from its newest."""
    baseline = Baseline.of(reference)
    feature = Feature(
        endpoint="risk", version="6", name=name, source=Feature.Source.TRAINING, digest="5e" * 32,
        pinned_at=at(20, 9, 0, 0), alarm_since=None if since is None else date_of(DAY - since),
        distance=distances[-1] if distances else None,
        last_day=DAY - 1 if distances else 0,
    )  # fmt: skip
    before = [
        FeatureDay(day=DAY - len(distances) + place, rows=1_440, signal="value", distance=distance)
        for place, distance in enumerate(distances)
    ]
    return Seen(feature, baseline, baseline.count(window), DAY, 31_000, is_over=False, before=before)


AGE = _seen("age", _ages(0, REFERENCE), _ages(9, WINDOW), [0.02, 0.03, 0.02, 0.03, 0.21, 0.24, 0.25], since=3)
CITY = _seen(
    "city", _cities(30, 40, 15, 10, 5, rows=REFERENCE), _cities(24, 36, 15, 10, 15, rows=WINDOW),
    [0.02, 0.02, 0.06, 0.07, 0.09, 0.1, 0.1], since=5,
)  # fmt: skip
SCORE = _seen(
    "prediction", [LOT.betavariate(2, 8) for _ in range(REFERENCE)], [LOT.betavariate(2, 8) for _ in range(WINDOW)],
    [0.02, 0.02, 0.01, 0.02, 0.03, 0.02, 0.02],
)  # fmt: skip
INCOME = _seen("a rather_long.name of an income that came from elsewhere", _ages(0, 900), _ages(0, 300), [])
SEEN = _seen("age", _ages(0, REFERENCE), _ages(9, WINDOW), [0.02, 0.21], since=1)
SEEN.feature.seen_since, SEEN.feature.seen_by = SEEN.feature.alarm_since, "olga"
SEEN.feature.seen_comment = "A campaign for older customers since Monday; the model does as well on them."
SEEN = replace(
    SEEN,
    opinions=[
        Opinion(detector="house_psi", day=DAY - 1, drifted=True, score=0.271, note="Above 0.2 over ten groups."),
        Opinion(detector="nightly", day=DAY - 1, fault="No answer within 60 s."),
    ],
)
WAITS = Waiting("6", 2_140, ["prediction"])


def table(*found: Seen, waiting: tuple[Waiting, ...] = (), others: tuple[str, ...] = ()) -> Context:
    """Return the table of these features."""
    rows = [Row(seen, "/gallery") for seen in found]
    shared = {"version": "6", "others": list(others), "waiting": list(waiting), "enough": ENOUGH}
    return {"rows": rows, "sentence": drift.summary("6", rows), **shared}


TABLES = {
    "usual": table(AGE, CITY, SCORE, INCOME, others=("5",)),
    "calm": table(SCORE, INCOME, waiting=(WAITS,)),
    "nothing told": table(),
}


def page(seen: Seen, endpoint: Context) -> Context:
    """Return the context of a feature's page."""
    return {"endpoint": endpoint, "form": Form(comment=""), "may_acknowledge": True, **drift.shown("risk", seen)}

"""Judges features day by day by the replay's rule, and reads what was found. A day is judged once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Max

from core import clock
from monitoring.folding import HOUR_S
from monitoring.models import Feature, FeatureDay, FeatureHour, Opinion
from monitoring.packing import baseline_of, window_of
from monitoring.samples import PREDICTION
from monitoring.stats.profiles import Baseline, Effect, Severity, Window, severity_of
from monitoring.stats.sequential import Watch

HOURS = 24
GRACE = timedelta(minutes=15)  # what a day holds has come by then; what comes later is counted and not judged
SHOWN_DAYS = 30
EPOCH = date(1970, 1, 1)
Part = TypeVar("Part", FeatureHour, FeatureDay, Opinion)


def day_of(moment: datetime) -> int:
    """Return the day since 1970 that holds `moment`, in UTC."""
    return int(moment.timestamp()) // HOUR_S // HOURS


def date_of(day: int) -> date:
    """Return a day since 1970 as a date."""
    return EPOCH + timedelta(days=day)


def judge_due() -> int:
    """Judge the days that are over; return how many days of features there were. May run twice at once."""
    over = day_of(clock.now() - GRACE)
    rows = FeatureHour.objects.filter(hour__lt=over * HOURS, hour__gte=(F("feature__last_day") + 1) * HOURS)
    due = rows.order_by().values_list("feature_id", flat=True).distinct()
    return sum(_judge(feature_id, over) for feature_id in list(due))


def _judge(feature_id: int, over: int) -> int:
    """Judge a feature's days before `over`, oldest first; evidence and the days that it rests on change together."""
    with transaction.atomic("telemetry"):
        feature = Feature.objects.select_for_update().filter(pk=feature_id).first()
        if feature is None:
            return 0  # forgotten meanwhile
        baseline, signals = baseline_of(feature.reference), _signals(feature)
        watches = {**baseline.watches(signals), **{name: Watch(**said) for name, said in feature.watches.items()}}
        days = _days(feature, feature.last_day + 1, over)
        for day, window in sorted(days.items()):
            for watch in watches.values():
                watch.signals = signals
            _look(feature, baseline, watches, day, window)
        feature.watches = {name: asdict(watch) for name, watch in watches.items()}
        feature.save(update_fields=["watches", "last_day", "alarm_since", "signal", "distance"])
    return len(days)


def window_of_day(feature: Feature, day: int) -> Window:
    """Return what was counted of a feature on a day; nothing where that is no longer kept."""
    return _days(feature, day, day + 1).get(day, Window())


def _signals(feature: Feature) -> int:
    """Return how many signals of the version are watched, which is what false alarms are shared by."""
    rows = Feature.objects.filter(endpoint=feature.endpoint, version=feature.version)
    return sum(baseline_of(kept).size for kept in rows.values_list("reference", flat=True))


def _days(feature: Feature, since: int, until: int) -> dict[int, Window]:
    """Return the feature's days from `since` on, before `until`, each as its hours together."""
    found: dict[int, Window] = defaultdict(Window)
    for row in feature.hours.filter(hour__gte=since * HOURS, hour__lt=until * HOURS):
        found[row.hour // HOURS] += window_of(row.window)
    return found


def _look(feature: Feature, baseline: Baseline, watches: Mapping[str, Watch], day: int, window: Window) -> None:
    effect = baseline.effect(window)
    begins = baseline.look(window, watches)
    if begins:
        feature.alarm_since = date_of(day)
    elif not any(watch.is_told for watch in watches.values()):
        feature.alarm_since = None
    feature.last_day, feature.signal, feature.distance = day, effect.signal, effect.distance
    told = {"rows": window.rows, "signal": effect.signal, "distance": effect.distance}
    FeatureDay.objects.update_or_create(feature=feature, day=day, defaults=told)


def untold() -> list[Feature]:
    """Return features with an alarm that the ledger does not know of yet."""
    rows = Feature.objects.exclude(alarm_since=None).order_by("pk")
    return [row for row in rows if row.told_since != row.alarm_since]


def mark_told(feature: Feature) -> None:
    """Note that the ledger knows of the feature's alarm."""
    Feature.objects.filter(pk=feature.pk).update(told_since=feature.alarm_since)


def mark_seen(feature: Feature, *, by: str, comment: str) -> None:
    """Note who looked at the feature's alarm."""
    seen = {"seen_since": feature.alarm_since, "seen_by": by, "seen_comment": comment}
    Feature.objects.filter(pk=feature.pk).update(**seen)


@dataclass(frozen=True)
class Seen:
    """One feature now: its newest day, which may not be over, beside its reference; and the days before."""

    feature: Feature
    baseline: Baseline
    window: Window  # of that day
    day: int
    of: int  # rows that the window's were drawn from
    is_over: bool
    before: Sequence[FeatureDay]
    opinions: Sequence[Opinion] = ()

    @property
    def effect(self) -> Effect | None:
        """How far that day is from the reference; None where it holds nothing."""
        return self.baseline.effect(self.window) if self.window.rows else None

    @property
    def severity(self) -> Severity:
        """How much it matters; nothing does before the rule says that it is more than chance."""
        if self.feature.alarm_since is None or self.effect is None:
            return Severity.NONE
        return severity_of(max(self.effect.distance, self.feature.distance or 0.0))

    @property
    def is_output(self) -> bool:
        """Whether it is what the version answers."""
        return self.feature.name == PREDICTION


def versions_of(endpoint: str) -> list[str]:
    """Return the versions of which features are counted, the one that was asked last first."""
    rows = Feature.objects.filter(endpoint=endpoint).order_by().values("version").annotate(last=Max("hours__hour"))
    last = {row["version"]: row["last"] or 0 for row in rows}
    return sorted(last, key=lambda version: (-last[version], version))


def seen(endpoint: str, version: str) -> list[Seen]:
    """Return the version's features: alarms first, the worst first, then what it answers, then the furthest."""
    features = list(Feature.objects.filter(endpoint=endpoint, version=version))
    last = FeatureHour.objects.filter(feature__in=features).aggregate(last=Max("hour"))["last"]
    if last is None:
        return []
    day = last // HOURS
    hours = _grouped(FeatureHour.objects.filter(feature__in=features, hour__gte=day * HOURS))
    days = _grouped(FeatureDay.objects.filter(feature__in=features, day__gt=day - SHOWN_DAYS).order_by("day"))
    opinions = _grouped(Opinion.objects.filter(feature__in=features).order_by("detector"))
    found = [_seen(row, day, hours[row.pk], days[row.pk], opinions[row.pk]) for row in features]
    return sorted(found, key=_urgency)


def one(endpoint: str, version: str, name: str) -> Seen | None:
    """Return one feature; None where it has no reference."""
    return next((row for row in seen(endpoint, version) if row.feature.name == name), None)


def _grouped(rows: Iterable[Part]) -> dict[int, list[Part]]:
    """Return rows by feature."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in rows:
        found[row.feature_id].append(row)
    return found


def _seen(
    feature: Feature,
    day: int,
    hours: Sequence[FeatureHour],
    days: Sequence[FeatureDay],
    opinions: Sequence[Opinion],
) -> Seen:
    window = sum((window_of(row.window) for row in hours), Window())
    is_over = day_of(clock.now() - GRACE) > day
    of = sum(row.of for row in hours)
    return Seen(feature, baseline_of(feature.reference), window, day, of, is_over, days, opinions)


def _urgency(row: Seen) -> tuple[object, ...]:
    distance = row.effect.distance if row.effect else 0.0
    alarmed = row.feature.alarm_since is not None
    return (not alarmed, -distance if alarmed else 0.0, not row.is_output, -distance, row.feature.name)

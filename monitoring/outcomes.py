"""What labels say of each version: counted by the hour and the day as they come, or anew as it was known at a moment.

An hour is counted again whenever a prediction or a label of it comes; doing it twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Mod

from core import clock
from core.refusals import Invalid
from monitoring.models import Label, OpenOutcome, Outcome, Prediction
from monitoring.packing import packed, told_of
from monitoring.predictions import OK, TOLD
from monitoring.retention import kept_since
from monitoring.stats.quality import Arrived, Estimate, delay_curve, estimate
from monitoring.stats.told import Told

HOUR_S = 3_600
DAY = 24
MOST = 200  # hours a call
WAITING = 50_000  # requests of an hour without a label whose scores are read; of more a part, each for several
AT_ONCE = 2_000
BY_HOURS = timedelta(days=2)  # spans over it are told by days
LONGEST = timedelta(days=90)
READ = ("request_id", "at", "version", "track", "prediction", "score", "correct")


class Part(NamedTuple):
    """One version on one track."""

    version: str
    track: str


class Known(NamedTuple):
    """The label of a request as it was known at a moment; `first_at` is when its first word came."""

    value: Any
    segment: str
    first_at: datetime


@dataclass(frozen=True)
class Line:
    """One version on one track over a span; `windows` are its hours or days, of which those without requests lack."""

    part: Part
    told: Told
    windows: dict[datetime, Told]
    estimate: Estimate | None
    delays: Sequence[Arrived]


@dataclass(frozen=True)
class Report:
    """The outcomes of an endpoint from `since` to `until`, whole windows of `step`, as they are known at `as_of`."""

    since: datetime
    until: datetime
    step: timedelta
    as_of: datetime
    lines: Sequence[Line]

    @property
    def starts(self) -> list[datetime]:
        """When each window begins."""
        return [self.since + place * self.step for place in range((self.until - self.since) // self.step)]


def hour_of(moment: datetime) -> int:
    """Return the hour since 1970 that holds `moment`."""
    return int(moment.timestamp() // HOUR_S)


def _start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR_S, UTC)


def reopen(endpoint: str, hours: Iterable[int]) -> None:
    """Have hours counted anew. Call inside the transaction that changes what they hold."""
    rows = [OpenOutcome(endpoint=endpoint, hour=hour, touched_at=clock.now()) for hour in hours]
    OpenOutcome.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["endpoint", "hour"], update_fields=["touched_at"]
    )


def close_open() -> int:
    """Count every open hour anew, and its day; return how many hours there were. May run twice at once.

    An hour whose predictions may be gone stays as it was.
    """
    OpenOutcome.objects.filter(hour__lte=hour_of(kept_since())).delete()
    due = OpenOutcome.objects.order_by("-hour", "endpoint")[:MOST]
    return sum(_close(row.endpoint, row.hour) for row in due)


def _close(endpoint: str, hour: int) -> bool:
    with transaction.atomic("telemetry"):
        if not OpenOutcome.objects.filter(endpoint=endpoint, hour=hour).delete()[0]:
            return False  # somebody else did
        _write(endpoint, hour, 1, _together(counted(endpoint, hour, hour + 1)))
        day = hour - hour % DAY
        _write(endpoint, day, DAY, _together(kept(endpoint, day, day + DAY, 1)))
    return True


def _write(endpoint: str, hour: int, hours: int, found: dict[Part, Told]) -> None:
    """Make a window's rows say what was found."""
    Outcome.objects.filter(endpoint=endpoint, hour=hour, hours=hours).delete()
    Outcome.objects.bulk_create(
        Outcome(endpoint=endpoint, hour=hour, hours=hours, **part._asdict(), told=packed(told.document))
        for part, told in found.items()
    )


Window = tuple[int, Part, Told]  # the hour it begins


def _together(windows: Iterable[Window]) -> dict[Part, Told]:
    found: dict[Part, Told] = defaultdict(Told)
    for _, part, told in windows:
        found[part] += told
    return found


def kept(endpoint: str, first: int, end: int, hours: int) -> Iterator[Window]:
    """Yield the windows of 1 or 24 hours that were counted, from the hour `first` on, before `end`."""
    rows = Outcome.objects.filter(endpoint=endpoint, hours=hours, hour__gte=first, hour__lt=end).order_by("hour")
    for hour, version, track, counts in rows.values_list("hour", "version", "track", "told"):
        yield hour, Part(version, track), told_of(counts)


def counted(endpoint: str, first: int, end: int, hours: int = 1, as_of: datetime | None = None) -> Iterator[Window]:
    """Yield windows of `hours` counted from the rows themselves, by the labels known at `as_of`, or now."""
    for hour in range(first, end, hours):
        found: dict[Part, Told] = {}
        rows = _answered(endpoint, _start(hour), _start(hour + hours), as_of)
        groups = rows.order_by().values("version", "track")
        for row in groups.annotate(asked=Count("pk")):
            found[Part(row["version"], row["track"])] = Told(asked=row["asked"])
        each = max(1, -(-sum(told.asked for told in found.values()) // WAITING)) if as_of is None else 1
        _read(endpoint, rows, found, each, as_of)
        yield from ((hour, part, told) for part, told in found.items())


def _answered(
    endpoint: str, since: datetime, until: datetime, as_of: datetime | None
) -> QuerySet[Prediction, Prediction]:
    rows = Prediction.objects.filter(
        endpoint=endpoint, at__gte=since, at__lt=until, routed=True, answered=True, status=OK, why_not__in=TOLD
    )
    return rows if as_of is None else rows.filter(at__lte=as_of)


def _read(
    endpoint: str,
    rows: QuerySet[Prediction, Prediction],
    found: dict[Part, Told],
    each: int,
    as_of: datetime | None,
) -> None:
    """Count labelled requests, and of those without a label every so many."""
    if each > 1:
        rows = rows.annotate(lot=Mod(F("pk"), each)).filter(Q(correct__isnull=False) | Q(lot=0))
    told = rows.order_by().values_list(*READ).iterator(chunk_size=AT_ONCE)
    while some := list(islice(told, AT_ONCE)):
        ids = [row[0] for row in some if as_of is not None or row[-1] is not None]
        labels = labels_of(endpoint, ids, as_of)
        for request_id, at, version, track, prediction, score, _ in some:
            known, part = labels.get(request_id), found[Part(version, track)]
            if known:
                part.label(prediction, known.value, score, (known.first_at - at).total_seconds(), known.segment)
            else:
                part.wait(prediction, score, each)


def labels_of(endpoint: str, ids: Sequence[str], as_of: datetime | None) -> dict[str, Known]:
    """Return the latest words on requests by then; those without a word on what was true are left out."""
    found: dict[str, Known] = {}
    for start in range(0, len(ids), 500):
        rows = Label.objects.filter(endpoint=endpoint, request_id__in=ids[start : start + 500])
        rows = rows if as_of is None else rows.filter(received_at__lte=as_of)
        for row in rows.order_by("revision"):
            if row.value is not None:
                first = found[row.request_id].first_at if row.request_id in found else row.received_at
                found[row.request_id] = Known(row.value, row.segment, first)
    return found


def report(endpoint: str, since: datetime, until: datetime, as_of: datetime | None = None) -> Report:
    """Return the outcomes of a span, 90 days at most, widened to whole hours, or days where it is over two of them.

    With `as_of`, as they were known then: counted anew from predictions and labels, as far as both are kept. Raises
    Invalid for a span that is none or too long.
    """
    if not timedelta(0) < until - since <= LONGEST:
        raise Invalid(f"A span ends after it begins and is {LONGEST.days} days at most.", field="since")
    hours = DAY if until - since > BY_HOURS else 1
    first, end = hour_of(since) // hours * hours, hour_of(until - timedelta(microseconds=1)) + 1
    end += -end % hours
    read = kept(endpoint, first, end, hours) if as_of is None else counted(endpoint, first, end, hours, as_of)
    windows: dict[Part, dict[datetime, Told]] = defaultdict(dict)
    for hour, part, told in read:
        windows[part][_start(hour)] = told
    now, step = as_of or clock.now(), timedelta(hours=hours)
    known = _by_version(endpoint, windows, first, end, as_of)
    lines = [_line(part, found, known, now, step) for part, found in sorted(windows.items(), key=_order)]
    return Report(_start(first), _start(end), step, now, lines)


def _line(part: Part, windows: dict[datetime, Told], known: dict[str, Told], now: datetime, step: timedelta) -> Line:
    whole = Told()
    for told in windows.values():
        whole += told
    ages = [((now - start - step).total_seconds(), told) for start, told in windows.items()]
    return Line(part, whole, windows, estimate(whole, known.get(part.version, whole)), delay_curve(ages))


def _order(found: tuple[Part, Any]) -> tuple[bool, float, str]:
    """Stable first, then the newest version."""
    version, track = found[0]
    return track != "stable", -float(version) if version.isdecimal() else 0.0, version


def _by_version(
    endpoint: str, windows: dict[Part, dict[datetime, Told]], first: int, end: int, as_of: datetime | None
) -> dict[str, Told]:
    """Return what is known of each version: the windows of the span, and days before it, as many as rows are kept."""
    found: dict[str, Told] = defaultdict(Told)
    for part, each in windows.items():
        for told in each.values():
            found[part.version] += told
    begin, day = end - min(settings.PREDICTIONS_DAYS, LONGEST.days) * DAY, first - first % DAY
    if as_of is not None:
        begin = max(begin, hour_of(kept_since()))
    begin -= begin % DAY
    read = kept(endpoint, begin, day, DAY) if as_of is None else counted(endpoint, begin, day, DAY, as_of)
    for _, part, told in read if windows else ():
        found[part.version] += told
    return found

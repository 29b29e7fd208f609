"""Dead letters: what came by the stream and is not counted, and why. The newest thousand are kept."""

import json
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Sum

from core import clock
from monitoring.models import DeadLetter

KIND = "dropped"  # records of a model server that were more than it can have been asked for
MOST = 1_000
RECENT = timedelta(hours=1)
LINES_MAX = 2**63 - 1


def letter(entry: str, body: bytes, why: str) -> DeadLetter:
    """Return a letter for an entry that is not what it should be."""
    text, why = (_plain(said) for said in (body[:2000].decode("utf-8", "replace"), why))
    return DeadLetter(entry=entry, body=text, why=why[:500])


def dropped(entry: str, body: bytes) -> DeadLetter:
    """Return a letter for records that a replica wrote beyond what it was asked; they were not carried at all."""
    try:
        said = json.loads(body)
        endpoint, replica, lines = _plain(str(said["endpoint"])), _plain(str(said["replica"])), int(said["lines"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as why:
        return letter(entry, body, f"Does not say what was dropped: {why!r}")
    made = letter(entry, body, f"{replica} wrote {lines:,} records more than it was asked for.")
    made.endpoint, made.replica, made.lines = endpoint[:63], replica[:63], min(max(lines, 0), LINES_MAX)
    return made


def put_aside(letters: Iterable[DeadLetter]) -> None:
    """Keep the letters, each entry's once, and forget the oldest."""
    DeadLetter.objects.bulk_create(letters, ignore_conflicts=True)
    last = DeadLetter.objects.order_by("-pk").values_list("pk", flat=True)[MOST : MOST + 1].first()
    if last:
        DeadLetter.objects.filter(pk__lte=last).delete()


def floods(endpoint: str) -> dict[str, int]:
    """Return how many records were dropped in the last hour, by the endpoint's replica that wrote them."""
    rows = DeadLetter.objects.filter(endpoint=endpoint, at__gte=clock.now() - RECENT).exclude(replica="")
    return dict(rows.order_by("replica").values_list("replica").annotate(Sum("lines")))


def flooded() -> list[str]:
    """Return the endpoints whose models' records were dropped in the last hour."""
    rows = DeadLetter.objects.filter(at__gte=clock.now() - RECENT).exclude(replica="")
    return list(rows.order_by("endpoint").values_list("endpoint", flat=True).distinct())


def recent() -> int:
    """Return how many other entries of the last hour are no evidence."""
    return DeadLetter.objects.filter(at__gte=clock.now() - RECENT, replica="").count()


def _plain(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")

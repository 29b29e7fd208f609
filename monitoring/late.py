"""Up to when all evidence is here: what carries it says so in the stream, behind everything that it carried before.

Of an endpoint whose models write more than can be carried at once it says an earlier moment, which holds for that one.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from core import clock
from monitoring.models import Complete
from monitoring.stats.judge import LATE_S

KIND = "complete"
LATE = timedelta(seconds=LATE_S)
ALL = ""  # every endpoint that has no row of its own


@dataclass(frozen=True)
class Told:
    """Up to when everything is here; and of some endpoints not everything."""

    at: datetime
    but: Mapping[str, datetime]


def tell(bodies: Iterable[bytes]) -> None:
    """Take the newest of the moments that entries of the stream say; one that is older changes nothing."""
    told = [said for body in bodies if (said := _read(body))]
    if not told:
        return
    newest = max(told, key=lambda said: said.at)
    before = dict(Complete.objects.values_list("endpoint", "at"))
    if ALL in before and newest.at <= before[ALL]:
        return
    Complete.objects.exclude(endpoint__in=[ALL, *newest.but]).delete()
    for endpoint, moment in {**newest.but, ALL: newest.at}.items():
        known = before.get(endpoint) or before.get(ALL) or moment
        Complete.objects.update_or_create(endpoint=endpoint, defaults={"at": max(known, moment)})


def _read(body: bytes) -> Told | None:
    with suppress(ValueError, TypeError, AttributeError, KeyError, OverflowError, OSError, RecursionError):
        said = json.loads(body)
        if not isinstance(said, dict):  # an earlier edition's: of all endpoints alike
            return Told(_moment(said), {})
        return Told(_moment(said["at"]), {str(name)[:63]: _moment(at) for name, at in said["but"].items() if name})
    return None


def _moment(said: float) -> datetime:
    return min(datetime.fromtimestamp(float(said), UTC), clock.now())


def complete_up_to(endpoint: str = ALL) -> datetime | None:
    """Return up to when all evidence of the endpoint is here (of most, without one); None where nobody said so yet."""
    found = dict(Complete.objects.filter(endpoint__in=[ALL, endpoint]).values_list("endpoint", "at"))
    return found.get(endpoint) or found.get(ALL)


def late_since(endpoint: str = ALL) -> datetime | None:
    """Return the moment from which on evidence is missing where that is longer ago than usual, else None."""
    moment = complete_up_to(endpoint)
    return moment if moment and clock.now() - moment > LATE else None


def is_here(less: timedelta) -> Q:
    """Return the condition that a row's `at` lies `less` before the moment up to which its endpoint's evidence is here.

    Of no row, where nobody said so yet.
    """
    found = dict(Complete.objects.values_list("endpoint", "at"))
    if (moment := found.pop(ALL, None)) is None:
        return Q(pk=None)
    here = Q(at__lt=moment - less) & ~Q(endpoint__in=list(found))
    for endpoint, earlier in found.items():
        here |= Q(endpoint=endpoint, at__lt=earlier - less)
    return here

"""Who works on a row: one process at a time, for as long as its lease runs or it is seen to live."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from core import clock
from deployments import holders

LEASE = timedelta(seconds=15)


def take(rows: QuerySet[Any], holder: str) -> bool:
    """Take the one row of `rows` where nobody holds it; the holder itself renews. One conditional UPDATE.

    Whoever takes it from another raises its fence.
    """
    moment = clock.now()
    if rows.filter(holder=holder, lease_until__gt=moment).update(lease_until=moment + LEASE):
        return True
    free = Q(lease_until__lte=moment) | Q(lease_until__gt=moment + 2 * LEASE)  # the clock was set back
    before = rows.values_list("holder", flat=True).first()
    if before and holders.has_ended(before):
        free |= Q(holder=before)
    return bool(rows.filter(free).update(holder=holder, lease_until=moment + LEASE, fence=F("fence") + 1))

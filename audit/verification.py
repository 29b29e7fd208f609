"""Checks the whole ledger for somebody who looks on: a small one at once, a large one beside the request."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connections

from audit.copies import Kept
from audit.models import Seal, Verification
from audit.verify import Report, verify
from core import clock

log = structlog.get_logger(__name__)
AT_ONCE = 20_000  # events that take less than a second
SILENT = timedelta(seconds=60)  # who says nothing for so long has ended with its process
TELL_EVERY = timedelta(seconds=0.5)
KEPT = 100


def begin(verifier_key: str, kept: Kept | None, *, by: str) -> Verification:
    """Return a verification: done where the ledger is small, else under way. One that is under way is joined."""
    moment = clock.now()
    if under_way := Verification.objects.filter(state="running", seen_at__gt=moment - SILENT).first():
        return under_way
    row = Verification.objects.create(asked_by=by, began_at=moment, seen_at=moment, size=Seal.objects.count())
    Verification.objects.filter(pk__lte=row.pk - KEPT).delete()
    if row.size <= AT_ONCE:
        _check(row, verifier_key, kept)
    else:
        beside = threading.Thread(
            target=_check_beside, args=[row, verifier_key, kept], daemon=True, name="verification"
        )
        beside.start()
    return row


def is_silent(row: Verification) -> bool:
    """Whether the process that checked has ended without a word: somebody asks again."""
    return row.state == Verification.State.RUNNING and row.seen_at <= clock.now() - SILENT


def _check_beside(row: Verification, verifier_key: str, kept: Kept | None) -> None:
    try:
        _check(row, verifier_key, kept)
    except Exception:
        log.exception("a verification failed", verification=row.pk)
    finally:
        connections.close_all()


def _check(row: Verification, verifier_key: str, kept: Kept | None) -> None:
    report = verify(verifier_key, kept=kept, tell=_teller(row))
    _settle(row, report)


def _teller(row: Verification) -> Callable[[int], None]:
    """Return what is told of progress: twice a second it is kept, for whoever looks."""
    last: list[datetime] = [row.began_at]

    def tell(checked: int) -> None:
        if (moment := clock.now()) - last[0] >= TELL_EVERY:
            last[0] = moment
            Verification.objects.filter(pk=row.pk).update(checked=checked, seen_at=moment)

    return tell


def _settle(row: Verification, report: Report) -> None:
    row.state = Verification.State.OK if report.ok else Verification.State.BROKEN
    row.size = row.checked = report.size
    row.root, row.copies, row.first_bad = report.root.hex(), report.copies, report.first_bad
    row.why, row.ended_at = (report.problems[0] if report.problems else "")[:1000], clock.now()
    row.save()

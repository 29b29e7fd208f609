"""Removes blobs that nothing refers to any more, a day after they came: a PUT may be about to use them again."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from core import clock
from registry.blobs import blob_path
from registry.models import Blob, ManifestFile, StoredFile

GRACE = timedelta(hours=24)


def collect() -> int:
    """Remove unused blobs older than the grace and drafts that a crash left; return how many blobs went.

    Each is checked again under its row's lock, with the file removed before the row is, so that a PUT that comes
    meanwhile waits, finds no row and writes both anew.
    """
    gone = 0
    for sha256 in list(_unused().values_list("sha256", flat=True)[:1_000]):
        with transaction.atomic():
            row = _unused().select_for_update(of=("self",)).filter(sha256=sha256).first()
            if row:
                blob_path(sha256).unlink(missing_ok=True)
                row.delete()
                gone += 1
    _drop_drafts()
    return gone


def _unused() -> QuerySet[Blob]:
    stored = StoredFile.objects.filter(blob=OuterRef("pk"))
    frozen = ManifestFile.objects.filter(blob=OuterRef("pk"))
    return Blob.objects.filter(~Exists(stored), ~Exists(frozen), created_at__lt=clock.now() - GRACE)


def _drop_drafts() -> None:
    horizon = (clock.now() - GRACE).timestamp()
    for draft in (Path(settings.HOME) / "blobs" / "drafts").glob("*"):
        if draft.stat().st_mtime < horizon:
            draft.unlink(missing_ok=True)

"""Removes blobs that nothing refers to any more, a day after they came: a PUT may be about to use them again."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from core import clock
from registry import blobs
from registry.models import Blob, ManifestFile, StoredFile, Upload, UploadPart

GRACE = timedelta(hours=24)


def collect() -> int:
    """Remove unused blobs, abandoned uploads and what a crash left, older than the grace; return how many blobs went.

    Each is checked again under its row's lock, with the file removed before the row is, so that a PUT that comes
    meanwhile waits, finds no row and writes both anew.
    """
    Upload.objects.filter(created_at__lt=clock.now() - GRACE).delete()
    gone = 0
    for sha256 in list(_unused().values_list("sha256", flat=True)[:1_000]):
        with transaction.atomic():
            row = _unused().select_for_update(of=("self",)).filter(sha256=sha256).first()
            if row:
                blobs.store().remove(sha256)
                row.delete()
                gone += 1
    blobs.store().drop_drafts(clock.now() - GRACE)
    return gone


def _unused() -> QuerySet[Blob]:
    stored = StoredFile.objects.filter(blob=OuterRef("pk"))
    frozen = ManifestFile.objects.filter(blob=OuterRef("pk"))
    coming = UploadPart.objects.filter(blob=OuterRef("pk"))
    return Blob.objects.filter(~Exists(stored), ~Exists(frozen), ~Exists(coming), created_at__lt=clock.now() - GRACE)

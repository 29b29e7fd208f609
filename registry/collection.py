"""Removes blobs that nothing refers to any more, a day after they came: a PUT may be about to use them again."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from core import clock
from registry import blobs
from registry.models import Blob, Upload

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
    """Return blobs that no row refers to, whichever app it is of: the apps above keep files as well."""
    referring = [part for part in Blob._meta.get_fields(include_hidden=True) if part.one_to_many and part.auto_created]
    used = [
        Exists(part.related_model._base_manager.filter(**{part.field.name: OuterRef("pk")}))  # type: ignore[union-attr]
        for part in referring
    ]
    return Blob.objects.filter(*(~each for each in used), created_at__lt=clock.now() - GRACE)

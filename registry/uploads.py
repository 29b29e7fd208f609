"""Files that come in parts, each to an address of its own; joined, hashed and shown when the last has come."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from core.refusals import Invalid, NotFound
from registry import artifacts, blobs
from registry.artifacts import Place
from registry.authorship import author_of
from registry.models import Upload, UploadPart

PARTS_MAX = 10_000


@dataclass(frozen=True)
class Sent:
    """A part as the client names it when it is done."""

    number: int
    digest: str


def begin_upload(place: Place, *, parts: int, actor: Actor) -> Upload:
    """Return an upload of so many parts to `place`; nothing is there before it is completed."""
    artifacts.require_file(place, actor)
    if not 1 <= parts <= PARTS_MAX:
        raise Invalid(f"An upload has 1 to {PARTS_MAX} parts.", field="num_parts")
    with transaction.atomic():
        artifacts.refuse_frozen(place)
        return Upload.objects.create(root=place.root, path=place.path, author=author_of(actor), parts_wanted=parts)


def put_part(upload_id: str, number: int, chunks: Iterable[bytes], *, expected: int | None) -> str:
    """Keep a part and return its digest; sent again it replaces the one before. Whoever calls has the signed address.

    Raises NotFound where the upload ended or its author may not sign in any more.
    """
    upload = _open(upload_id).filter(author__is_active=True).first()
    if upload is None or not 1 <= number <= upload.parts_wanted:
        raise NotFound("This upload has ended.", next_step="Send the file again.")
    written = blobs.write_blob(chunks, expected=expected)
    with transaction.atomic():
        if not _open(upload_id).select_for_update().exists():
            raise NotFound("This upload has ended.", next_step="Send the file again.")
        blob = artifacts.held_blob(written)
        UploadPart.objects.update_or_create(upload=upload, number=number, defaults={"blob": blob})
    return written.sha256


def complete_upload(upload_id: str, place: Place, sent: Sequence[Sent], *, actor: Actor) -> None:
    """Join the parts and put the file at `place`. Repeated, it changes nothing: clients do that after a time-out.

    Raises Invalid where a part is missing or is not the one that was sent.
    """
    upload = _asked(upload_id, place, actor)
    if upload.done:
        return
    parts = list(upload.parts.select_related("blob"))
    _check(upload, parts, sent)
    total = sum(part.blob.size for part in parts)
    written = blobs.write_blob(_joined(parts), expected=total)
    with transaction.atomic():
        if not _open(upload_id).select_for_update().exists():
            return  # somebody completed or aborted it meanwhile
        artifacts.keep_file(place, written)
        artifacts.note_writer(place, actor=actor)
        upload.parts.all().delete()
        Upload.objects.filter(pk=upload.pk).update(done=True)


def abort_upload(upload_id: str, place: Place, *, actor: Actor) -> None:
    """Forget the upload and its parts. A file that was completed stays."""
    _asked(upload_id, place, actor).delete()


def _open(upload_id: str) -> QuerySet[Upload]:
    try:
        return Upload.objects.filter(pk=uuid.UUID(upload_id), done=False)
    except ValueError as why:
        raise NotFound("There is no such upload.") from why


def _asked(upload_id: str, place: Place, actor: Actor) -> Upload:
    artifacts.require_file(place, actor)
    try:
        upload = Upload.objects.filter(pk=uuid.UUID(upload_id), root=place.root, path=place.path).first()
    except ValueError:
        upload = None
    if upload is None:
        raise NotFound("There is no such upload.", next_step="Send the file again.")
    return upload


def _check(upload: Upload, parts: Sequence[UploadPart], sent: Sequence[Sent]) -> None:
    here = {part.number: part.blob_id for part in parts}
    if missing := sorted(set(range(1, upload.parts_wanted + 1)) - here.keys()):
        raise Invalid(f"Part {missing[0]} of {upload.parts_wanted} has not come.", next_step="Send it again.")
    said = {part.number: part.digest for part in sent}
    if said != here:
        wrong = min(number for number in here.keys() | said.keys() if here.get(number) != said.get(number))
        raise Invalid(f"Part {wrong} is not the one that was sent.", next_step="Send it again.", field="parts")


def _joined(parts: Sequence[UploadPart]) -> Iterator[bytes]:
    return chain.from_iterable(blobs.read_blob(part.blob_id) for part in parts)

"""The files clients write through the proxy: a table of paths over blobs. Nothing a caller says is joined to a path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require as require_role
from audit.record import Subject
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from registry import blobs, contributors
from registry.listed_files import FileLine, below, files_of
from registry.models import Blob, LoggedModel, ModelVersion, Run, StoredFile
from registry.restricted import hides

FROZEN_ROOT = "versions"
DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Place:
    """A proxy path split into the root that has an owner and the path below it."""

    root: str
    path: str

    @property
    def whole(self) -> str:
        """The path as the client wrote it."""
        return f"{self.root}/{self.path}".rstrip("/")


@dataclass(frozen=True)
class Entry:
    """One file or folder of a listing; `path` is relative to what was listed."""

    path: str
    is_dir: bool
    size: int = 0


def parse_place(path: str) -> Place:
    """Return the place `path` names; raise Invalid for `..`, absolute, encoded or otherwise odd paths."""
    for decoded in (path, unquote(path), unquote(unquote(path))):
        parts = decoded.split("/")
        odd = "\\" in decoded or DRIVE.match(decoded) or any(not letter.isprintable() for letter in decoded)
        if (
            odd
            or decoded.startswith("/")
            or any(part in {"", ".", ".."} for part in parts[:-1])
            or parts[-1] in {".", ".."}
        ):
            raise Invalid("Invalid path", field="path")
    if len(path) > 1000:  # noqa: PLR2004 - the column's width
        raise Invalid("Invalid path: over 1000 characters", field="path")
    parts = path.rstrip("/").split("/")
    depth = 4 if parts[1:2] == ["models"] else 3
    return Place("/".join(parts[:depth]), "/".join(parts[depth:]))


def run_root(run: Run) -> str:
    """Return the root of a run's artifacts."""
    return f"{run.experiment_id}/{run.run_id}/artifacts"


def logged_model_root(model: LoggedModel) -> str:
    """Return the root of a logged model's files."""
    return f"{model.experiment_id}/models/{model.model_id}/artifacts"


def version_uri(version: ModelVersion) -> str:
    """Return the address clients load a registered version from.

    Read-only, served from its manifest; where Signoff holds no files, the place it was registered or copied from.
    """
    if not version.verified:
        return version.location or version.source
    return f"mlflow-artifacts:/{FROZEN_ROOT}/{version.model.uuid}/{version.version}"


def put_file(place: Place, chunks: Iterable[bytes], *, actor: Actor, expected: int | None = None) -> None:
    """Store a file at `place`, replacing what was there.

    Raises Denied where the run or logged model is somebody else's or the folder is frozen by a registration.
    """
    author = require_file(place, actor)
    written = blobs.write_blob(chunks, expected=expected)
    with transaction.atomic():
        keep_file(place, written)
        contributors.note(_subject(place), author, actor=actor)


def holds_bytes(place: Place) -> bool:
    """Whether a file that is not empty stands at `place`."""
    return StoredFile.objects.filter(root=place.root, path=place.path, blob__size__gt=0).exists()


def keep_file(place: Place, written: blobs.Written) -> None:
    """Let the stored bytes stand at `place`, in the caller's transaction."""
    refuse_frozen(place)
    blob = held_blob(written)
    _refuse_both(place)
    StoredFile.objects.update_or_create(
        root=place.root, path=place.path, defaults={"blob": blob, "updated_at": clock.now()}
    )


def _refuse_both(place: Place) -> None:
    """Raise Invalid where the place is a folder already, or would make one of a file; its root has one writer then."""
    owner = _owner(place.root)
    if owner is not None:
        owner.select_for_update().first()
    above = ["/".join(place.path.split("/")[:depth]) for depth in range(1, place.path.count("/") + 1)]
    rows = StoredFile.objects.filter(root=place.root)
    if file := rows.filter(path__in=above).values_list("path", flat=True).first():
        raise Invalid(f"{place.root}/{file} is a file, so nothing lies below it.", field="path")
    if rows.below(place.path).exists():
        raise Invalid(f"{place.whole} is a folder, not a file.", field="path")


def require_file(place: Place, actor: Actor) -> int:
    """Refuse what `require_writable` refuses, and a place that is a root; return whose it is."""
    author = require_writable(place, actor)
    if not place.path:
        raise Invalid("Invalid path: a file goes below a run's or logged model's artifacts", field="path")
    return author


def held_blob(written: blobs.Written) -> Blob:
    """Return the row of stored bytes, locked, in the transaction that refers to it; raise Conflict where they went."""
    blob, _ = Blob.objects.select_for_update().get_or_create(sha256=written.sha256, defaults={"size": written.size})
    if blobs.length_of(written.sha256) is None:
        raise Conflict("The same bytes were being removed as unused.", next_step="Send the file again.")
    return blob


def delete_files(place: Place, *, actor: Actor) -> None:
    """Remove the file or folder at `place`; an absent one is no error."""
    author = require_writable(place, actor)
    with transaction.atomic():
        refuse_frozen(place)
        gone, _ = _below(place).delete()
        if gone:
            contributors.note(_subject(place), author, actor=actor)


def find_file(place: Place, *, actor: Actor) -> FileLine:
    """Return the file at `place`; raise NotFound where there is none or it may not be seen, Invalid for a folder.

    Raises NotAsSigned for a registered version whose list of files is not the one its digest names.
    """
    lines, path = _at_or_below(place, actor)
    for line in lines:
        if line.path == path:
            return line
    if lines:
        raise Invalid(f"{place.whole} is a folder, not a file.", field="path")
    raise NotFound(f"No such artifact: '{place.whole}'")


def list_files(place: Place, *, actor: Actor) -> list[Entry]:
    """Return what lies directly below `place`, folders and files, by name."""
    lines, path = _at_or_below(place, actor)
    return entries_below(f"{path}/" if path else "", [(line.path, line.size) for line in below(path, lines)])


def _at_or_below(place: Place, actor: Actor) -> tuple[list[FileLine], str]:
    """Return the files at and below a place, frozen or not, and the path they have there; refuse who may not read."""
    if place.root.split("/")[0] == FROZEN_ROOT:
        version, path = frozen(place, actor)
        lines = _signed(version)
        return [line for line in lines if line.path == path] + below(path, lines), path
    require_readable(place, actor)
    rows = _below(place).values_list("path", "blob__sha256", "blob__size")
    return [FileLine(*row) for row in rows], place.path


def _signed(version: ModelVersion) -> list[FileLine]:
    """Return the version's files as its digest names them, whatever the rows beside it say."""
    return files_of(version.manifest) if version.manifest else []


def entries_below(prefix: str, rows: Iterable[tuple[str, int]]) -> list[Entry]:
    """Return the direct children of `prefix` among `rows` of (path, size)."""
    found: dict[str, Entry] = {}
    for path, size in rows:
        head, slash, _ = path.removeprefix(prefix).partition("/")
        found.setdefault(head, Entry(head, is_dir=bool(slash), size=0 if slash else size))
    return [found[name] for name in sorted(found)]


def require_writable(place: Place, actor: Actor) -> int:
    """Refuse a frozen root, a root that is nobody's, and one that is somebody else's; return whose it is, by key."""
    about = Subject("artifact", place.root[:64], place.whole)
    require_role(actor, Permission.TRACKING_WRITE, "write artifacts", about=about)
    if place.root.split("/")[0] == FROZEN_ROOT:
        raise Denied("Files of a registered version are frozen.", next_step="Register a new version.", about=about)
    owner = _owner(place.root)
    author = owner.values_list("author_id", flat=True).first() if owner is not None else None
    if author is None:
        raise NotFound(f"{place.whole} belongs to no run and no logged model.")
    mine = actor.user is not None and author == actor.user.pk
    if not mine and not actor.holds(Permission.TRACKING_WRITE_ALL):
        raise Denied(
            "This run is somebody else's.",
            needs=Permission.TRACKING_WRITE_ALL,
            next_step="Log to a run of your own.",
            about=about,
        )
    require_readable(place, actor)
    return int(author)


def note_writer(place: Place, *, actor: Actor) -> None:
    """Tell of whoever wrote a file there, where it is another's."""
    owner = _owner(place.root)
    author = owner.values_list("author_id", flat=True).first() if owner is not None else None
    contributors.note(_subject(place), author, actor=actor)


def _subject(place: Place) -> Subject:
    """Return the run or logged model whose files lie below the place, as the ledger names it."""
    parts = place.root.split("/")
    return Subject("logged_model", parts[2], parts[2]) if parts[1] == "models" else Subject("run", parts[1], parts[1])


def require_readable(place: Place, actor: Actor) -> None:
    """Refuse the files of a run or logged model that is kept from the actor."""
    require_role(actor, Permission.MODEL_READ, "read artifacts")
    owner = _owner(place.root)
    if owner is not None and hides(owner, actor=actor):
        raise NotFound(f"No such artifact: '{place.whole}'")


def _owner(root: str) -> QuerySet[Run] | QuerySet[LoggedModel] | None:
    """Return the run or logged model, at most one, whose files are below `root`."""
    parts = root.split("/")
    if len(parts) == 4 and parts[1] == "models":  # noqa: PLR2004 - EXP/models/ID/artifacts
        return LoggedModel.objects.filter(model_id=parts[2], experiment_id=_number(parts[0]))
    if len(parts) == 3 and parts[2] == "artifacts":  # noqa: PLR2004 - EXP/RUN/artifacts
        return Run.objects.filter(run_id=parts[1], experiment_id=_number(parts[0]))
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else -1  # noqa: PLR2004 - fits 64 bits


def _below(place: Place) -> QuerySet[StoredFile]:
    return StoredFile.objects.filter(root=place.root).at_or_below(place.path)


def refuse_frozen(place: Place) -> None:
    """Refuse a place that is, holds or lies in a registered folder.

    With approvals off it may change, as in MLflow, and the version keeps its own copy.
    """
    if not settings.APPROVALS:
        return
    for folder, version, name in (
        ModelVersion.objects.live().filter(frozen_root=place.root).values_list("frozen_path", "version", "model__name")
    ):
        inside = not folder or place.path == folder or place.path.startswith(f"{folder}/")
        holds = not place.path or folder.startswith(f"{place.path}/")
        if inside or holds:
            about = Subject("artifact", place.root[:64], place.whole)
            raise Denied(
                f"{place.whole} is frozen: it is part of {name} version {version}.",
                next_step="Log a new model and register it.",
                about=about,
            )


def frozen(place: Place, actor: Actor) -> tuple[ModelVersion, str]:
    """Return the version `versions/<uuid>/<number>/…` names and the path below it."""
    parts = place.whole.split("/")
    visible = ModelVersion.objects.visible_to(actor).filter(manifest__isnull=False)
    try:
        version = visible.get(model__uuid=parts[1], version=_number(parts[2]))
    except (IndexError, ValueError, ValidationError, ModelVersion.DoesNotExist) as why:
        raise NotFound(f"No such artifact: '{place.whole}'") from why
    return version, "/".join(parts[3:])

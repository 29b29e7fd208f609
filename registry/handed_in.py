"""Registers a version from files a person hands in: the folder of a model, as a zip or file by file."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require as require_role
from core import clock
from core.refusals import Invalid, Refusal, TooLarge
from registry import access, artifacts, mlmodel, registered, runs, versions
from registry.artifacts import parse_place, run_root
from registry.manifests import MLMODEL
from registry.models import Experiment, ModelVersion, RegisteredModel
from registry.names import check_model_name
from registry.stores.contract import CHUNK

FILES_MAX = 1000
BLOWN_UP_BYTES, BLOWN_UP_TIMES = 64 * 2**20, 100
ENCRYPTED = 0x1
JUNK = ("__MACOSX/", ".DS_Store")


@dataclass(frozen=True)
class Given:
    """A file as it came: its name, and its bytes to be read once or more."""

    name: str
    body: IO[bytes]


@dataclass(frozen=True)
class Piece:
    """One file of the model's folder."""

    path: str
    source: zipfile.ZipFile | None
    given: Given
    entry: str = ""

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes in pieces of 1 MiB; raise Invalid where the archive is damaged."""
        try:
            with closing(self._opened()) as body:
                while chunk := body.read(CHUNK):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as why:
            raise Invalid(f"{self.path} cannot be read from the archive: {why}", field="files") from why

    def _opened(self) -> IO[bytes]:
        if self.source:
            return self.source.open(self.entry)
        self.given.body.seek(0)
        return _Kept(self.given.body)  # type: ignore[return-value]


class _Kept:
    """Reads a body and leaves it open."""

    def __init__(self, body: IO[bytes]) -> None:
        self.read = body.read

    def close(self) -> None:
        """Nothing: whoever gave the body closes it."""


def register_files(name: str, files: list[Given], *, description: str = "", actor: Actor) -> ModelVersion:
    """Register the next version of the model `name`, which is made where there is none, from `files`.

    The files become a run's of the person, as they would by the client, so that they have an owner and an address.
    Raises Invalid, naming the file, where they are no model's folder; nothing is registered then.
    """
    model = _model_of(name, actor)
    pieces = _pieces(files)
    _check_mlmodel(pieces)
    experiment = Experiment.objects.get(pk=0)
    run = runs.create_run(experiment, actor=actor, name=f"handed in {clock.now():%Y-%m-%d %H.%M.%S}")
    try:
        for piece in pieces:
            place = parse_place(f"{run_root(run)}/model/{piece.path}")
            artifacts.put_file(place, piece.chunks(), actor=actor)
        model = model or registered.create_model(name, actor=actor)
        asked = versions.Registration(f"runs:/{run.run_id}/model", run_id=run.run_id, description=description)
        version = versions.register_version(model, asked, actor=actor)
    except Refusal:
        runs.update_run(run, status="FAILED", end_time=clock.millis(clock.now()), actor=actor)
        raise
    runs.update_run(run, status="FINISHED", end_time=clock.millis(clock.now()), actor=actor)
    return version


def _model_of(name: str, actor: Actor) -> RegisteredModel | None:
    """Return the model, or None where the actor may make it; refuse before anything is stored."""
    require_role(actor, Permission.TRACKING_WRITE, "hand in a model's files")
    check_model_name(name)
    model = access.visible_models(actor).filter(name=name).first()
    if model:
        access.require(actor, Permission.MODEL_WRITE, model, f"register versions of {name}")
    else:
        require_role(actor, Permission.MODEL_CREATE, "create registered models")
    return model


def _pieces(files: list[Given]) -> list[Piece]:
    if not files:
        raise Invalid("Choose a zip of the model's folder, or its files.", field="files")
    if len(files) == 1 and files[0].name.lower().endswith(".zip"):
        found = _unpacked(files[0])
    else:
        found = [Piece(given.name.replace("\\", "/").rpartition("/")[2], None, given) for given in files]
    paths = [piece.path for piece in found]
    if len(paths) > FILES_MAX:
        raise Invalid(f"There are {len(paths)} files; at most {FILES_MAX} can be handed in.", field="files")
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise Invalid(f"{twice[0]} is there twice.", field="files")
    return found


def _unpacked(given: Given) -> list[Piece]:
    """Return the files of a zip, below the folder that holds MLmodel."""
    try:
        archive = zipfile.ZipFile(given.body)
    except zipfile.BadZipFile as why:
        raise Invalid(f"{given.name} is no zip.", field="files") from why
    entries = [one for one in archive.infolist() if not one.is_dir() and not any(junk in one.filename for junk in JUNK)]
    if any(one.flag_bits & ENCRYPTED for one in entries):
        raise Invalid(f"{given.name} is encrypted; hand it in without a password.", field="files")
    _check_size(given.name, sum(one.file_size for one in entries), sum(one.compress_size for one in entries))
    tops = sorted((one.filename for one in entries if one.filename.rpartition("/")[2] == MLMODEL), key=len)
    prefix = tops[0].removesuffix(MLMODEL) if tops else ""
    if outside := next((one.filename for one in entries if not one.filename.startswith(prefix)), ""):
        raise Invalid(f"{outside} lies outside the folder of MLmodel; zip that folder alone.", field="files")
    if climbs := next((one.filename for one in entries if not _plain(one.filename)), ""):
        raise Invalid(f"{climbs[:200]} in {given.name} is no path below the archive's folder.", field="files")
    return [Piece(one.filename.removeprefix(prefix), archive, given, one.filename) for one in entries]


def _plain(path: str) -> bool:
    """Whether `path` can be kept: no `..`, not absolute, nothing encoded."""
    try:
        parse_place(f"0/run/artifacts/{path}")
    except Invalid:
        return False
    return True


def _check_size(name: str, size: int, packed: int) -> None:
    """Refuse an archive whose files are over the limit together, or blow up as no model's do."""
    if size > settings.MAX_UPLOAD_BYTES:
        raise TooLarge(f"The files of {name} are over {settings.MAX_UPLOAD_BYTES // 2**20} MiB together.")
    if size > BLOWN_UP_BYTES and size > packed * BLOWN_UP_TIMES:
        raise TooLarge(
            f"The files of {name} have {size // 2**20} MiB, over {BLOWN_UP_TIMES} times what the archive has.",
            next_step="Zip them without compression if they are what you mean.",
        )


def _check_mlmodel(pieces: list[Piece]) -> None:
    found = next((piece for piece in pieces if piece.path == MLMODEL), None)
    if found is None:
        raise Invalid("There is no file MLmodel: MLflow's save_model() writes one beside the model.", field="files")
    text = b""
    for chunk in found.chunks():
        text += chunk
        if len(text) > mlmodel.LIMIT:
            raise Invalid(f"MLmodel is over {mlmodel.LIMIT} bytes: it is none.", field="files")
    if problem := mlmodel.parse(text).problem:
        raise Invalid(problem, field="files")

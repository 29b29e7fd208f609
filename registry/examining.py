"""Finds out facts about versions after registration: are their files safe to load, did a trusted maker sign them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.actors import SYSTEM
from audit.record import Change, record
from core import clock
from core.refusals import NotFound
from registry import access, blobs, maker, manifests
from registry.listed_files import FileLine, NotAsSigned, files_of
from registry.models import ModelVersion, VersionFact
from registry.scan.allowed import LIST

log = structlog.get_logger(__name__)
LIMIT_S = 300
MOST = 20  # a turn; what is left comes at the next
Kind = VersionFact.Kind
Fact = tuple[bool, str, list[list[str]]]


def examine_pending() -> int:
    """Scan files and check signatures of versions that were not, or by another scanner, list or set of keys.

    Returns how many facts are new. May run twice at once: a fact is kept once, and the same one is no news.
    """
    return sum(_note(version, kind, by, fact) for version, kind, by, fact in _facts())


def _facts() -> Iterator[tuple[ModelVersion, Kind, str, Fact]]:
    keys = maker.trusted(Path(settings.HOME) / "keys" / "makers")
    for version in _waiting(Kind.SCAN, by := f"picklescan {installed('picklescan')}, list {LIST}"):
        try:
            yield version, Kind.SCAN, by, _scanned(version)
        except (OSError, subprocess.SubprocessError, NotAsSigned) as why:
            log.warning("not scanned", version=str(version), why=str(why)[:300])
    for version in _waiting(Kind.MAKER, by := f"keys {maker.digest_of(keys)[:16]}"):
        try:
            yield version, Kind.MAKER, by, _signed(version, keys)
        except (OSError, NotAsSigned) as why:
            log.warning("signature not checked", version=str(version), why=str(why)[:300])


def _waiting(kind: Kind, by: str) -> QuerySet[ModelVersion]:
    known = VersionFact.objects.filter(version=OuterRef("pk"), kind=kind, by=by)
    rows = ModelVersion.objects.live().filter(~Exists(known), manifest__isnull=False)
    return rows.select_related("model", "manifest").order_by("-pk")[:MOST]


def _files(version: ModelVersion) -> list[FileLine]:
    assert version.manifest  # noqa: S101 - the query asks for one
    return files_of(version.manifest)


def _scanned(version: ModelVersion) -> Fact:
    """Scan the files in a process of its own: a file made to exhaust a parser exhausts that one."""
    lines = _files(version)
    said, environment = manifests.described(version.manifest)  # type: ignore[arg-type]
    pickled = set(manifests.pickles_of(said, [line.path for line in lines]))
    with tempfile.TemporaryDirectory() as folder:
        places = [[line.path, str(_at_hand(line, Path(folder))), line.path in pickled] for line in lines]
        command = [sys.executable, "-m", "registry.scan"]
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=json.dumps(places), capture_output=True, text=True, timeout=LIMIT_S, check=False,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
    if done.returncode:
        return False, "The scan did not end: unknown, and so unsafe.", []
    found = json.loads(done.stdout)
    if manifests.MLMODEL in environment["runs_code"]:  # type: ignore[operator]
        found.append([manifests.MLMODEL, f"it says {said.serialization}, and nobody knows which file that is"])
    if not found:
        return True, f"{len(lines)} files, none of which runs anything unknown.", []
    return False, f"{len({path for path, _ in found})} of {len(lines)} files may run something when loaded.", found[:50]


def _at_hand(line: FileLine, folder: Path) -> Path:
    """Return where the file's bytes lie on this machine; those of a bucket are fetched."""
    if not blobs.is_elsewhere():
        return blobs.blob_path(line.sha256)
    path = folder / line.sha256
    with path.open("wb") as out:
        out.writelines(blobs.read_blob(line.sha256))
    return path


def _signed(version: ModelVersion, keys: maker.Keys) -> Fact:
    lines = {line.path: line for line in _files(version)}
    beside = lines.pop(maker.SIGNATURE, None)
    if beside is None or beside.size > maker.LIMIT:
        return False, f"Not signed: there is no {maker.SIGNATURE} beside its files.", []
    bundle = blobs.blob_bytes(beside.sha256, maker.LIMIT)
    word = maker.judge(bundle, {path: line.sha256 for path, line in lines.items()}, keys)
    return word.good, word.words, []


def _note(version: ModelVersion, kind: Kind, by: str, fact: Fact) -> bool:
    """Keep the fact with its event, under the model's lock; return whether it is another than before."""
    good, words, found = fact
    try:
        with transaction.atomic():
            row = access.reread(version, access.locked(version.model))
            before = VersionFact.objects.filter(version=row, kind=kind).first()
            kept = {"good": good, "words": words[:200], "found": found, "by": by, "at": clock.now()}
            VersionFact.objects.update_or_create(version=row, kind=kind, defaults=kept)
            if before and (before.good, before.words) == (good, words[:200]):
                return False
            after: dict[str, object] = {"fact": kind, "good": good, "words": words[:200]}
            change = Change({"good": before.good} if before else {}, after, facts={"by": by, "found": found})
            record("version.examined", access.version_subject(row), actor=SYSTEM, change=change)
    except NotFound:  # deleted meanwhile
        return False
    return True

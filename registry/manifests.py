"""Freezes a model's folder at registration: the rows of the moment, copied into a manifest nobody can change."""

import hashlib
from collections.abc import Iterable

from core import canonical
from core.refusals import Conflict
from registry import blobs, mlmodel
from registry.artifacts import Place
from registry.listed_files import files_of
from registry.models import Manifest, ManifestFile, StoredFile

MLMODEL = "MLmodel"
REQUIREMENTS = "requirements.txt"
PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".pt", ".pth", ".bin")


def freeze(place: Place) -> Manifest | None:
    """Return the manifest of what lies at `place`, or None where there is nothing. Same files, same manifest.

    Must run in the transaction that registers, so that no PUT slips between.
    """
    prefix = f"{place.path}/" if place.path else ""
    rows = list(StoredFile.objects.select_related("blob").filter(root=place.root).below(place.path).order_by("path"))
    if not rows:
        return None
    _refuse_both({row.path for row in rows})
    lines = sorted((row.path.removeprefix(prefix), row.blob_id, row.blob.size) for row in rows)
    body = canonical.dump(
        {"type": "signoff.manifest/1", "files": [{"path": p, "sha256": s, "size": n} for p, s, n in lines]}
    )
    manifest, new = Manifest.objects.get_or_create(digest=hashlib.sha256(body).hexdigest(), defaults={"body": body})
    if new:
        ManifestFile.objects.bulk_create(ManifestFile(manifest=manifest, path=p, blob_id=s) for p, s, _ in lines)
    return manifest


def _refuse_both(paths: set[str]) -> None:
    """Raise Conflict where a path is a file and a folder: of the two, a listing would hide one that is signed."""
    for path in sorted(paths):
        above = path
        while above := above.rpartition("/")[0]:
            if above in paths:
                raise Conflict(f"{above} is a file and a folder.", next_step="Delete one of them, then register.")


def described(manifest: Manifest) -> tuple[mlmodel.MLmodel, dict[str, object]]:
    """Return what the MLmodel file says and the environment the folder declares. The lock comes later."""
    lines = {line.path: line for line in files_of(manifest)}
    said = mlmodel.MLmodel(problem="there is no MLmodel file")
    if MLMODEL in lines and lines[MLMODEL].size <= mlmodel.LIMIT:
        said = mlmodel.parse(blobs.blob_bytes(lines[MLMODEL].sha256, mlmodel.LIMIT))
    requirements = lines.get(REQUIREMENTS)
    environment: dict[str, object] = {
        "lock": None,
        "python": said.python_version,
        "requirements": requirements.sha256 if requirements else None,
        "serialization": said.serialization,
        "runs_code": pickles_of(said, lines) or ([MLMODEL] if said.serialization in mlmodel.PICKLE_FORMATS else []),
    }
    return said, environment


def pickles_of(said: mlmodel.MLmodel, paths: Iterable[str]) -> list[str]:
    """Return the files that are loaded as pickles: those whose ending says so, and those that MLmodel names as such."""
    return sorted(path for path in paths if path.lower().endswith(PICKLES) or _named(said, path))


def _named(said: mlmodel.MLmodel, path: str) -> bool:
    """Whether MLmodel names the file as a pickle, or a folder above it."""
    return any(name in {path, "."} or path.startswith(f"{name}/") for name in said.pickled)


def damaged_files(manifest: Manifest) -> list[str]:
    """Return the paths whose bytes are gone or changed. Reads every byte: not inside a transaction."""
    return [line.path for line in files_of(manifest) if not blobs.is_intact(line.sha256)]


def missing_files(manifest: Manifest) -> list[str]:
    """Return the paths whose bytes are gone or have another length: cheap enough for a page. See `damaged_files`."""
    return [line.path for line in files_of(manifest) if blobs.length_of(line.sha256) != line.size]

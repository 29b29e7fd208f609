"""Makes a model's folder from the registry's blobs: every byte is hashed on its way."""

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from serving.contract import ContractError, Desired, FileLine, Layout, manifest_digest

CHUNK = 1024 * 1024
FETCH_S, LOOK_S = 900.0, 0.2


class Tampered(ContractError):
    """The bytes are not those that were approved."""


def materialise(layout: Layout, desired: Desired) -> Path:
    """Return the model's folder, read-only, holding exactly the manifest's files with exactly their bytes.

    Copies, never links: what runs a model must not reach the registry's own bytes. A folder that is already there
    is hashed again and made anew where it differs.
    """
    if manifest_digest(desired.manifest) != desired.digest:
        raise Tampered(f"The manifest of {desired.model} {desired.version} is not the one its digest names.")
    folder = layout.artifact(desired.digest)
    if folder.is_dir():
        if is_intact(folder, desired.manifest):
            return folder
        discard(folder)
    draft = folder.with_name(f".{folder.name[:12]}.{secrets.token_hex(6)}")
    try:
        _fill(draft, layout, desired.manifest)
        _move_in(draft, folder)
    finally:
        discard(draft)
    return folder


def is_intact(folder: Path, files: Iterable[FileLine]) -> bool:
    """Whether the folder holds these files with these bytes, and nothing else."""
    expected = {line.path: line.sha256 for line in files}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    return found.keys() == expected.keys() and all(
        not path.is_symlink() and _digest(path) == expected[name] for name, path in found.items()
    )


def discard(folder: Path) -> None:
    """Remove a folder that was made read-only."""
    if not folder.exists():
        return
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        place.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _fill(draft: Path, layout: Layout, files: Iterable[FileLine]) -> None:
    draft.mkdir(parents=True)
    for line in files:
        place = draft / line.path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            copied = _copy(_bytes_of(layout, line), place)
        except OSError as why:
            raise Tampered(f"{line.path} cannot be had: {why.strerror}.") from why
        if copied != line.sha256:
            raise Tampered(f"{line.path} holds other bytes than the manifest names: {copied}, not {line.sha256}.")
        place.chmod(0o444)
    for folder in (path for path in draft.rglob("*") if path.is_dir()):
        folder.chmod(0o555)
    draft.chmod(0o555)


def _bytes_of(layout: Layout, line: FileLine) -> Path:
    """Return where the file's bytes are, here or fetched; waits for what is still being fetched."""
    kept, fetched = layout.blob(line.sha256), layout.fetched(line.sha256)
    deadline = time.monotonic() + FETCH_S
    while not kept.exists() and not fetched.exists() and layout.fetched_folder.is_dir():
        if time.monotonic() > deadline:
            raise Tampered(f"{line.path} was not fetched from the store of files within {FETCH_S:.0f} s.")
        time.sleep(LOOK_S)
    return fetched if fetched.exists() else kept


def _copy(source: Path, place: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as given, place.open("xb") as taken:
        while chunk := given.read(CHUNK):
            digest.update(chunk)
            taken.write(chunk)
    return digest.hexdigest()


def _move_in(draft: Path, folder: Path) -> None:
    """Rename into place; another process may have been first, with the same bytes."""
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()

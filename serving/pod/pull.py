"""Fetches what a pod serves, by digest, and lets nothing else through. Standard library only.

What was fetched before a restart is gone on with. Every byte is hashed before the server starts.
"""

import hashlib
import sys
import time
from dataclasses import replace
from pathlib import Path

from serving import artifacts, environments, launching, locking
from serving.artifacts import Tampered
from serving.contract import Desired, FileLine, Layout, manifest_digest
from serving.pod.source import Later, Source

PAUSES_S = (0.5, 1.0, 2.0, 4.0)


def pull(layout: Layout, order: Desired, source: Source) -> Desired:
    """Have all that the server needs in the home; return the order with its files.

    Raises Later where it may work later, ContractError where it never will.
    """
    desired = artifact(layout, order, source)
    environment(layout, desired, source)
    launching.prepare(layout, desired)
    return desired


def artifact(layout: Layout, order: Desired, source: Source) -> Desired:
    """Have the model's folder hold exactly the files that the digest names."""
    manifest = source.manifest()
    if manifest_digest(manifest) != order.digest:
        raise Tampered("Signoff's list of files is not the one that the digest names.")
    desired = replace(order, manifest=manifest)
    layout.fetched_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not artifacts.is_intact(layout.artifact(order.digest), manifest):
        for line in manifest:
            fetch(layout.fetched(line.sha256), line, source)
    artifacts.materialise(layout, desired)
    for line in manifest:
        layout.fetched(line.sha256).unlink(missing_ok=True)
    return desired


def fetch(place: Path, line: FileLine, source: Source) -> None:
    """Have the file's bytes at `place`. Those that are wrong are fetched once more from the beginning."""
    part = place.with_name(f".{place.name}.part")
    for is_last in (False, True):
        if place.exists():
            return
        _copied(part, line, source)
        if _digest(part) == line.sha256:
            part.rename(place)
            return
        part.unlink()
        if is_last:
            raise Tampered(f"{line.path} holds other bytes than the manifest names.")


def environment(layout: Layout, desired: Desired, source: Source) -> None:
    """Have the model's packages installed, from the list that was signed, each with its hash checked."""
    text = source.small("lock").decode()
    if locking.digest(text) != desired.lock_digest:
        raise Tampered("Signoff's list of packages is not the one that was signed.")
    layout.lock(desired.lock_digest).parent.mkdir(parents=True, exist_ok=True)
    layout.lock(desired.lock_digest).write_text(text, encoding="utf-8")
    try:
        environments.build(text, layout.environment(desired.lock_digest), Path(sys.executable).resolve())
    except locking.LockRefused as why:
        raise Later(str(why)) from why


def _copied(part: Path, line: FileLine, source: Source) -> None:
    """Copy to the end; a connection that breaks is tried again, and goes on where it broke."""
    for pause_s in PAUSES_S:
        try:
            source.copy(line, part)
        except Later as why:
            sys.stderr.write(f"{why} Trying again in {pause_s:g} s.\n")
            time.sleep(pause_s)
        else:
            return
    source.copy(line, part)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

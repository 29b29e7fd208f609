"""The files of a manifest by its body, which is what was signed: the rows beside it only keep their bytes."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from registry.models import Manifest


@dataclass(frozen=True)
class FileLine:
    """One file of a manifest."""

    path: str
    sha256: str
    size: int


def files_of(manifest: Manifest) -> list[FileLine]:
    """Return the files the manifest's body lists; raises ValueError where its digest does not hold."""
    body = bytes(manifest.body)
    if hashlib.sha256(body).hexdigest() != manifest.digest:
        raise ValueError("the manifest is not the one its digest names")
    return [FileLine(**line) for line in json.loads(body)["files"]]


def below(folder: str, lines: Iterable[FileLine]) -> list[FileLine]:
    """Return those inside `folder`; an empty one holds them all."""
    return [line for line in lines if not folder or line.path.startswith(f"{folder}/")]

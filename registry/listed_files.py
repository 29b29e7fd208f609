"""The files of a manifest by its body, which is what was signed: the rows beside it only keep their bytes."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from core.refusals import Conflict
from registry.models import Manifest


@dataclass(frozen=True)
class FileLine:
    """One file of a manifest."""

    path: str
    sha256: str
    size: int


class NotAsSigned(Conflict, ValueError):
    """The list of a version's files is not the one that its digest names: nothing can rest on it."""

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"The list of files of sha256 {digest[:12]} in the database is not the one its digest names.",
            next_step="Put the row back from a backup.",
        )


def files_of(manifest: Manifest) -> list[FileLine]:
    """Return the files the manifest's body lists; raises NotAsSigned where its digest does not hold."""
    body = bytes(manifest.body)
    if hashlib.sha256(body).hexdigest() != manifest.digest:
        raise NotAsSigned(manifest.digest)
    return [FileLine(**line) for line in json.loads(body)["files"]]


def below(folder: str, lines: Iterable[FileLine]) -> list[FileLine]:
    """Return those inside `folder`; an empty one holds them all."""
    return [line for line in lines if not folder or line.path.startswith(f"{folder}/")]

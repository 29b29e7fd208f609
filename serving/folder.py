"""What changed in a folder of JSON files since it was last looked at."""

import os
from collections.abc import Iterable
from pathlib import Path

Mark = tuple[int, int, int]
NEVER: Mark = (0, 0, 0)


class Folder:
    """The files `NAME.json` of one folder. Files are renamed into place, so a new one is another inode."""

    def __init__(self, path: Path, known: Iterable[str] = ()) -> None:
        self.path = path
        self.seen: dict[str, Mark] = dict.fromkeys(known, NEVER)

    def look(self) -> tuple[list[str], list[str]]:
        """Return the names that are new or changed since the last look, and those that are gone.

        A folder that is not there says nothing: no reason to take everything as gone.
        """
        if (found := self._found()) is None:
            return [], []
        changed = sorted(name for name, mark in found.items() if self.seen.get(name) != mark)
        gone = sorted(self.seen.keys() - found.keys())
        self.seen = found
        return changed, gone

    def forget(self) -> None:
        """See every file as new at the next look; what went meanwhile is still seen to be gone."""
        self.seen = dict.fromkeys(self.seen, NEVER)

    def _found(self) -> dict[str, Mark] | None:
        try:
            entries = list(os.scandir(self.path))
        except FileNotFoundError:
            return None
        marks = ((entry.name, _mark(entry)) for entry in entries if _counts(entry.name))
        return {name.removesuffix(".json"): mark for name, mark in marks if mark}


def _counts(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


def _mark(entry: "os.DirEntry[str]") -> Mark | None:
    try:
        stat = entry.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size

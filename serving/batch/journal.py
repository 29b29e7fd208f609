"""Which parts of a file are done. A part counts from its line on, which comes once its files are on the disk."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """One part that is done: how many rows it has, with a prediction and without."""

    part: int
    rows: int
    scored: int
    rejected: int


class Journal:
    """The parts that are done, from the first on without a gap."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done = _read(path)
        keep = "".join(f"{_line(one)}\n" for one in self.done)
        if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != keep:
            draft = path.with_suffix(".draft")
            draft.write_text(keep, encoding="utf-8")
            draft.replace(path)

    def add(self, done: Done) -> None:
        """Note one more part, for good."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{_line(done)}\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.append(done)

    @property
    def rows(self) -> int:
        """Rows of the file that were read."""
        return sum(one.rows for one in self.done)

    @property
    def scored(self) -> int:
        """Rows with a prediction."""
        return sum(one.scored for one in self.done)

    @property
    def rejected(self) -> int:
        """Rows without one."""
        return sum(one.rejected for one in self.done)


def _line(done: Done) -> str:
    return json.dumps(asdict(done))


def _read(path: Path) -> list[Done]:
    """Return what is noted, up to a line that was cut as its writer was killed."""
    found: list[Done] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            done = Done(**json.loads(line))
        except (ValueError, TypeError):
            break
        if done.part != len(found):
            break
        found.append(done)
    return found

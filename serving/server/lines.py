"""A file of lines that does not grow for ever."""

import sys
from collections.abc import Sequence
from pathlib import Path

LARGEST = 16 * 2**20


class Lines:
    """The lines at `path`; above 16 MiB the file becomes `.1`, and what was there goes."""

    def __init__(self, path: Path) -> None:
        self.path, self.lost = path, 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Put lines at the end. A full disk costs evidence, never an answer."""
        try:
            self._turn()
            with self.path.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
        except OSError as why:
            self.lost += len(lines)
            sys.stderr.write(f"{self.lost} answers could not be written down: {why}\n")

    def _turn(self) -> None:
        if self.path.exists() and self.path.stat().st_size > LARGEST:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))

"""Dana's notebook: her own Python, kept open, so that only the first cell waits for its imports."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class CellFailed(Exception):
    """What dana's Python said, instead of an answer."""


class Notebook:
    """A process of `python` at the server `url`, from `with` to its end."""

    def __init__(self, python: Path, url: str) -> None:
        self.python, self.url = python, url

    def __enter__(self) -> Self:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [str(self.python), str(Path(__file__).with_name("dana.py"))],
            env={**kept, "MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def run(self, verb: str, *words: object) -> dict[str, object]:
        """Return what the cell answered; CellFailed with its traceback, or with the last words of a dead process."""
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(f"{' '.join([verb, *map(str, words)])}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise CellFailed(self._last_words())
        said: dict[str, object] = json.loads(line)
        if "failed" in said:
            raise CellFailed(str(said["failed"]))
        return said

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-2000:]

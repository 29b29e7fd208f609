"""A file to be scored, as the web side orders it, without the web side."""

import hashlib
import io
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serving.contract import BatchOrder, BatchSeen, Desired, FileKind, dump, load
from tests.serving.rig import ROOT, Home


def parquet(columns: dict[str, Any], **how: Any) -> bytes:
    """Return a Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **how)
    return out.getvalue()


def score(low: float, high: float) -> float:
    """What the rig's model says of a row: its first and its last value count."""
    return 1 / (1 + math.exp(low - high))


class Job:
    """One file, ordered."""

    def __init__(
        self, home: Home, desired: Desired, content: bytes, name: str, *, result: FileKind = "parquet", ids: str = ""
    ) -> None:
        self.layout, self.name = home.layout, name
        digest = hashlib.sha256(content).hexdigest()
        blob = self.layout.blob(digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        wanted = replace(desired, replica=name)
        dump(self.layout.batch_order(name), BatchOrder(name, 1, wanted, digest, result, ids))

    @property
    def folder(self) -> Path:
        return self.layout.batch(self.name)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the process that scores."""
        command = [
            sys.executable,
            "-m",
            "serving.batch",
            "--home",
            str(self.layout.home),
            "--job",
            self.name,
            "--offline",
        ]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=log)

    def run(self) -> BatchSeen:
        """Score the file; return what the process said last."""
        child = self.start()
        child.wait(60)
        return self.seen

    @property
    def seen(self) -> BatchSeen:
        try:
            return load(self.layout.batch_seen(self.name), BatchSeen)
        except FileNotFoundError:
            raise AssertionError((self.folder / "log").read_text()) from None

    @property
    def result(self) -> pa.Table:
        return pq.read_table(self.layout.batch_result(self.name))

    @property
    def rejected(self) -> list[str]:
        return self.layout.batch_rejected(self.name).read_text().splitlines()[1:]

    @property
    def parts(self) -> list[Path]:
        """The parts that are kept, in order."""
        return sorted((self.folder / "parts").glob("*.parquet"))

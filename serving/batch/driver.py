"""Drives one job: prepares the model, has the file read and scored part by part, keeps each part, joins them.

Killed at any line, it is started again and goes on with the first part that is not kept. No two drive the same job.
"""

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import yaml

from serving import frames, keeper, sandbox
from serving.batch import running, writing
from serving.batch.asked import Asked, Unfit, asked_by
from serving.batch.journal import Done, Journal
from serving.cleaning import cleaned
from serving.contract import BatchOrder, BatchSeen, ContractError, FileKind, Layout, dump
from serving.frames import Cut, Frame
from serving.runner import words

MLMODEL = "MLmodel"
LOOK_EVERY_S = 0.5
TELL_EVERY_S = 0.3
END_S = 10.0
BROKEN_PIPE = 1  # how a reader ends when nobody reads


class Broken(Exception):
    """A process ended that should not have; its text says which and how."""


class Driver:
    """One job in the hands of this process."""

    def __init__(self, layout: Layout, order: BatchOrder, prepare: Callable[[], object]) -> None:
        self.layout, self.order, self.prepare = layout, order, prepare
        self.folder = layout.batch(order.job)
        self.parts = self.folder / "parts"
        self.parts.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal = Journal(self.folder / "journal")
        self.seen = BatchSeen(order.job, order.fence, "preparing", "", 0, 0, 0, 0.0, 0.0, "none", time.time())
        self.told = self.begun = 0.0
        self.excess = ""

    # ── The course of it ───────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Bring the job to its end; raises Unfit, ContractError, Cut or Broken, with the reason, where it has none."""
        self.tell(state="preparing", force=True)
        self.prepare()
        path = self._input()
        said = yaml.safe_load((self.layout.artifact(self.order.desired.digest) / MLMODEL).read_bytes())
        asked = asked_by(said)
        found = sandbox.choose(self.order.desired, sandbox.probe())
        self.tell(state="scoring", isolation=found.isolation, force=True)
        with self._scoring(path, asked, found.isolation) as (side, answers):
            self._score(side, answers)
        self.tell(state="joining", share=1.0, force=True)
        self._join()

    def fail(self, why: str) -> None:
        """Say that the job has no result, and why."""
        self.tell(state="failed", why=" ".join(why.split())[:900], force=True)

    def _input(self) -> Path:
        """Return the input after every byte was checked."""
        fetched = self.layout.batch_input(self.order.job)
        path = fetched if fetched.exists() else self.layout.blob(self.order.input)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise Unfit("The file is not in the store any more.") from None
        if digest != self.order.input:
            raise Unfit("The stored file holds other bytes than its digest says.")
        return path

    @contextmanager
    def _scoring(self, path: Path, asked: Asked, isolation: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Give the reader's words and the model's answers while both run; neither is left behind."""
        to_model, from_reader, from_model = running.pipe(), running.pipe(), running.pipe()
        logs = {name: self.folder / f"{name}.log" for name in ("reader", "model")}
        begin, desired = len(self.journal.done), self.order.desired
        model = running.start_model(self.layout, desired, isolation, to_model[0], from_model[1], logs["model"])  # type: ignore[arg-type]
        to = running.Ends(to_model[1], from_reader[1])
        reader = running.start_reader(path, asked, self.order, begin, to, logs["reader"])
        for end in (to_model[0], to_model[1], from_reader[1], from_model[1]):
            os.close(end)
        over = threading.Event()
        threading.Thread(target=self._watch, args=(model, over), daemon=True, name="watch").start()
        try:
            with os.fdopen(from_reader[0], "rb") as side, os.fdopen(from_model[0], "rb") as answers:
                yield side, answers
        except (Cut, BrokenPipeError) as why:
            raise Broken(self._how_it_ended(model, reader, logs) or str(why)) from why
        finally:
            over.set()
            reader.kill()
            reader.wait()
            keeper.kill(model)
            shutil.rmtree(self.layout.temporary(desired.replica), ignore_errors=True)

    def _watch(self, model: "subprocess.Popen[bytes]", over: threading.Event) -> None:
        """End a model that takes too much."""
        files = keeper.Files(model.pid, self.layout.temporary(self.order.desired.replica), self.order.desired.files_mb)
        while not over.wait(LOOK_EVERY_S) and model.poll() is None:
            if excess := keeper.excess_of(model.pid, self.order.desired) or files.excess():
                self.excess = excess
                model.kill()

    def _how_it_ended(
        self, model: "subprocess.Popen[bytes]", reader: "subprocess.Popen[bytes]", logs: dict[str, Path]
    ) -> str:
        """Return how the first of both to end did."""
        with suppress(subprocess.TimeoutExpired):
            model.wait(END_S)
        if self.excess:
            return self.excess
        if reader.poll() not in {None, 0, BROKEN_PIPE}:
            return cleaned(f"The file's reader ended with code {reader.returncode}. {words.tail(logs['reader'])}")
        said = [line.removeprefix("signoff: ") for line in _lines(logs["model"]) if line.startswith("signoff: ")]
        if said:
            return cleaned(said[-1])
        if model.poll():
            return keeper.ended(model.returncode) or cleaned(
                f"The model ended with code {model.returncode}.\n{words.tail(logs['model'])}"
            )
        return ""

    # ── Parts ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _score(self, side: IO[bytes], answers: IO[bytes]) -> None:
        head = _next(side).head
        self.tell(kind=head["kind"], force=True)
        _next(answers)  # it is loaded
        self.begun, before = time.monotonic(), self.journal.rows
        while not (part := _next(side)).head.get("last"):
            self._keep(part, answers)
            took_s = time.monotonic() - self.begun
            self.tell(
                share=float(part.head["share"]), rows_s=round((self.journal.rows - before) / max(took_s, 1e-3), 1)
            )

    def _keep(self, part: Frame, answers: IO[bytes]) -> None:
        number, rejected = int(part.head["part"]), list(part.head["rejected"])
        if number != len(self.journal.done):
            raise Cut(f"Part {number} came, and {len(self.journal.done)} is the next.")
        table = writing.kept_rows(part)
        samples: list[object] = []
        if len(table):
            answer = _next(answers)
            table, failed = self._answered(number, table, answer)
            rejected, samples = sorted([*rejected, *failed]), list(answer.head.get("samples", []))
        if not number and not len(table):
            raise Unfit(
                f"None of the first {part.head['rows']:,} rows can be scored. Row {rejected[0][0]}: {rejected[0][1]}"
            )
        name = f"{number:08d}"
        writing.write_lines(self.parts / f"{name}.rejected", rejected)
        writing.write_lines(self.parts / f"{name}.samples", [[number, *one] for one in enumerate(samples)])
        if len(table):
            writing.write_part(self.parts / f"{name}.parquet", table)
        self.journal.add(Done(number, int(part.head["rows"]), len(table), len(rejected)))

    def _answered(self, number: int, kept: pa.Table, answer: Frame) -> tuple[pa.Table, list[list[object]]]:
        """Return the rows with a prediction, and those for which the model has none, with the reason."""
        if answer.head.get("part") != number:
            raise Cut(f"The model answered part {answer.head.get('part')!r}, not {number}.")
        reasons = {int(place): str(why) for place, why in answer.head.get("failed", [])}
        if not set(reasons) <= set(range(len(kept))):
            raise Cut("The model told of rows that it was not given.")
        numbers = kept[writing.ROW]
        failed: list[list[object]] = [[numbers[place].as_py(), why] for place, why in reasons.items()]
        if len(reasons) == len(kept):
            return kept.slice(0, 0), failed
        if reasons:
            kept = kept.filter(pa.array([place not in reasons for place in range(len(kept))]))
        return writing.table_of(kept, writing.predictions(answer, len(kept))), failed

    # ── The result ─────────────────────────────────────────────────────────────────────────────────────────────

    def _join(self) -> None:
        done, job = self.journal.done, self.order.job
        scored = [self.parts / f"{one.part:08d}.parquet" for one in done if one.scored]
        columns = writing.join(scored, self.layout.batch_result(job), self.order.result)
        rejected = [self.parts / f"{one.part:08d}.rejected" for one in done if one.rejected]
        if rejected:
            writing.join_rejected(rejected, self.layout.batch_rejected(job))
        writing.join_lines([self.parts / f"{one.part:08d}.samples" for one in done], self.layout.batch_samples(job))
        self.tell(state="done", columns=columns, force=True)

    def tell(self, *, force: bool = False, kind: FileKind | None = None, **changed: object) -> None:
        """Write down how far the job is, at most so often unless it matters."""
        known = {**vars(self.seen), **changed, "kind": kind or self.seen.kind}
        counts = {
            "rows_read": self.journal.rows,
            "rows_scored": self.journal.scored,
            "rows_rejected": self.journal.rejected,
        }
        self.seen = BatchSeen(**{**known, **counts, "at": time.time()})
        if force or time.monotonic() - self.told >= TELL_EVERY_S:
            self.told = time.monotonic()
            dump(self.layout.batch_seen(self.order.job), self.seen)


def _next(pipe: IO[bytes]) -> Frame:
    """Return the next frame; raise Unfit where the reader says that there can be none, Cut where it just ends."""
    frame = frames.read(pipe)
    if frame is None:
        raise Cut("A process ended in the middle of the file.")
    if unfit := frame.head.get("unfit"):
        raise Unfit(str(unfit))
    return frame


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes()[-65536:].decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


FAILURES = (Unfit, ContractError, sandbox.Unconfinable)

"""Works on files to be scored: claims a job by lease and fence, has a process of its own score it, looks how far it is.

Killed at any line, another desk goes on with the parts that are kept: the process that scores ends with its desk, a
second one waits until the first is gone, and a part that is done is never done again.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from audit.replay.mismatches import open_count
from core import clock
from deployments import attested, claims, holders, orders
from deployments.batch import finishing, jobs
from deployments.models import BatchJob
from deployments.states import BATCH_LIVE, BatchState
from deployments.targets.local import replicas
from registry import blobs, manifests
from registry.stores.contract import StoreDown
from serving import contract
from serving.contract import BatchOrder, BatchSeen, Layout

log = structlog.get_logger(__name__)
FAILED = 3  # how the process ends where the job has no result
ATTEMPTS = 3
TAIL = 65_536
OURS = ("SIGNOFF_", "DJANGO_", "AWS_")  # settings, and with them secrets, that the process has no use for
MARK = "signoff: "


class Desk:
    """The jobs in the hands of this process, one at a time. Call `turn` again and again, from one thread."""

    def __init__(self, holder: str | None = None) -> None:
        self.me = holder or holders.me()
        self.layout = Layout(Path(settings.HOME))
        self.working: dict[int, subprocess.Popen[bytes]] = {}
        self._sweep()

    def turn(self) -> int:
        """Do what can be done now; return how many jobs are in hand."""
        self._let_go()
        rows = BatchJob.objects.filter(state__in=BATCH_LIVE).order_by("pk")
        mine = [pk for pk in self.working if rows.filter(pk=pk).exists()]
        for pk in mine or rows.values_list("pk", flat=True):
            if claims.take(rows.filter(pk=pk), self.me):
                self._work(jobs.whole(pk))
            if self.working:
                break
        return len(self.working)

    def close(self) -> None:
        """End what this desk started; the jobs are anybody's once the leases are over."""
        for pk in list(self.working):
            self._stop(pk)

    def _work(self, job: BatchJob) -> None:
        if why := _against(job):
            self._stop(job.pk)
            self._end(job, why)
        elif job.pk in self.working:
            self._look(job)
        elif not _is_told(job):
            return  # it waits until the row is back
        elif job.state == BatchState.RUNNING or self._begin(job):
            self._start(job)

    def _begin(self, job: BatchJob) -> bool:
        """Start a queued job whose files are those that were installed. While a row differs from the ledger, none."""
        if open_count():
            return False
        manifest = job.version.manifest
        if manifest is None or manifest.digest != job.digest or manifests.damaged_files(manifest):
            self._end(job, f"The stored files of {job.version} are not those that were installed.")
            return False
        with transaction.atomic():
            row = jobs.locked(job)
            if not self._still_mine(row) or row.state != BatchState.QUEUED:
                return False
            jobs.advance(row, BatchState.RUNNING)
        job.state = BatchState.RUNNING
        return True

    # ── The process that scores ────────────────────────────────────────────────────────────────────────────────

    def _start(self, job: BatchJob) -> None:
        """Write the order and start the process; nothing of an earlier order is left but the parts."""
        name = name_of(job)
        try:
            self._fetch(job)
        except (StoreDown, OSError) as why:
            log.warning("the input cannot be fetched yet", job=job.pk, why=str(why))
            return
        contract.dump(self.layout.batch_order(name), order_of(job))
        self.layout.batch_seen(name).unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        environment["PYTHONPATH"] = str(settings.BASE_DIR)
        with (self.layout.batch(name) / "log").open("wb") as trouble:
            self.working[job.pk] = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "serving.batch", "--home", str(self.layout.home), "--job", name],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=trouble, env=environment, cwd="/",
            )  # fmt: skip

    def _fetch(self, job: BatchJob) -> None:
        """Bring the input to this machine where the store is elsewhere; the lease is renewed meanwhile."""
        path = self.layout.batch_input(name_of(job))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not blobs.is_elsewhere() or path.exists():
            return
        self.layout.fetched_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft, row, renewed = path.with_suffix(".draft"), BatchJob.objects.filter(pk=job.pk), time.monotonic()
        with draft.open("wb") as out:
            for chunk in blobs.read_blob(job.input_id):
                out.write(chunk)
                if time.monotonic() - renewed > claims.LEASE.total_seconds() / 3:
                    claims.take(row, self.me)
                    renewed = time.monotonic()
        draft.replace(path)

    def _look(self, job: BatchJob) -> None:
        """Note how far the process is; end the job where the process has."""
        child, seen = self.working[job.pk], self._seen(job)
        ended = child.poll()
        if seen is not None:
            _note(job, seen)
        if ended is None:
            return
        self._stop(job.pk)
        if ended == 0 and seen is not None and seen.state == "done":
            self._finish(job, seen)
        elif ended == FAILED and seen is not None and seen.state == "failed":
            self._end(job, seen.why)
        else:
            self._again(job, self._last_words(job, ended))

    def _again(self, job: BatchJob, why: str) -> None:
        """Try again where the process ended without a word; give up after so many times without a new part."""
        BatchJob.objects.filter(pk=job.pk).update(attempts=job.attempts + 1)
        if job.attempts + 1 >= ATTEMPTS:
            self._end(job, f"{why} It ended {ATTEMPTS} times without getting any further.")
        else:
            log.warning("the scoring of a file is begun again", job=job.pk, why=why)

    def _finish(self, job: BatchJob, seen: BatchSeen) -> None:
        kept = finishing.keep(
            job, seen, self.layout, renew=lambda: claims.take(BatchJob.objects.filter(pk=job.pk), self.me)
        )
        with transaction.atomic():
            row = jobs.locked(job)
            if not self._still_mine(row) or row.state != BatchState.RUNNING:
                return
            finishing.settle(row, kept)
        self._forget(job)

    def _end(self, job: BatchJob, why: str) -> None:
        with transaction.atomic():
            row = jobs.locked(job)
            if not self._still_mine(row) or row.state not in BATCH_LIVE:
                return
            jobs.advance(row, BatchState.FAILED, why=why)
        self._forget(job)

    def _still_mine(self, job: BatchJob) -> bool:
        """Whether the claim still stands: a desk that was held up finds its fence overtaken and writes nothing."""
        return job.holder == self.me and job.lease_until > clock.now()

    # ── Ends ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _let_go(self) -> None:
        """End the processes of jobs that are over, or another's by now."""
        for pk in list(self.working):
            row = BatchJob.objects.filter(pk=pk).first()
            if row is None or row.state not in BATCH_LIVE or row.holder != self.me:
                self._stop(pk)
                if row is not None and row.state not in BATCH_LIVE:
                    self._forget(row)

    def _stop(self, pk: int) -> None:
        if (child := self.working.pop(pk, None)) is None:
            return
        child.kill()
        child.wait()
        if child.stdin:
            child.stdin.close()

    def _forget(self, job: BatchJob) -> None:
        shutil.rmtree(self.layout.batch(name_of(job)), ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what jobs left behind that ended while no desk was there."""
        live = {name_of(job) for job in BatchJob.objects.filter(state__in=BATCH_LIVE)}
        for path in self.layout.batch_folder.glob("*"):
            if path.name not in live:
                shutil.rmtree(path, ignore_errors=True)

    def _seen(self, job: BatchJob) -> BatchSeen | None:
        """Return what the process of this fence says."""
        with suppress(FileNotFoundError, contract.ContractError):
            seen = contract.load(self.layout.batch_seen(name_of(job)), BatchSeen)
            return seen if seen.fence == job.fence else None
        return None

    def _last_words(self, job: BatchJob, code: int) -> str:
        with suppress(OSError):
            text = (self.layout.batch(name_of(job)) / "log").read_bytes()[-TAIL:].decode("utf-8", "replace")
            if said := [line.removeprefix(MARK) for line in text.splitlines() if line.startswith(MARK)]:
                return said[-1][:500]
        return f"The process that scores the file ended with code {code}."


def _against(job: BatchJob) -> str:
    """Return why the job may not go on; empty where it may."""
    if jobs.right_of(job) is None:
        return f"The right to serve {job.version} at {job.endpoint} was withdrawn."
    return ""


def _is_told(job: BatchJob) -> bool:
    """Whether what is to score, and the right to it, are what the ledger says; where they are not, that is told of."""
    right = jobs.right_of(job)
    asked = job.rollout, right.rollout if right else None
    return not attested.against(job.endpoint, f"score a file by {job.version}", *asked)


def name_of(job: BatchJob) -> str:
    """Return the job's name at the data plane."""
    return f"batch-{job.uuid.hex}"


def order_of(job: BatchJob) -> BatchOrder:
    """Return what the process is told: everything it needs, nothing that it has to look up."""
    name, release = name_of(job), orders.release_of(job.rollout)
    desired = replicas.desired(release, name, str(job.uuid), job.fence)
    return BatchOrder(
        job=name, fence=job.fence, desired=desired, input=job.input_id, id_column=job.id_column,
        result="csv" if job.result_kind == BatchJob.Kind.CSV else "parquet",
    )  # fmt: skip


def _note(job: BatchJob, seen: BatchSeen) -> None:
    """Keep how far the process is; a part more clears the attempts."""
    known: dict[str, object] = {
        "phase": seen.state, "rows_read": seen.rows_read, "rows_scored": seen.rows_scored,
        "rows_rejected": seen.rows_rejected, "share": seen.share, "rows_s": seen.rows_s, "isolation": seen.isolation,
        "input_kind": seen.kind or "",
    }  # fmt: skip
    if seen.rows_read > job.rows_read:
        known["attempts"] = 0
    changed = {name: value for name, value in known.items() if getattr(job, name) != value}
    if changed:
        BatchJob.objects.filter(pk=job.pk, fence=job.fence).update(**changed)
        for name, value in changed.items():
            setattr(job, name, value)

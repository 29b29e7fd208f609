"""Keeps what a job brought about: the result, the rejected rows, and a manifest that says what came of what."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import canonical, clock
from deployments.batch import jobs
from deployments.models import BatchJob
from deployments.states import BatchState
from monitoring import files
from registry import artifacts, blobs
from registry.blobs import CHUNK, Written
from serving.contract import BatchSeen, Layout

MANIFEST = "signoff.batch-manifest/1"
RENEW_S = 3.0


@dataclass(frozen=True)
class Kept:
    """The files of a job, in the store already; rows do not refer to them yet."""

    result: Written
    rejected: Written | None
    manifest: Written
    told: dict[str, Any]


def keep(job: BatchJob, seen: BatchSeen, layout: Layout, *, renew: Callable[[], object]) -> Kept:
    """Put the job's files into the store and count its samples; doing it again changes nothing.

    `renew` is called now and then.
    """
    result = blobs.store().write(
        _chunks(layout.batch_result(seen.job), renew), limit=_size(layout.batch_result(seen.job))
    )
    rejected = None
    if seen.rows_rejected:
        path = layout.batch_rejected(seen.job)
        rejected = blobs.store().write(_chunks(path, renew), limit=_size(path))
    body = canonical.dump(manifest(job, seen, result, rejected))
    renew()
    return Kept(
        result, rejected, blobs.store().write([body], limit=len(body)), _told(job, layout.batch_samples(seen.job))
    )


def _told(job: BatchJob, samples: Path) -> dict[str, Any]:
    """Return what a sample of the file says beside the version's reference; it is counted with that of requests."""
    version = job.version
    about = files.File(str(job.uuid), job.endpoint.name, version.model.name, str(version.version), job.digest)
    return files.take(about, samples)


def manifest(job: BatchJob, seen: BatchSeen, result: Written, rejected: Written | None) -> dict[str, object]:
    """Return what came of what, with the digests of both."""
    files: dict[str, object] = {
        "result": {
            "sha256": result.sha256,
            "bytes": result.size,
            "kind": job.result_kind,
            "columns": list(seen.columns),
        },
    }
    if rejected:
        files["rejected"] = {"sha256": rejected.sha256, "bytes": rejected.size, "kind": "csv"}
    return {
        "type": MANIFEST,
        "job": str(job.uuid),
        "endpoint": job.endpoint.name,
        "environment": job.endpoint.environment.name,
        "model": {
            "name": job.version.model.name, "uuid": str(job.version.model.uuid), "version": job.version.version,
            "digest": job.digest, "lock": job.version.environment.get("lock"),
        },
        "rollout": job.rollout_id,
        "approval": job.rollout.request_id,
        "input": {
            "name": job.input_name, "sha256": job.input_id, "bytes": job.input.size, "kind": seen.kind,
            "id_column": job.id_column or None,
        },
        "rows": {"read": seen.rows_read, "scored": seen.rows_scored, "rejected": seen.rows_rejected},
        "files": files,
        "isolation": seen.isolation,
        "by": job.created_by.username,
        "requested_at": clock.iso(job.created_at),
        "started_at": clock.iso(job.started_at or job.created_at),
    }  # fmt: skip


def settle(job: BatchJob, kept: Kept) -> None:
    """End the job with its files and its event, under its lock."""
    job.result = artifacts.held_blob(kept.result)
    job.rejected = artifacts.held_blob(kept.rejected) if kept.rejected else None
    job.manifest = artifacts.held_blob(kept.manifest)
    job.share, job.told = 1.0, kept.told
    facts: dict[str, object] = {"manifest": kept.manifest.sha256, "result": kept.result.sha256}
    if kept.rejected:
        facts["rejected"] = kept.rejected.sha256
    jobs.advance(job, BatchState.DONE, facts=facts)


def _size(path: Path) -> int:
    return path.stat().st_size


def _chunks(path: Path, renew: Callable[[], object]) -> Iterator[bytes]:
    renewed = time.monotonic()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            if time.monotonic() - renewed > RENEW_S:
                renew()
                renewed = time.monotonic()

"""Locks a version's environment once, after registration: what is approved and installed is one list with hashes."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from accounts.actors import SYSTEM
from audit.record import Change, record
from registry import access, blobs, listed_files, manifests, mlmodel, requests
from registry.models import ModelVersion
from serving.contract import Layout

log = structlog.get_logger(__name__)
LIMIT_S = 300  # the worker gives a task a little more
TRIES = 3


def lock_pending() -> int:
    """Lock the environments of held versions that have none; return how many were locked. A failure keeps its words."""
    locked = 0
    waiting = ModelVersion.objects.live().filter(manifest__isnull=False, environment__lock=None)
    for version in waiting.select_related("model", "manifest").order_by("pk"):
        if int(version.environment.get("lock_tries", 0)) >= TRIES:
            continue
        try:
            text = _resolve(version)
        except (ValueError, subprocess.SubprocessError, OSError) as why:
            _note(
                version, {"lock_tries": int(version.environment.get("lock_tries", 0)) + 1, "lock_why": str(why)[:300]}
            )
            log.warning("environment not locked", version=str(version), why=str(why)[:300])
            continue
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = Layout(Path(settings.HOME)).lock(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        _note(version, {"lock": digest, "lock_why": ""})
        locked += 1
    return locked


def _resolve(version: ModelVersion) -> str:
    """Ask the data plane's locker, in a process of its own: it talks to the package index."""
    assert version.manifest  # noqa: S101 - the query asks for one
    model, _ = manifests.described(version.manifest)
    lines = {line.path: line for line in listed_files.files_of(version.manifest)}
    said = {
        "mlmodel": {"flavors": {model.framework: {}}, "mlflow_version": model.mlflow_version},
        "requirements": _text(lines.get(manifests.REQUIREMENTS)),
        "python": ".".join(str(version.environment.get("python") or "3.11").split(".")[:2]),
    }
    command = [sys.executable, "-m", "serving.locking"]
    done = subprocess.run(  # noqa: S603 - our own module
        command,
        input=json.dumps(said),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=settings.BASE_DIR,
    )
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the locker failed")
    return done.stdout


def _text(line: listed_files.FileLine | None) -> str:
    return blobs.blob_bytes(line.sha256, mlmodel.LIMIT).decode("utf-8", "replace") if line else ""


def _note(version: ModelVersion, facts: dict[str, object]) -> None:
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        row.environment = {**row.environment, **facts}
        row.save(update_fields=["environment"])
        if facts.get("lock"):
            record("version.locked", access.version_subject(row), actor=SYSTEM, change=Change(after=facts))
            requests.end_stale(row.model)

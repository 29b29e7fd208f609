"""Removes what the data plane needs no longer: built environments, models' folders, temporary folders and logs.

Nothing is lost by it: the runner builds again what is asked for again. Lock files stay: they are what was signed.
"""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from deployments.models import InstalledRight, Rollout
from deployments.states import ENDED
from serving.contract import Layout

GRACE_S = 24 * 3600.0


def collect(now_s: float | None = None) -> int:
    """Remove what was needed by nothing at every look of the last `GRACE_S`; return how many files and folders went.

    What is needed again meanwhile begins a new grace. Each is looked at once more right before it goes.
    """
    layout, moment_s = Layout(Path(settings.HOME)), now_s or time.time()
    noted = _noted(layout)
    spare = {name: noted.get(name, moment_s) for name in _spare(layout)}
    due = [name for name, since_s in spare.items() if moment_s - since_s >= GRACE_S]
    gone = set(due) & set(_spare(layout)) if due else set()
    for name in sorted(gone):
        _remove(layout.root / name)
    if spare or noted:
        _note(layout, {name: since_s for name, since_s in spare.items() if name not in gone})
    return len(gone)


def _spare(layout: Layout) -> Iterator[str]:
    """Yield the paths below the data plane's folder that nothing needs."""
    needed = _needed(layout)
    for folder in layout.collected_folders:
        for path in sorted(folder.glob("*")):
            if _belongs_to(path) not in needed:
                yield str(path.relative_to(layout.root))


def _belongs_to(path: Path) -> str:
    """Return the digest or replica that the path is of: `.DIGEST.lock` is a lock beside it, `REPLICA.log.1` a log."""
    return path.name.lstrip(".").partition(".")[0]


def _needed(layout: Layout) -> set[str]:
    """Return the digests and replicas that are ordered, run, may serve or are being rolled out."""
    folders = (layout.desired_folder, layout.launched_folder, layout.observed_folder)
    files = [path for folder in folders for path in folder.glob("[!.]*.json")]
    scoring = {path.name for path in layout.batch_folder.glob("*")}
    return {path.stem for path in files} | scoring | set(_named(files)) | set(_wanted())


def _named(files: list[Path]) -> Iterator[str]:
    """Yield the digests in orders; a file that went or cannot be read names none."""
    for path in files:
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        yield from (str(said.get(name)) for name in ("digest", "lock_digest"))


def _wanted() -> Iterator[str]:
    """Yield the digests that our rows still need: of standing rights and of rollouts that have not ended."""
    going = Rollout.objects.exclude(state__in=ENDED)
    rollouts = Rollout.objects.filter(Q(pk__in=going) | Q(pk__in=going.values("last_good")))
    rights = InstalledRight.objects.filter(withdrawn_at=None)
    for rows in (rollouts, rights):
        for digest, environment in rows.values_list("digest", "version__environment"):
            yield from (digest, str(environment.get("lock")))


def _remove(path: Path) -> None:
    """Remove a file or folder, out of the way first: a build that begins now finds nothing, never half of it."""
    doomed = path.with_name(f".{path.name[:12]}.{secrets.token_hex(6)}")
    path.rename(doomed)
    if doomed.is_dir() and not doomed.is_symlink():
        shutil.rmtree(doomed, onerror=_unlocked)
    else:
        doomed.unlink()


def _unlocked(remove: Callable[..., Any], path: str, why: object) -> None:
    """Try again in a folder that was made read-only."""
    del why
    Path(path).parent.chmod(0o700)
    if Path(path).is_dir():
        Path(path).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
    else:
        remove(path)


def _noted(layout: Layout) -> dict[str, float]:
    """Return since when each spare path is spare; nothing where nobody noted it."""
    try:
        said = json.loads(layout.spare.read_bytes())
        return {str(name): float(since_s) for name, since_s in said.items()}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def _note(layout: Layout, spare: dict[str, float]) -> None:
    draft = layout.spare.with_suffix(".draft")
    draft.write_text(json.dumps(spare, indent=1), encoding="utf-8")
    draft.replace(layout.spare)

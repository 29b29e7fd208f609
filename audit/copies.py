"""The home's own file of checkpoints: outside the database, so it tells of a ledger put back to an older state."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from audit.models import Checkpoint, OutsideCopy
from audit.notes import DASH, ORIGIN
from core import clock, home
from core.sqlite.base import settle

log = structlog.get_logger(__name__)
NOTE = re.compile(rf"^{re.escape(ORIGIN)}\n\d+\n[^\n]*\n\n{DASH} [^\n]*$", re.MULTILINE)


@dataclass(frozen=True)
class Kept:
    """The checkpoints that a file holds, oldest first; `why` says what is the matter where it cannot be read."""

    path: Path
    notes: list[str]
    why: str = ""


def own_copies() -> Kept:
    """Return what the sealer copied outside the database, without what a full disk cut off in writing.

    Read it before the ledger, which grows meanwhile.
    """
    path = Path(settings.CHECKPOINT_FILE)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Kept(path, [], "is not there")
    except OSError as why:
        return Kept(path, [], f"cannot be read: {why.strerror}")
    return Kept(path, [f"{found}\n" for found in NOTE.findall(text)])


def catch_up() -> None:
    """Append every checkpoint that was not copied yet; doing it again writes nothing.

    Where the file cannot be written that is kept as a sentence, and the next call tries again. Two callers at once may
    write a checkpoint twice, which says no more than once.
    """
    state = OutsideCopy.objects.first() or OutsideCopy()
    fresh = list(Checkpoint.objects.filter(size__gt=state.size).order_by("size").values_list("size", "note"))
    if not fresh:
        return
    settle()  # the copy must not tell of what a power cut takes back
    try:
        _append([note for _, note in fresh], Path(settings.CHECKPOINT_FILE))
    except OSError as why:
        if state.why != (said := str(why.strerror)[:300]):
            log.warning("checkpoints are not copied outside", file=str(settings.CHECKPOINT_FILE), why=said)
            state.why = said
            state.save()
        return
    state.size, state.at, state.why = fresh[-1][0], clock.now(), ""
    state.save()


def trouble() -> str:
    """Return why the newest checkpoints are not outside the database, and since when, or an empty string."""
    state = OutsideCopy.objects.exclude(why="").first()
    if state is None:
        return ""
    last = f"the last copy is of {state.size} events, {clock.minute(state.at)}" if state.at else "there is no copy yet"
    return f"checkpoints are not copied to {settings.CHECKPOINT_FILE}: {state.why}; {last}"


def _append(notes: Sequence[str], path: Path) -> None:
    """Append `notes`, a blank line after each, and wait until they are on the disk."""
    with home.to_append(path) as out:
        out.write(("" if _ends_a_line(path) else "\n") + "".join(f"{note}\n" for note in notes))
        out.flush()
        os.fsync(out.fileno())


def _ends_a_line(path: Path) -> bool:
    """Whether the file is empty or ends in a newline: a full disk may have cut off what was written last."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"

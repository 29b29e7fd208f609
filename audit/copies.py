"""The home's own file of checkpoints: outside the database, so it tells of a ledger put back to an older state."""

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.notes import DASH
from audit.seal import ORIGIN

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

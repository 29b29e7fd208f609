"""What a model server left when it ended, fit to be shown."""

from pathlib import Path

from serving import launching, processes
from serving.cleaning import cleaned
from serving.contract import Layout

TAIL_BYTES = 16_384
LINES = 6


def of(layout: Layout, replica: str, code: int | None) -> str:
    """Return the sentence it left, else how its keeper ended, with its last lines unless it was killed.

    `code` is the keeper's, negative for a signal, None where nobody saw. Without credentials.
    """
    if said := launching.last_words(layout, replica):
        return cleaned(said)
    if code is not None and code < 0:
        return processes.killed_by(-code)
    how = "Nobody saw how." if code is None else f"It ended with code {code}."
    lines = tail(launching.log_path(layout, replica))
    return cleaned(f"{how} Its last lines:\n{lines}" if lines else how)


def tail(path: Path) -> str:
    """Return the last lines of the file that are not empty."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-LINES:])

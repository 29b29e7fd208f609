"""What a running server leaves in the home for commands beside it."""

import json
import os
import time
from pathlib import Path
from typing import IO

from django.conf import settings

DEFAULT_URL = "http://127.0.0.1:8000"


def running() -> dict[str, object]:
    """Return what the running `up` wrote (pid, port, url, started), or an empty dict."""
    try:
        said: dict[str, object] = json.loads((Path(settings.HOME) / "run" / "up.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return said


def beat(group: str) -> None:
    """Say that this group of periodic work goes on."""
    path = Path(settings.HOME) / "run" / f"{group}.beat"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch()


def since_beat_s(group: str) -> float | None:
    """Return the seconds since the group last went round, or None where it never did."""
    try:
        return max(0.0, time.time() - (Path(settings.HOME) / "run" / f"{group}.beat").stat().st_mtime)
    except FileNotFoundError:
        return None


def supervised() -> set[str]:
    """Return the names of the processes that `up` started beside this one; none where nothing supervises it."""
    if "LIFELINE" not in os.environ:
        return set()
    return {path.stem for path in (Path(settings.HOME) / "run").glob("*.pid")}


def ended() -> set[str]:
    """Return the names of supervised processes whose recorded pid does not run (any more)."""
    return {name for name in supervised() if not _runs(Path(settings.HOME) / "run" / f"{name}.pid")}


def _runs(record: Path) -> bool:
    """Whether the process in `record` (pid, start time, boot) is there and no zombie."""
    try:
        pid, started = record.read_text().split()[:2]
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return False
    return fields[0] != "Z" and started in {fields[19], "None"}


def server_url() -> str:
    """Return the address to print in links: the public one, else the running server's, else the default."""
    return str(settings.PUBLIC_URL or running().get("url") or DEFAULT_URL)


def to_append(path: Path) -> IO[str]:
    """Return the text file opened at its end, made with its folder where it is missing. Raises OSError."""
    try:
        return path.open("a", encoding="utf-8")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")

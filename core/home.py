"""What a running server leaves in the home for commands beside it."""

import json
import os
import time
from pathlib import Path

from django.conf import settings

DEFAULT_URL = "http://127.0.0.1:8000"


def running() -> dict[str, object]:
    """Return what the running `up` wrote (pid, port, url, started), or an empty dict."""
    try:
        said: dict[str, object] = json.loads((Path(settings.HOME) / "run" / "up.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return said


def beat() -> None:
    """Say that the periodic work goes on."""
    path = Path(settings.HOME) / "run" / "tick.beat"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch()


def since_beat_s() -> float | None:
    """Return the seconds since the periodic work last went round, or None where it never did."""
    try:
        return max(0.0, time.time() - (Path(settings.HOME) / "run" / "tick.beat").stat().st_mtime)
    except FileNotFoundError:
        return None


def is_supervised() -> bool:
    """Whether `up` started this process, with the others of its mode."""
    return "LIFELINE" in os.environ


def server_url() -> str:
    """Return the address to print in links: the public one, else the running server's, else the default."""
    return str(settings.PUBLIC_URL or running().get("url") or DEFAULT_URL)

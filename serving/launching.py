"""Starts one replica's keeper, and says what its model server may reach. Used by the runner."""

import compileall
import os
import subprocess
import sys
from pathlib import Path

from serving import environments, sandbox
from serving.contract import Desired, Isolation, Layout, dump

LIFELINE = "LIFELINE"
PACKAGE = Path(__file__).resolve().parent
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def launch(layout: Layout, desired: Desired, isolation: Isolation) -> "subprocess.Popen[bytes]":
    """Start the replica's keeper in a session of its own; its pid stands for the replica.

    SIGTERM to it drains the server, SIGKILL ends all at once. Environment and artifact must be in place.
    """
    prepare(layout, desired)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(PACKAGE.parent)}
    if line := os.environ.get(LIFELINE):
        environment[LIFELINE] = line
    chosen = ["--home", str(layout.home), "--replica", desired.replica, "--isolation", isolation]
    with log_path(layout, desired.replica).open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-S", "-m", "serving.keeper", *chosen],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )


def compile_package() -> None:
    """Leave bytecode of what model servers import: they may not write it, and would compile it at each start."""
    compileall.compile_dir(PACKAGE, quiet=2)


def prepare(layout: Layout, desired: Desired) -> None:
    """Make the replica's own folders and write down what it is launched as; no socket of an earlier life is left.

    Keeper and server read that file and nothing else: orders may change or vanish while they start.
    """
    replica = desired.replica
    socket = layout.socket(replica)
    shown = (layout.tokens.parent, layout.feature_policy(desired.endpoint).parent)
    for folder in (*shown, layout.temporary(replica), log_path(layout, replica).parent, socket.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for owned in (socket.parent.parent, socket.parent, layout.temporary(replica)):
        if owned.stat().st_uid != os.getuid() or owned.is_symlink():
            raise PermissionError(f"{owned} belongs to another user.")
    socket.unlink(missing_ok=True)
    log = log_path(layout, replica)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    dump(layout.launched(replica), desired)


def log_path(layout: Layout, replica: str) -> Path:
    """Return where keeper and server write; the earlier life's is beside it."""
    return layout.root / "logs" / layout.temporary(replica).with_suffix(".log").name


def last_words(layout: Layout, replica: str) -> str:
    """Return the sentence the replica left when it ended; empty where it left none."""
    try:
        text = log_path(layout, replica).read_bytes()[-65536:].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    said = [line.removeprefix("signoff: ") for line in text.splitlines() if line.startswith("signoff: ")]
    return said[-1][:1000] if said else ""


def room(layout: Layout, desired: Desired) -> sandbox.Room:
    """Return what the replica's model server may reach."""
    environment = layout.environment(desired.lock_digest)
    base = environments.python_of(environment).resolve().parent.parent
    reads = [environment, layout.artifact(desired.digest), PACKAGE, layout.tokens.parent]
    reads += [layout.launched(desired.replica), layout.feature_policy(desired.endpoint).parent]
    if base != Path("/usr"):
        reads.append(base)
    return sandbox.Room(
        lists=[PACKAGE.parent],
        reads=reads,
        writes=[layout.socket(desired.replica).parent],
        temporary=layout.temporary(desired.replica),
        environment=server_environment(layout, desired),
    )


def server_command(layout: Layout, desired: Desired, isolation: Isolation) -> list[str]:
    """Return the command that runs the replica's model server, sandbox included."""
    python = environments.python_of(layout.environment(desired.lock_digest))
    program = [str(python), "-m", "serving.server", "--home", str(layout.home), "--replica", desired.replica]
    return sandbox.command(room(layout, desired), program, isolation)


def server_environment(layout: Layout, desired: Desired) -> dict[str, str]:
    """Return the model server's whole environment; nothing of ours goes through."""
    temporary = str(layout.temporary(desired.replica))
    return {
        **dict.fromkeys(ONE_THREAD, "1"),
        "HOME": temporary,
        "TMPDIR": temporary,
        "USER": "model",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
        "MALLOC_ARENA_MAX": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": "file:///nonexistent",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",  # approved as it is, and held in
    }

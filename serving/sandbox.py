"""Chooses what holds a model in, and writes the command that starts it there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from serving import confine
from serving.contract import Desired, Isolation

PROBE_S = 10.0
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/mime.types")
KERNEL = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/version"),
    *("/proc/sys/kernel", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup"),
)  # not the whole of /proc: it tells what other processes were given
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
SHARED_MEMORY_BYTES = 64 * 2**20
NAMESPACES = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--die-with-parent", "--new-session"),
)


class Unconfinable(Exception):
    """Nothing here can hold the model in, and nobody allowed it to run free."""


@dataclass(frozen=True)
class Probe:
    """The strongest isolation that works on this machine, and a sentence about it."""

    isolation: Isolation
    why: str


@dataclass(frozen=True)
class Room:
    """What a program may reach: `reads` and nothing else, writing only to `writes`, with this environment.

    Of `lists` it may learn the names: the interpreter looks there for packages.
    """

    lists: Sequence[Path]
    reads: Sequence[Path]
    writes: Sequence[Path]
    temporary: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@cache
def probe() -> Probe:
    """Return what works here; tried once."""
    tried = _try_bubblewrap()
    if not tried:
        return Probe("bubblewrap", "Own file system, processes and network, by bubblewrap.")
    if confine.abi():
        return Probe("landlock", f"Files by Landlock {confine.abi()}, no network by a call filter; {tried}")
    return Probe("none", f"{tried} This kernel has no Landlock.")


def choose(desired: Desired, found: Probe) -> Probe:
    """Return the isolation to start with; Unconfinable where there is none and it is required."""
    if found.isolation == "none" and desired.sandbox == "required":
        raise Unconfinable(
            f"{desired.model} {desired.version} is not started: {found.why} "
            "Install bubblewrap, or have the rollout approved as unsandboxed."
        )
    return found


def command(room: Room, program: Sequence[str], isolation: Isolation) -> list[str]:
    """Return the command that runs `program`, whose first word is a Python, in the room."""
    if isolation == "bubblewrap":
        return [*_bubblewrap(room), program[0], "-I", "-S", confine.__file__, json.dumps(None), *program]
    if isolation == "landlock":
        return [sys.executable, "-I", "-S", confine.__file__, json.dumps(_rules(room)), *program]
    return list(program)


def _try_bubblewrap() -> str:
    """Return why bubblewrap cannot be used; empty where it can."""
    found = shutil.which("bwrap")
    if not found:
        return "bubblewrap is not installed."
    trial = [found, *NAMESPACES, *_system(), "--proc", "/proc", "--dev", "/dev", "/usr/bin/true"]
    try:
        ran = subprocess.run(trial, capture_output=True, text=True, timeout=PROBE_S, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired) as why:
        return f"bubblewrap does not start: {why}."
    return f"bubblewrap does not start: {ran.stderr.strip()[:200]}." if ran.returncode else ""


def _bubblewrap(room: Room) -> list[str]:
    """Return the front of the command; the temporary folder stands for /tmp as well as for itself."""
    mounts = [*_system(), "--proc", "/proc", "--dev", "/dev"]
    mounts += ["--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 - the sandbox's own
    mounts += ["--bind", str(room.temporary), "/tmp"]  # noqa: S108 - the sandbox's own
    for path in room.reads:
        mounts += ["--ro-bind", str(path), str(path)]
    for path in (*room.writes, room.temporary):
        mounts += ["--bind", str(path), str(path)]
    values = [part for name, value in room.environment.items() for part in ("--setenv", name, value)]
    return [shutil.which("bwrap") or "bwrap", *NAMESPACES, *mounts, "--clearenv", *values, "--chdir", "/", "--"]


def _system() -> list[str]:
    """Return mounts of the system's own programs and libraries."""
    mounts = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            mounts += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            mounts += ["--ro-bind", name, name]
    return mounts


def _rules(room: Room) -> list[tuple[str, int]]:
    """Return Landlock's rules. Bubblewrap needs no `lists`: there the parents show only what is mounted."""
    system = [(path, confine.READ) for path in (*SYSTEM, *KERNEL)]
    devices = [(path, confine.READ_FILE | confine.WRITE_FILE) for path in DEVICES]
    reads = [(str(path), confine.READ) for path in room.reads]
    writes = [(str(path), confine.WRITE) for path in (*room.writes, room.temporary)]
    lists = [(str(path), confine.LIST) for path in room.lists]
    return [*system, *devices, *lists, *reads, *writes]

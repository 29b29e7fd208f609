"""What a hostile program tries by system calls; writes one JSON object of how each went. Runs where a model would.

Arguments: pid of a process of ours, a file of ours, the path of a datagram socket of ours.
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
MEMFD, SHMGET, CLONE = (319, 29, 56) if os.uname().machine == "x86_64" else (279, 194, 220)
NEW_USER = 0x10000000


def call(number: int, *arguments: Any) -> str:
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"


def outcome(deed: Callable[[], Any]) -> str:
    try:
        deed()
    except (OSError, ValueError) as why:  # ValueError: a limit
        return type(why).__name__
    return "done"


def datagram(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", path)


def pair(path: str) -> None:
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", path)


def unshared() -> None:
    if libc.unshare(NEW_USER) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def forked() -> None:
    if (child := libc.syscall(CLONE, NEW_USER | signal.SIGCHLD, None, None, None, None)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    if child == 0:
        os._exit(0)


def joined_thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join(5)


def copied() -> None:
    with tempfile.NamedTemporaryFile() as one:
        Path(one.name).chmod(0o600)
        os.utime(one.name)


def main(pid: int, file: str, path: str) -> dict[str, str]:
    attacks: dict[str, Callable[[], Any]] = {
        "limit another's CPU": lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)),
        "pin another": lambda: os.sched_setaffinity(pid, {0}),
        "slow another": lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        "signal another": lambda: os.kill(pid, signal.SIGKILL),
        "a datagram": lambda: datagram(path),
        "a datagram by a pair": lambda: pair(path),
        "the network": lambda: socket.socket(socket.AF_INET),
        "nobody's memory": lambda: call(MEMFD, b"x", 0),
        "shared memory": lambda: call(SHMGET, 0, 4096, 0o1600),
        "a larger pipe": lambda: fcntl.fcntl(os.pipe()[0], 1031, 2**20),
        "a user namespace": unshared,
        "a process in one": forked,
        "raise its own limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    }
    needs: dict[str, Callable[[], Any]] = {
        "its own limits": lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
        "a thread": joined_thread,
        "a process": lambda: subprocess.run(["/bin/true"], check=True),
        "a stream pair": socket.socketpair,
        "mode and times of its own": copied,
    }
    said = {name: outcome(deed) for name, deed in {**attacks, **needs}.items()}
    for deed in (lambda: Path(file).chmod(0o666), lambda: os.utime(file, (1, 1))):
        outcome(deed)  # seems to work
    outcome(lambda: os.setxattr(file, "user.x", b"1"))
    return said


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), sys.argv[2], sys.argv[3])))

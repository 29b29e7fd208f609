"""Stands outside the sandbox and keeps one model server: starts it, bounds it, passes on SIGTERM, leaves nothing.

Lives on when the runner dies, so that the runner finds it again by pid and start time; ends with the lifeline. Its
last line on stderr that begins with `signoff: ` says why it ended.
"""

import argparse
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from serving import processes
from serving.contract import ContractError, Desired, Isolation, Layout, load
from serving.launching import LIFELINE, server_command, server_environment

DRAIN_S = 12.0  # the server takes 10 at most
LOOK_EVERY_S, GLANCE_EVERY_S = 0.5, 0.1
KILL_ROUNDS = 200
SUDDEN = 40  # more tasks on the machine since the last glance: worth a look at once
MOST_PROCESSES = 64
MOST_OPEN = 3072  # descriptors of all its processes: pipes and sockets hold memory that is counted as nobody's
FIRST_TO_GO = "800"  # where memory runs out the kernel ends the model, not us
OPEN_FILES = 4096
LARGEST_FILE = 2**30
MOST_FILES = 20_000  # in the model's temporary folder, and deleted but held open
COUNT_EVERY_S = 2.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
BY_SIGNAL = 128  # what a shell adds to the signal that ended a program
DEPTH = {"bubblewrap": 2, "landlock": 0, "none": 0}  # how far below our child the server is
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
libc = ctypes.CDLL(None)


def say(sentence: str) -> None:
    """Leave the reason where the runner reads it."""
    sys.stderr.write(f"signoff: {sentence}\n")


def bound(desired: Desired) -> None:
    """Set this process's limits and tie it to its parent; between fork and exec."""
    memory = desired.memory_mb * 2**20
    limits = {
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: LARGEST_FILE,
    }
    if desired.cpu_s is not None:
        limits[resource.RLIMIT_CPU] = desired.cpu_s
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))
    Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def start(layout: Layout, desired: Desired, isolation: Isolation) -> subprocess.Popen[bytes]:
    """Start the server in its sandbox."""
    return subprocess.Popen(  # noqa: S603 - the command is ours
        server_command(layout, desired, isolation),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        env=server_environment(layout, desired),
        cwd="/",
        preexec_fn=lambda: bound(desired),  # noqa: PLW1509 - this process has one thread
    )


def keep(child: subprocess.Popen[bytes], desired: Desired, depth: int, folder: Path) -> str:
    """Return once the server has ended, however that came: why it was killed, where we did it."""
    verdict = ""
    line, files = open_lifeline(), Files(child.pid, folder, desired.files_mb)
    deadline: float | None = None
    while child.poll() is None:
        came = waited()
        asked = (came is not None and came.si_signo != signal.SIGCHLD) or lifeline_ended(line)
        if asked and deadline is None:
            deadline = time.monotonic() + DRAIN_S
            pass_on(child.pid, depth)
        if deadline is not None and time.monotonic() > deadline:
            verdict = f"The model server did not stop within {DRAIN_S:.0f} s and was killed."
            kill(child)
        elif excess := excess_of(child.pid, desired) or files.excess():
            verdict = excess
            kill(child)
    return verdict


def waited() -> signal.struct_siginfo | None:
    """Return the signal that came, or nothing once it is time for a look: at once where many processes were started."""
    before, until = processes.tasks(), time.monotonic() + LOOK_EVERY_S
    while time.monotonic() < until:
        if came := signal.sigtimedwait(SIGNALS, GLANCE_EVERY_S):
            return came
        now = processes.tasks()
        if now - before > SUDDEN:
            return None
        before = now
    return None


def ended(code: int) -> str:
    """Return the end of a server that we did not kill; empty where it ended by itself. bwrap adds 128 to a signal."""
    number = -code if code < 0 else code - BY_SIGNAL
    return processes.killed_by(number) if number > 0 else ""


def pass_on(pid: int, depth: int) -> None:
    """Ask the server to drain. It is the first child of the first child where bubblewrap stands before it."""
    for _ in range(depth):
        below = processes.children(pid)
        pid = below[0] if below else pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def excess_of(pid: int, desired: Desired) -> str:
    """Return what the processes together use too much of; empty where nothing."""
    pids = [pid, *processes.descendants(pid)]
    if len(pids) > MOST_PROCESSES:
        return f"The model started {len(pids)} processes, over {MOST_PROCESSES}, and was killed."
    used = processes.resident_mb(pids)
    if used > desired.memory_mb:
        return f"The model used {used:.0f} MB of memory, over its {desired.memory_mb}, and was killed."
    if (count := processes.opened(pids)) > MOST_OPEN:
        return f"The model held {count} files, pipes and sockets open, over {MOST_OPEN}, and was killed."
    return ""


class Files:
    """What a model has written, counted now and then."""

    def __init__(self, pid: int, folder: Path, most_mb: int) -> None:
        self.pid, self.folder, self.most_mb, self.counted = pid, folder, most_mb, time.monotonic()

    def excess(self) -> str:
        """Return what is too much of it; empty where nothing is, or where it was counted just now."""
        if time.monotonic() - self.counted < COUNT_EVERY_S:
            return ""
        self.counted = time.monotonic()
        count, size = processes.written(self.folder, [self.pid, *processes.descendants(self.pid)], MOST_FILES)
        if count > MOST_FILES:
            return f"The model wrote more than {MOST_FILES} files, and was killed."
        if size > self.most_mb * 2**20:
            return f"The model wrote {size >> 20} MB of files, over its {self.most_mb}, and was killed."
        return ""


def kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and all below it; those that lost their parent are ours, as we are the subreaper.

    They are stopped before any is killed, again and again, so that those that start others do not get ahead of us.
    """
    child.kill()
    child.wait()
    for _ in range(KILL_ROUNDS):
        below = processes.descendants(os.getpid())
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not below:
            return


def open_lifeline() -> int | None:
    """Return the lifeline's descriptor, or None where there is none to hold."""
    path = os.environ.get(LIFELINE)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK) if path and Path(path).exists() else None


def lifeline_ended(line: int | None) -> bool:
    """Whether nobody holds the other end any more."""
    if line is None:
        return False
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return any(event & (select.POLLHUP | select.POLLIN) for _, event in poll.poll(0))


def main() -> int:
    """Keep one server until it ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--replica", required=True)
    parser.add_argument("--isolation", required=True, choices=list(DEPTH))
    given = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    layout = Layout(given.home)
    try:
        desired, folder = load(layout.launched(given.replica), Desired), layout.temporary(given.replica)
        child = start(layout, desired, given.isolation)
    except (OSError, ContractError) as why:
        say(f"The model server could not be started: {why}")
        return 1
    verdict, code = keep(child, desired, DEPTH[given.isolation], folder), child.returncode
    kill(child)
    if reason := verdict or ended(code):
        say(reason)
    return code if code >= 0 else BY_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main())

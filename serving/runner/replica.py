"""One replica: what it should be, what it is, and the next step from there."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from serving import uds
from serving.cleaning import cleaned
from serving.contract import Desired, Isolation, Layout, Observed, State, dump
from serving.runner import words
from serving.runner.lives import Life, begun
from serving.runner.pace import Pace
from serving.sandbox import Probe

READY = "/v2/health/ready"
OK = 200
MOST_KEPT = 64 * 2**20  # of a replica's records; its server turns them at a quarter, so what is longer is a flood
Work = Future[None]


@dataclass(frozen=True)
class Means:
    """What a replica needs from around it. Nothing here but `launch` and `isolate` runs on the runner's own thread."""

    layout: Layout
    prepare: Callable[[Desired], object]  # environment and artifact are in place; may take minutes
    isolate: Callable[[Desired], Probe]
    launch: Callable[[Layout, Desired, Isolation], subprocess.Popen[bytes]]
    builders: Executor
    lookers: Executor
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class Health:
    """What a model server said of itself when it was asked; `withheld` is shown to people, so it is cleaned."""

    is_ready: bool = False
    withheld: str = ""


class Replica:
    """One replica across its lives."""

    def __init__(self, means: Means, name: str) -> None:
        self.means, self.name, self.pace = means, name, means.pace
        self.desired: Desired | None = None
        self.wanted = False
        self.verdict = ""  # why its life is being ended
        self.life: Life | None = None
        self.launched: Desired | None = None  # what the life was started as
        self.state: State = "stopped"
        self.why = self.refusal = self.trouble = ""
        self.ended = self.held_in = ""  # how its last life ended, until the next is ready; what holds it in
        self.key, self.fence, self.digest = "", 0, ""
        self.isolation: Isolation = "none"
        self.preparing: Work | None = None
        self.looking: Future[Health] | None = None
        self.quick = self.silent = 0
        self.due = self.looked = self.since = 0.0
        self.reported: Observed | None = None

    # ── Orders ─────────────────────────────────────────────────────────────────────────────────────────────────

    def adopt(self, seen: Observed, life: Life | None, launched: Desired | None) -> None:
        """It is what it was when the runner last wrote it down."""
        self.key, self.fence, self.digest, self.isolation = seen.key, seen.fence, seen.digest, seen.isolation
        self.state, self.why, self.life, self.launched = seen.state, seen.why, life, launched
        self.trouble = seen.trouble
        self.desired, self.wanted, self.reported = launched, True, seen
        self.since = time.monotonic()
        if life is not None and seen.state == "draining":
            life.ask_to_end()  # nobody knows whether it was asked

    def order(self, desired: Desired) -> None:
        """It shall be this; unless the order is older than one already taken."""
        if desired.fence < self.fence:
            self.refuse(f"Refused: fence {desired.fence} is older than {self.fence}, whose order is taken.")
            return
        anew = self.desired is None or not runs_the_same(self.desired, desired) or not self.wanted
        self.desired, self.wanted, self.refusal = desired, True, ""
        self.key, self.fence, self.digest = desired.key, desired.fence, desired.digest
        if anew:
            self.quick, self.due = 0, 0.0

    def refuse(self, why: str) -> None:
        """The order that was taken before, if there was one, holds on."""
        self.refusal, self.wanted = why, True

    def dismiss(self) -> None:
        """It shall not run."""
        self.wanted, self.refusal, self.desired = False, "", None

    # ── Steps ──────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        """Do what can be done now; never waits."""
        if self.life is not None:
            self._tend(self.life)
        elif self.preparing is not None:
            self._look_at_preparation(self.preparing)
        elif not self.wanted:
            self._rest()
        elif self.desired is None:
            self._be("failed", self.refusal)
        elif time.monotonic() >= self.due:
            self._prepare(self.desired)

    def is_done(self) -> bool:
        """Whether nobody needs to hear of it any more."""
        return self.state == "stopped" and not self.wanted and self._for_s() > self.pace.keep_stopped_s

    def _tend(self, life: Life) -> None:
        if life.is_over():
            self._bury(life)
        elif self.verdict:
            life.kill()
        elif self.state == "draining":
            if self._for_s() > self.pace.drain_s:
                life.kill()
        elif not self._is_as_ordered():
            self._be("draining", "Asked to finish what it began, and to end.")
            life.ask_to_end()
        elif self.looking is None:
            self._look()
        elif self.looking.done():
            self._hear(life, self.looking.result())

    def _is_as_ordered(self) -> bool:
        return self.wanted and self.desired is not None and runs_the_same(self.launched, self.desired)

    def _prepare(self, desired: Desired) -> None:
        self._be("installing", "")
        self.preparing = self.means.builders.submit(lambda: void(self.means.prepare(desired)))
        self.launched = desired

    def _look_at_preparation(self, work: Work) -> None:
        if not work.done():
            return
        self.preparing = None
        if self.launched is None or not self._is_as_ordered():
            return  # the next step begins with the newer order
        if failure := work.exception():
            self._fail(cleaned(str(failure), ours=True) or type(failure).__name__)
        else:
            self._launch(self.launched)

    def _launch(self, desired: Desired) -> None:
        try:
            found = self.means.isolate(desired)
            _clear(self.means.layout.temporary(self.name), self.means.layout.evidence(self.name).name)
            self.life = begun(self.means.launch(self.means.layout, desired, found.isolation))
        except Exception as why:  # noqa: BLE001 - whatever it is, the other replicas go on
            self._fail(cleaned(str(why), ours=True) or type(why).__name__)
            return
        self.isolation, self.looking, self.silent = found.isolation, None, 0
        self.held_in = found.why
        self._be("starting", self.ended or found.why)

    def _fail(self, why: str) -> None:
        """It cannot even be started; that seldom heals soon."""
        self.quick = max(self.quick + 1, self.pace.quick_deaths)
        self._wait(why)

    def _bury(self, life: Life) -> None:
        """It has ended: as it was asked to, or it will be started again."""
        ran_s, verdict = life.ran_s(), self.verdict
        self.life, self.looking, self.verdict = None, None, ""
        if self.state == "draining" or not self.wanted:
            self.due = 0.0
            return
        said = verdict or words.of(self.means.layout, self.name, life.code())
        self.quick = self.quick + 1 if self.pace.is_quick(ran_s) or self.state != "ready" else 1
        at = time.strftime("%H:%M:%S UTC", time.gmtime())
        self.ended = f"It ended at {at} after {ran_s:.0f} s. {said}"
        self._wait(self.ended)

    def _wait(self, why: str) -> None:
        wait_s = self.pace.wait_s(self.quick)
        self.due = time.monotonic() + wait_s
        failed = self.pace.has_failed(self.quick)
        times = f" It ended {self.quick} times in a row." if failed and self.state != "installing" else ""
        self._be("failed" if failed else "starting", f"{why}{times} It is tried again in {wait_s:.0f} s.")

    def _look(self) -> None:
        """Ask whether it is ready, from another thread."""
        pause_s = self.pace.look_every_s if self.state == "ready" else 0.0
        if time.monotonic() - self.looked >= pause_s:
            self.looked = time.monotonic()
            self.looking = self.means.lookers.submit(health, self.means.layout.socket(self.name))

    def _hear(self, life: Life, heard: Health) -> None:
        self.looking = None
        self.silent = 0 if heard.is_ready else self.silent + 1
        self.trouble = heard.withheld or self.trouble
        if heard.is_ready and self.state == "starting":
            self.trouble, self.ended = self.ended or self.trouble, ""
            self._be("ready", self.held_in or self.why)
        elif self.state == "starting" and self._for_s() > self.pace.start_s:
            self._end(life, f"It was not ready after {self.pace.start_s:.0f} s and was killed.")
        elif self.state == "ready" and self.silent >= self.pace.silent_looks:
            self._end(life, f"It did not answer {self.silent} times in a row and was killed.")

    def _end(self, life: Life, why: str) -> None:
        """It ends at once, for this reason."""
        self.verdict = why
        life.kill()

    def _rest(self) -> None:
        if self.state != "stopped":
            self._be("stopped", "")
            self.means.layout.launched(self.name).unlink(missing_ok=True)
            _clear(self.means.layout.temporary(self.name), self.means.layout.evidence(self.name).name)
            self.means.layout.socket(self.name).unlink(missing_ok=True)

    # ── Reports ────────────────────────────────────────────────────────────────────────────────────────────────

    def report(self) -> None:
        """Write what it is, if that has changed or was written a while ago."""
        now = self.observed()
        last = self.reported
        if last is None or replace(last, at=now.at) != now or now.at - last.at > self.pace.report_every_s:
            dump(self.means.layout.observed(self.name), now)
            self.reported = now

    def observed(self) -> Observed:
        """Return what it is."""
        pid, started = (self.life.pid, self.life.started) if self.life else (None, None)
        parts = (self.name, self.key, self.fence, self.state, pid, started)
        socket = str(self.means.layout.socket(self.name))
        why = self.refusal or self.why
        return Observed(*parts, socket, self.digest, self.isolation, why, time.time(), self.trouble)

    def _be(self, state: State, why: str) -> None:
        if state != self.state:
            self.since = time.monotonic()
        self.state, self.why = state, why

    def _for_s(self) -> float:
        return time.monotonic() - self.since


def runs_the_same(one: Desired | None, other: Desired) -> bool:
    """Whether a model server need not be started anew to become the other."""
    return one is not None and replace(one, key=other.key, fence=other.fence, rollout_id=other.rollout_id) == other


def health(socket: Path) -> Health:
    """Return what the model server there says of itself; not ready where nobody answers."""
    try:
        status, body = uds.ask(socket, READY)
    except OSError:
        return Health()
    try:
        withheld = str(json.loads(body).get("withheld", ""))
    except (ValueError, AttributeError, RecursionError):
        withheld = ""
    return Health(status == OK, cleaned(withheld))


def void(_: object) -> None:
    """Nothing."""


def _clear(folder: Path, kept: str) -> None:
    """Empty what a replica wrote, but for its last records: who carries them removes them, maybe at the same time."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in list(folder.iterdir()):
            _drop(path, kept)
    with suppress(OSError):
        folder.rmdir()


def _drop(path: Path, kept: str) -> None:
    """Remove one thing, unless it is records of a bearable size; what is gone already is no fault."""
    with suppress(FileNotFoundError):
        if path.name.startswith(kept) and path.lstat().st_size <= MOST_KEPT:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

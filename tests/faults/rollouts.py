"""Many rollouts while processes are killed: all are real but the model servers, which are toys.

Engine 1 is the Celery worker, woken by Valkey; engine 2 goes round without a broker. On PostgreSQL both do, and the
database itself may stop for a while.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

from accounts.actors import Actor
from config import lifeline, valkey
from config.processes import workers
from deployments import endpoints, rollouts
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import ENDED, StepStatus
from deployments.watching import share_of
from monitoring import ingest
from serving import processes
from serving.contract import SHARES, ContractError, Desired, Inference, Layout, Routes, load
from serving.router import admin
from tests.deployments.story import AT_ONCE, locked_version
from tests.factories import make_model
from tests.serving import toy_runner
from tests.serving.waiting import until

ROOT = Path(__file__).resolve().parents[2]
BACK_AFTER_S = 0.5  # as the supervisor has it
PAUSE_S = 0.1
ENDS_S = 10.0  # what is tied to the supervisor
FEED_EVERY_S = 2.0
SUPERVISOR, MODEL_SERVER, DATABASE = "supervisor", "model server", "database"
DATABASE_AWAY_S = 10.0
BY_KERNEL = ("valkey", "router")  # these hold no lifeline: the kernel ends them with the supervisor
BLUE_GREEN = Plan.of({"strategy": "blue-green", "bake_s": 1})
RULES = {"guardrails": ["error"], "min_units": 5, "min_s": 0, "max_s": 120, "ratio_bound": None}
CANARY = Plan.of({"strategy": "canary", "shares": [20, 50], "rules": RULES})


class Plane:
    """Everything that moves a rollout on, each in a process that can be killed and comes back."""

    def __init__(self, home: Path, run: Path, databases: dict[str, Any] | None = None) -> None:
        self.layout, self.run = Layout(home), run
        self.environment = {**os.environ, "SIGNOFF_LOG_LEVEL": "error", "SIGNOFF_HOME": str(home)}
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)
        at = ["--home", str(home)]
        celery = next(process for process in workers() if process.name == "engine")
        loop = [sys.executable, "-m", "tests.faults.engine", *at]
        if databases:
            self.environment["ENGINE_DATABASES"] = json.dumps(databases)
        self.commands = {
            "valkey": list(valkey.process(home).command),
            "engine-1": loop if databases else list(celery.command),
            "engine-2": loop,
            "runner": toy_runner.command("runner", home),
            "follower": [sys.executable, "-m", "serving.router", "follow", *at],
            "router": [sys.executable, "-m", "serving.router", "serve", *at, "--port", "0"],
        }
        self.start_all()

    def start_all(self) -> None:
        """Start everything, tied to one lifeline."""
        self.tied = ExitStack()
        self.environment[lifeline.VARIABLE] = str(self.tied.enter_context(lifeline.offered(self.run)))
        self.running = {name: self.start(name) for name in self.commands}

    def start(self, name: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start it; always from the main thread, with which Envoy ends."""
        return subprocess.Popen(self.commands[name], cwd=ROOT, env={**self.environment, **more})

    def kill(self, name: str) -> None:
        """It is gone at once, and back a little later."""
        if name == SUPERVISOR:
            return self.kill_supervisor()
        if name == MODEL_SERVER:
            return self.kill_model_server()
        if name == DATABASE:
            return interrupt_database()
        self.running[name].kill()
        self.running[name].wait()
        time.sleep(BACK_AFTER_S)
        self.running[name] = self.start(name)
        return None

    def kill_supervisor(self) -> None:
        """Whoever is tied to it ends by itself, model servers too, before everything is started again."""
        self.tied.close()
        for name in BY_KERNEL:
            self.running[name].kill()
        for popen in self.running.values():
            popen.wait(ENDS_S)
        until(lambda: not self.servers(), ENDS_S)
        time.sleep(BACK_AFTER_S)
        self.start_all()

    def kill_model_server(self) -> None:
        """One of those that run; the runner starts it again."""
        pids = [pid for mine in self.servers().values() for pid in mine]
        if pids:
            os.kill(random.choice(pids), signal.SIGKILL)  # noqa: S311 - no secret

    def stop(self) -> None:
        for popen in self.running.values():
            popen.send_signal(signal.SIGCONT)
            popen.kill()
            popen.wait()
        self.tied.close()

    def answer(self, endpoint: str) -> str | None:
        """Return the version that answers now, or None where the request is refused or nobody listens."""
        try:
            address = f"http://127.0.0.1:{admin.port(self.layout.admin_socket)}/endpoints/{endpoint}/version"
            with urllib.request.urlopen(address, timeout=5) as said:
                return str(said.read().decode())
        except (OSError, urllib.error.HTTPError, admin.Silent):
            return None

    def servers(self) -> dict[str, list[int]]:
        """Return the pids of the model servers that run, by replica, as they themselves wrote them down."""
        found: dict[str, list[int]] = {}
        log = self.layout.home / "toys"
        if not log.exists():
            return found
        for words in (line.split() for line in log.read_text().splitlines() if line.startswith("start ")):
            if processes.started(int(words[2])):
                found.setdefault(words[1], []).append(int(words[2]))
        return found


def interrupt_database() -> None:
    """It stops under everybody, and is back later; this process finds it again as the others have to."""
    from tests.postgresql import Server  # noqa: PLC0415 - only this leg has the package

    Server(Path(connections["default"].settings_dict["HOST"])).interrupt(DATABASE_AWAY_S)
    connections.close_all()


@contextmanager
def running(home: Path, run: Path, databases: dict[str, Any] | None = None) -> Iterator[Plane]:
    """Run the plane as long as the block; nothing is left of it."""
    plane = Plane(home, run, databases)
    try:
        yield plane
    finally:
        plane.stop()


class Watch:
    """Looks at what engines wrote, all the time: a fence is never followed by an older one."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.over = layout, threading.Event()
        self.newest: dict[tuple[str, str], tuple[int, int]] = {}
        self.stale: list[str] = []
        self.thread = threading.Thread(target=self.look_on, daemon=True)
        self.thread.start()

    def look_on(self) -> None:
        while not self.over.wait(0.01):
            for path in self.layout.routes_folder.glob("[!.]*.json"):
                self.note(path, Routes)
            for path in self.layout.desired_folder.glob("[!.]*.json"):
                self.note(path, Desired)

    def note(self, path: Path, kind: type[Routes] | type[Desired]) -> None:
        try:
            said = load(path, kind)
        except (FileNotFoundError, ContractError):
            return
        now = (said.fence, said.version if isinstance(said, Routes) else 0)
        name = (path.parent.name, path.stem)
        if now < self.newest.get(name, (0, 0)):
            self.stale.append(f"{name}: {now} after {self.newest[name]}")
        self.newest[name] = max(now, self.newest.get(name, (0, 0)))

    def end(self) -> list[str]:
        self.over.set()
        self.thread.join()
        return self.stale


@dataclass
class Course:
    """What happened: every rollout, and when what was killed."""

    rollouts: list[Rollout] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)

    def waits_s(self) -> list[float]:
        """Return, for each kill and each rollout under way then, how long it took to get anywhere."""
        found = []
        for moment, _ in self.kills:
            for rollout in self.rollouts:
                steps = [step.ended_at for step in rollout.steps.all() if step.ended_at]
                ends = sorted(at.timestamp() for at in [*steps, rollout.ended_at] if at)
                if rollout.created_at.timestamp() < moment and (later := [at for at in ends if at > moment]):
                    found.append(later[0] - moment)
        return sorted(found)

    def row(self, database: str) -> str:
        """Return what happened as a row of the table in docs/explanation/what-survives.md."""
        waits_s, stops = self.waits_s(), [name for _, name in self.kills].count(DATABASE)
        ends = Counter(str(rollout.state) for rollout in self.rollouts)
        ended = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in ends.most_common())
        middle, late, longest = (waits_s[min(len(waits_s) - 1, int(len(waits_s) * part))] for part in (0.5, 0.99, 1.0))
        cells = [
            database, f"{len(self.rollouts):,}", f"{len(self.kills) - stops:,}", f"{stops:,}", ended,
            f"{middle:.1f}", f"{late:.1f}", f"{longest:.1f}", f"{os.getloadavg()[0]:.1f}",
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |"


class Story:
    """Endpoints that each get one version after another, each in another way, while things are killed.

    Canaries get evidence once they are watched, as from callers; now and then there is a rollback.
    """

    def __init__(self, plane: Plane, dana: Actor, eli: Actor, *, endpoints_wanted: int, seed: int) -> None:
        self.plane, self.dana, self.eli = plane, dana, eli
        self.chance, self.course = random.Random(seed), Course()  # noqa: S311 - no secret
        self.plans = itertools.cycle([CANARY, BLUE_GREEN, AT_ONCE])
        self.fed: dict[int, float] = {}
        self.endpoints = [self._endpoint(number) for number in range(endpoints_wanted)]

    def _endpoint(self, number: int) -> Endpoint:
        model = make_model(self.dana, f"Model-{number}")
        return endpoints.create_endpoint(f"ep-{number}", model=model, environment="staging", actor=self.eli)

    def tell(self, *, wanted: int, kills: int, within_s: float, database: int = 0) -> Course:
        """Bring `wanted` rollouts to an end with `kills` kills on the way; fail where that takes too long.

        So many times more it is the `database` that goes.
        """
        end, victims = time.monotonic() + within_s, list(itertools.islice(self._victims(), kills))
        for place in range(database):
            victims.insert((place + 1) * kills // (database + 1) + place, DATABASE)
        next_kill = time.monotonic() + 1
        while (live := self._keep_going(wanted)) or victims:
            assert time.monotonic() < end, [(rollout, rollout.why, rollout.state) for rollout in live]
            for rollout in live:
                self._feed(rollout)
            if victims and time.monotonic() >= next_kill:
                self._kill(victims.pop())
                next_kill = time.monotonic() + self.chance.uniform(0.3, 3.0)
            time.sleep(PAUSE_S)
        self.course.rollouts = [rollouts.whole(rollout.pk) for rollout in self.course.rollouts]
        return self.course

    def _keep_going(self, wanted: int) -> list[Rollout]:
        """Start the next rollout wherever none is under way, up to `wanted` in all; return those under way."""
        live = list(Rollout.objects.exclude(state__in=ENDED).select_related("endpoint"))
        for endpoint in self.endpoints:
            if endpoint.pk not in {rollout.endpoint_id for rollout in live} and len(self.course.rollouts) < wanted:
                self.course.rollouts.append(self._next(endpoint))
                live.append(self.course.rollouts[-1])
        return live

    def _next(self, endpoint: Endpoint) -> Rollout:
        if rollouts.previous(endpoint) and self.chance.random() < 0.3:
            return rollouts.roll_back(endpoint, reason="worse", actor=self.eli)
        plan = next(self.plans) if endpoints.serving(endpoint) else AT_ONCE
        return rollouts.start(locked_version(endpoint.model, self.dana), endpoint, plan, actor=self.eli)

    def _feed(self, rollout: Rollout) -> None:
        """Let there be evidence of a canary that is watched."""
        step = rollout.steps.exclude(status=StepStatus.DONE).first()
        if step is None or step.name != "watch" or time.monotonic() - self.fed.get(step.pk, 0.0) < FEED_EVERY_S:
            return
        self.fed[step.pk] = time.monotonic()
        ingest.take([entry for number in range(60) for entry in self._request(rollout, share_of(step), number)])

    def _request(self, rollout: Rollout, share_pct: int, number: int) -> list[ingest.Entry]:
        """Return one request as router and model server write it down, divided as asked."""
        in_canary = self.chance.random() * 100 < share_pct
        canary = share_pct * SHARES // 100
        name = f"{rollout.pk}-{share_pct}-{number}-{self.chance.random()}"
        both = {"request_id": name, "endpoint": rollout.endpoint.name, "track": "canary" if in_canary else "stable"}
        drawn = {
            "rollout": str(rollout.uuid),
            "step": str(share_pct),
            "share": canary if in_canary else SHARES - canary,
        }
        line = {
            "time": time.time(),
            "unit": None,
            "path": "/invocations",
            "status": 200,
            "duration_ms": 3,
            "attempts": 1,
        }
        answer = {
            "type": Inference.KIND, "model": "m", "version": "1", "digest": "d", "at_ms": int(time.time() * 1000),
            "latency_ms": 1.5, "status": 200, "rows": 1, "prediction": [1],
        }  # fmt: skip
        said = {"inference": {**both, **answer}, "routed": {**both, **drawn, **line}}
        return [ingest.Entry(f"{name}-{kind}"[:40], kind, json.dumps(body).encode()) for kind, body in said.items()]

    def _kill(self, name: str) -> None:
        self.course.kills.append((time.time(), name))
        self.plane.kill(name)

    def _victims(self) -> Iterator[str]:
        """Yield whom to kill: each kind has its turn, in any order."""
        kinds = [*self.plane.commands, MODEL_SERVER, SUPERVISOR]
        while True:
            yield from self.chance.sample(kinds, len(kinds))

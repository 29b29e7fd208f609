"""Rollouts survive everything: nothing is lost, applied twice or written by an engine that was overtaken."""

import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connections
from pytest_django import DjangoDbBlocker

from accounts.actors import COMMAND, Actor, Via, person
from accounts.users import create_user
from audit.models import Event
from config.valkey import answers
from core import clock, hints
from core.home import since_beat_s
from deployments import endpoints, rollouts
from deployments.models import Endpoint, Rollout, RolloutStep
from deployments.states import RolloutState, StepStatus
from deployments.targets.local import fences
from serving.contract import Layout, Routes, load
from tests.conftest import PEOPLE
from tests.copies import copied_database
from tests.deployments.story import AT_ONCE, locked_version
from tests.faults.rollouts import MODEL_SERVER, SUPERVISOR, Plane, Story, Watch, running
from tests.serving.waiting import until

pytestmark = pytest.mark.faults
RECOVERY_S = 30.0
SOAK = int(os.environ.get("SOAK_ROLLOUTS", "1000"))
POSTGRESQL = connections["default"].vendor == "postgresql"
SHARED = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")  # of a database's settings

only_sqlite = pytest.mark.skipif(POSTGRESQL, reason="the Celery worker shares a file with this process")


@pytest.fixture
def home(tmp_path: Path, settings: Any, django_db_blocker: DjangoDbBlocker, django_db_setup: None) -> Iterator[Path]:
    """A home whose databases this process and the engines share."""
    made = tmp_path / "home"
    made.mkdir()
    settings.HOME = made
    settings.REDIS_URL = f"unix://{Layout(made).broker_socket}"
    hints._sender.cache_clear()
    with django_db_blocker.unblock(), ExitStack() as copies:
        for alias, name in (("default", "signoff"), ("telemetry", "telemetry")):
            unique = f"{name}_{uuid.uuid4().hex}" if POSTGRESQL else name
            copies.enter_context(copied_database(connections[alias], made, unique))
        yield made
    hints._sender.cache_clear()


@pytest.fixture
def crew(home: Path) -> dict[str, Actor]:
    return {name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in PEOPLE.items()}


@pytest.fixture
def plane(home: Path, tmp_path: Path) -> Iterator[Plane]:
    kept = {name: connections[name].settings_dict for name in connections}
    shared = {name: {key: said[key] for key in SHARED} for name, said in kept.items()} if POSTGRESQL else None
    with running(home, tmp_path, shared) as made:
        yield made


@pytest.mark.parametrize(
    ("wanted", "kills", "away", "among", "within_s"),
    [
        pytest.param(
            8, 8, 0, 4, 120.0, marks=[pytest.mark.postgresql, pytest.mark.skipif(not POSTGRESQL, reason="fewer")]
        ),
        pytest.param(20, 10, 0, 5, 150.0, marks=pytest.mark.skipif(POSTGRESQL, reason="a few are enough there")),
        pytest.param(
            SOAK,
            SOAK // 2,
            SOAK // 50 if POSTGRESQL else 0,
            10,
            12.0 * SOAK,
            marks=[pytest.mark.soak, pytest.mark.postgresql],
        ),
    ],
)
def test_every_rollout_ends_as_it_should_whatever_is_killed(
    plane: Plane,
    crew: dict[str, Actor],
    capsys: pytest.CaptureFixture[str],
    wanted: int,
    kills: int,
    away: int,
    among: int,
    within_s: float,
) -> None:
    seed = int(time.time())
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    watch = Watch(plane.layout)
    story = Story(plane, crew["dana"], crew["eli"], endpoints_wanted=among, seed=seed)
    course = story.tell(wanted=wanted, kills=kills, within_s=within_s, database=away)
    with capsys.disabled():
        print(f"\n{course.row('PostgreSQL' if POSTGRESQL else 'SQLite')}")  # noqa: T201 - a row for the docs
    assert watch.end() == []
    assert {SUPERVISOR, MODEL_SERVER} <= {name for _, name in course.kills}
    assert len(course.kills) == kills + away
    assert [(row.pk, row.state, row.why) for row in course.rollouts if row.state != RolloutState.DONE] == []
    assert {row.plan.get("strategy") for row in course.rollouts} >= {"all-at-once", "blue-green", "canary"}
    assert len(course.rollouts) == wanted
    assert_each_step_was_done_once(sum(row.steps.count() for row in course.rollouts))
    for endpoint in story.endpoints:
        assert_what_runs_is_what_was_installed(plane, endpoint)
    waits_s = course.waits_s()
    assert waits_s
    print(f"longest waits {waits_s[-5:]}")  # noqa: T201 - as above
    assert waits_s[int(len(waits_s) * 0.99)] <= RECOVERY_S, waits_s[-5:]


def assert_each_step_was_done_once(steps_made: int) -> None:
    done = Event.objects.filter(action="rollout.step.done").values_list("object_id", "body")
    steps = Counter((number, bytes(body).partition(b'"key":"')[2][:60]) for number, body in done)
    assert set(steps.values()) == {1}
    assert len(steps) == steps_made


def assert_what_runs_is_what_was_installed(plane: Plane, endpoint: Endpoint) -> None:
    """The router's and the model servers' own records say what our rows say, and no more was done than that."""
    now, before = endpoints.serving(endpoint), rollouts.previous(endpoint)
    assert now
    until(lambda: plane.answer(endpoint.name) == str(now.version.version), 30)
    routes = load(plane.layout.routes(endpoint.name), Routes)
    assert (
        routes.version == RolloutStep.objects.filter(rollout__endpoint=endpoint, name__in=["route", "revert"]).count()
    )
    last = max(endpoint.rollouts.values_list("fence", flat=True))
    assert routes.fence <= fences.last(plane.layout.fence(endpoint.name)) <= last
    wanted = {f"v{row.version.version}" for row in (now, before) if row}
    until(lambda: versions_that_run(plane, endpoint) == Counter(wanted), 30)


def versions_that_run(plane: Plane, endpoint: Endpoint) -> Counter[str]:
    mine = {name: pids for name, pids in plane.servers().items() if name.startswith(f"{endpoint.name}-v")}
    return Counter({name.split("-")[-2]: len(pids) for name, pids in mine.items()})


@only_sqlite
@pytest.mark.parametrize("act", ["install", "route"])
def test_an_engine_that_was_paused_past_its_lease_writes_nothing(
    plane: Plane, crew: dict[str, Actor], act: str
) -> None:
    """It stops where only the target's fence can hold it: after its last look at its claim, before it writes."""
    story = Story(plane, crew["dana"], crew["eli"], endpoints_wanted=1, seed=1)
    endpoint = story.endpoints[0]
    for name in ("engine-1", "engine-2"):
        plane.running[name].kill()
        plane.running[name].wait()
    paused = plane.start("engine-2", STOP_BEFORE=act)
    plane.running["paused"] = paused
    version = locked_version(endpoint.model, crew["dana"])
    rollout = rollouts.start(version, endpoint, AT_ONCE, actor=crew["eli"])
    until(lambda: is_stopped(paused.pid), 30)
    assert rollout.steps.get(name=act).status == StepStatus.APPLIED
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now())  # it runs out, only sooner
    plane.running["engine-2"] = plane.start("engine-2")
    until(lambda: Rollout.objects.get(pk=rollout.pk).state == RolloutState.DONE, 30)
    before = told(plane.layout, rollout)
    paused.send_signal(signal.SIGCONT)
    time.sleep(1.5)
    assert not is_stopped(paused.pid)
    assert told(plane.layout, rollout) == before
    assert plane.answer(endpoint.name) == str(version.version)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def told(layout: Layout, rollout: Rollout) -> list[object]:
    """Return all that an engine could have written: orders, routes, fences, rows and events."""
    folders = (layout.desired_folder, layout.routes_folder, layout.root / "fences")
    files = sorted(path for folder in folders for path in folder.glob("[!.]*"))
    rows = list(Rollout.objects.filter(pk=rollout.pk).values("state", "fence", "holder"))
    steps = list(rollout.steps.values("status", "attempts", "ended_at"))
    return [[(path.name, path.stat().st_ino, path.read_bytes()) for path in files], rows, steps, Event.objects.count()]


@only_sqlite
def test_an_engine_killed_right_after_it_acted_is_followed_by_one_that_looks_first(
    plane: Plane, crew: dict[str, Actor]
) -> None:
    story = Story(plane, crew["dana"], crew["eli"], endpoints_wanted=1, seed=1)
    endpoint = story.endpoints[0]
    for name in ("install", "route"):
        rollout = rollouts.start(locked_version(endpoint.model, crew["dana"]), endpoint, AT_ONCE, actor=crew["eli"])
        step = rollout.steps.get(name=name)
        until(lambda step=step: applied(step), 20)  # type: ignore[misc]
        for engine in ("engine-1", "engine-2"):
            plane.kill(engine)
        Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now())  # it runs out, only sooner
        until(lambda pk=rollout.pk: Rollout.objects.get(pk=pk).state == RolloutState.DONE, 30)  # type: ignore[misc]
        step.refresh_from_db()
        assert step.attempts <= 2
    assert load(plane.layout.routes(endpoint.name), Routes).version == 2


def applied(step: Any) -> bool:
    step.refresh_from_db()
    return step.status in {StepStatus.APPLIED, StepStatus.DONE}


def only_celery(plane: Plane) -> redis.Redis:
    """Leave the Celery worker alone with its broker."""
    plane.running["engine-2"].kill()
    plane.running["engine-2"].wait()
    return redis.Redis(unix_socket_path=str(plane.layout.broker_socket), socket_timeout=5)


@only_sqlite
def test_hints_that_are_lost_or_come_many_times_change_nothing_but_the_time(
    plane: Plane, crew: dict[str, Actor]
) -> None:
    broker = only_celery(plane)
    story = Story(plane, crew["dana"], crew["eli"], endpoints_wanted=2, seed=2)
    for turn, endpoint in enumerate(story.endpoints * 2):
        rollout = rollouts.start(locked_version(endpoint.model, crew["dana"]), endpoint, AT_ONCE, actor=crew["eli"])
        if turn % 2:
            until(lambda: answers(plane.layout.broker_socket), 20)
            broker.flushall()  # the hint is gone, and whatever the worker would have called itself with
        else:
            for _ in range(50):
                hints.send(hints.MOVE_ROLLOUTS)
        until(lambda pk=rollout.pk: Rollout.objects.get(pk=pk).state == RolloutState.DONE, RECOVERY_S)  # type: ignore[misc]
    assert_each_step_was_done_once(12)


@only_sqlite
def test_without_its_broker_the_worker_moves_rollouts_on(plane: Plane, crew: dict[str, Actor]) -> None:
    only_celery(plane)
    story = Story(plane, crew["dana"], crew["eli"], endpoints_wanted=1, seed=3)
    endpoint = story.endpoints[0]
    until(lambda: since_beat_s("engine") is not None, 30)
    plane.running["valkey"].kill()
    plane.running["valkey"].wait()
    rollout = rollouts.start(locked_version(endpoint.model, crew["dana"]), endpoint, AT_ONCE, actor=crew["eli"])
    until(lambda: Rollout.objects.get(pk=rollout.pk).state == RolloutState.DONE, RECOVERY_S)

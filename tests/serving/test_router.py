"""The router with a real Envoy in front of small servers."""

import asyncio
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.contract import SHARES, ContractError, Layout, Routed, Routes, TrackRoute, dump, load, parse
from serving.router import admin, envoy, files, publish
from serving.router.listener import Door, listener
from serving.router.publish import Router, Stale, observed_share, observed_version
from serving.unit_names import key_of, name_of
from tests.serving.backends import Answer, Backends, Client, ask_all
from tests.serving.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SALT = "5a" * 32
HSTS_S = 600
OURS = {f"x-signoff-{name}": "forged" for name in ("track", "share", "step", "rollout")}


class Stage:
    """A home, its Envoy and the servers behind it."""

    def __init__(self, home: Path) -> None:
        self.layout = Layout(home)
        self.backends = Backends(self.layout)
        self.serve = self.command("serve", "--port", "0", "--hsts-s", str(HSTS_S))
        until(lambda: admin.is_ready(self.layout.admin_socket))
        self.router = Router(self.layout)
        self.version = 0
        self.port = 0

    def command(self, *words: str) -> "subprocess.Popen[bytes]":
        run = [sys.executable, "-m", "serving.router", words[0], "--home", str(self.layout.home), *words[1:]]
        return subprocess.Popen(run, cwd=ROOT)

    def routes(self, endpoint: str = "fraud", *, canary: int = 500, **parts: Any) -> Routes:
        self.version += 1
        tracks = (TrackRoute("stable", ("a", "b"), SHARES - canary), TrackRoute("canary", ("c",), canary))
        given: dict[str, Any] = {"rollout_id": "r1", "step": "s1", "tracks": tracks, "fence": 1, "salt": SALT, **parts}
        return Routes(endpoint, self.version, key=f"k{self.version}", **given)

    def apply(self, endpoint: str = "fraud", **parts: Any) -> Routes:
        routes = self.routes(endpoint, **parts)
        self.router.apply(routes)
        self.port = admin.port(self.layout.admin_socket)
        return routes

    def ask(self, asked: list[tuple[str, dict[str, str]]]) -> list[Answer]:
        return self.backends.run(ask_all(self.port, asked))

    def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.backends.run(Client(self.port).get(path, named))

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.layout.access_log.read_text().splitlines()]

    def logged(self, request_id: str) -> dict[str, Any]:
        return self.logged_all([request_id])[0]

    def logged_all(self, request_ids: list[str]) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}

        def all_there() -> bool:
            found.update((line["request_id"], line) for line in self.log())
            return found.keys() >= set(request_ids)

        until(all_there)
        return [found[request_id] for request_id in request_ids]

    def end(self) -> None:
        self.serve.kill()
        self.serve.wait()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("router"))
    stage.backends.start("a", "b", "c", "d")
    yield stage
    stage.end()


def track_of(answer: Answer) -> str:
    assert answer.status == 200
    return str(answer.body["headers"]["x-signoff-track"])


def test_requests_without_a_unit_are_divided_by_weight(stage: Stage) -> None:
    stage.apply(canary=500)
    before = stage.router.observe()["fraud"]
    n = 4000
    answers = stage.ask([("/endpoints/fraud/invocations", {})] * n)
    canary = Counter(map(track_of, answers))["canary"]
    assert abs(canary / n - 0.05) < 5 * math.sqrt(0.05 * 0.95 / n)
    assert {answer.body["replica"] for answer in answers} == {"a", "b", "c"}
    assert {answer.headers["strict-transport-security"] for answer in answers} == {f"max-age={HSTS_S}"}

    after = stage.router.observe()["fraud"]
    assert observed_share(before, after, "canary") == canary / n
    assert sum(after.requests.values()) - sum(before.requests.values()) == n


def test_a_unit_keeps_its_track_and_none_leaves_the_canary_as_it_grows(stage: Stage) -> None:
    asked = [("/endpoints/fraud/invocations", {"x-signoff-unit": f"customer-{n}"}) for n in range(1200)]
    last: set[int] = set()
    for share in (500, 2500, 10_000):
        stage.apply(canary=share)
        first, second = ({n for n, answer in enumerate(stage.ask(asked)) if track_of(answer) == "canary"} for _ in "12")
        assert first == second
        assert last <= first
        expected = share / SHARES * len(asked)
        assert abs(len(first) - expected) <= 5 * math.sqrt(expected)
        last = first


def test_another_salt_draws_other_units(stage: Stage) -> None:
    asked = [("/endpoints/fraud/invocations", {"x-signoff-unit": f"customer-{n}"}) for n in range(400)]
    drawn = []
    for salt in ("11" * 32, "22" * 32):
        stage.apply(canary=5000, salt=salt)
        drawn.append([track_of(answer) for answer in stage.ask(asked)])
    same = sum(a == b for a, b in zip(*drawn, strict=True))
    assert 130 < same < 270


def test_the_model_sees_the_routers_words_and_never_the_clients(stage: Stage) -> None:
    stage.apply(canary=0, step="s7", rollout_id="r9")
    answer = stage.get("/endpoints/fraud/v2/models/x?y=1", **OURS, x_envoy_upstream_rq_timeout_ms="1", x_wait="0.1")
    said = {name: text for name, text in answer.body["headers"].items() if name.startswith("x-signoff-")}
    assert said == {
        "x-signoff-track": "stable",
        "x-signoff-share": "10000",
        "x-signoff-step": "s7",
        "x-signoff-rollout": "r9",
    }
    assert answer.body["path"] == "/v2/models/x?y=1"
    assert "x-envoy-internal" not in answer.body["headers"]
    assert answer.headers["x-request-id"] == answer.body["headers"]["x-request-id"]
    assert stage.get("/endpoints/fraud/x", x_request_id="mine").headers["x-request-id"] == "mine"
    assert stage.get("/endpoints/fraud/x", x_request_id="m" * 200).status == 400


async def steady(port: int, per_s: float, until_set: asyncio.Event, headers: dict[str, str]) -> list[object]:
    """Ask at a rate over kept connections; whatever is not a 200 is in the result."""
    idle = [Client(port) for _ in range(16)]
    wrong: list[object] = []
    tasks = []

    async def one(client: Client) -> None:
        try:
            answer = await client.get("/endpoints/fraud/invocations", headers)
            wrong.extend([] if answer.status == 200 else [answer])
        except Exception as why:  # noqa: BLE001 - counted
            wrong.append(why)
        idle.append(client)

    begun, sent = time.monotonic(), 0
    while not until_set.is_set():
        while sent < (time.monotonic() - begun) * per_s and idle:
            tasks.append(asyncio.create_task(one(idle.pop(0))))
            sent += 1
        await asyncio.sleep(0.002)
    wanted = per_s * (time.monotonic() - begun)
    await asyncio.gather(*tasks)
    return [*wrong, *([f"only {sent} of {wanted:.0f} sent"] if sent < 0.9 * wanted else [])]


def test_a_hundred_changes_of_weights_lose_no_request(stage: Stage) -> None:
    stage.apply(canary=0)
    done = asyncio.Event()
    load = asyncio.run_coroutine_threadsafe(steady(stage.port, 500, done, {}), stage.backends.loop)
    took = []
    for change in range(100):
        begun = time.monotonic()
        routes = stage.apply(canary=(change * 37) % SHARES)
        took.append(time.monotonic() - begun)
        assert observed_version(stage.layout.admin_socket, "fraud") == routes.version
        time.sleep(0.03)
    stage.backends.loop.call_soon_threadsafe(done.set)
    assert load.result(20) == []
    assert sorted(took)[50] < 0.5


def test_rollouts_and_replicas_come_and_go_and_lose_no_request(stage: Stage) -> None:
    stage.apply(canary=5000, rollout_id="r0")
    done = asyncio.Event()
    headers = {"x-wait": "0.02"}
    load = asyncio.run_coroutine_threadsafe(steady(stage.port, 200, done, headers), stage.backends.loop)
    slow = asyncio.run_coroutine_threadsafe(
        Client(stage.port).get("/endpoints/fraud/x", {"x-wait": "1.5"}), stage.backends.loop
    )
    for change in range(15):
        replicas = (("a",), ("a", "b"), ("b", "d"))[change % 3]
        tracks = (TrackRoute("stable", replicas, 5000), TrackRoute("canary", ("c",), 5000))
        stage.apply(rollout_id=f"r{change // 2}", tracks=tracks)
        time.sleep(0.05)
    assert slow.result(5).status == 200
    stage.backends.loop.call_soon_threadsafe(done.set)
    assert load.result(20) == []
    here = {path.name for path in (stage.layout.router / "eds").iterdir()}
    assert {name for name in here if name.startswith("fraud")} == {"fraud~r7~canary.json", "fraud~r7~stable.json"}


def test_an_endpoint_without_replicas_and_an_unknown_one_say_so_in_json(stage: Stage) -> None:
    stage.apply("empty", tracks=(TrackRoute("stable", (), 0),))
    empty = stage.get("/endpoints/empty/invocations", x_request_id="e1")
    assert (empty.status, empty.body["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert empty.body["error"] == empty.body["message"] == files.EMPTY
    assert empty.body["request_id"] == "e1"
    assert empty.headers["strict-transport-security"] == f"max-age={HSTS_S}"
    unknown = stage.get("/endpoints/none/invocations")
    assert (unknown.status, unknown.body["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert stage.get("/endpoints/empty%2f..%2fnone/x").status == 404

    stage.apply("dead", tracks=(TrackRoute("stable", ("never-started",), SHARES),))
    dead = stage.get("/endpoints/dead/invocations", x_request_id="d1")
    assert (dead.status, dead.body["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "can be reached" in dead.body["error"]
    assert "/sockets/" not in json.dumps(dead.body)
    line = stage.logged("d1")
    assert (line["status"], line["track"], line["flags"]) == (503, "stable", "URX,UF")

    stage.router.withdraw("empty")
    stage.router.withdraw("dead")
    assert stage.get("/endpoints/empty/invocations").status == 404
    assert observed_version(stage.layout.admin_socket, "empty") == 0


def test_a_model_that_takes_too_long_is_given_up(stage: Stage) -> None:
    stage.apply("late", tracks=(TrackRoute("stable", ("a",), SHARES),), timeout_s=0.2)
    late = stage.get("/endpoints/late/x", x_wait="1")
    assert (late.status, late.body["error_code"]) == (504, "TIMED_OUT")
    stage.router.withdraw("late")


def test_a_replica_that_is_gone_costs_a_marked_retry_and_no_request(stage: Stage) -> None:
    stage.apply("pair", tracks=(TrackRoute("stable", ("a", "never-started"), SHARES),))
    answers = stage.ask([("/endpoints/pair/x", {})] * 60)
    attempts = Counter(answer.body["headers"]["x-envoy-attempt-count"] for answer in answers)
    assert {answer.status for answer in answers} == {200}
    assert 3 <= attempts["2"] + attempts["3"] < 30  # then nobody is sent there for a while
    retried = next(a for a in answers if a.body["headers"]["x-envoy-attempt-count"] == "2")
    assert stage.logged(retried.headers["x-request-id"])["attempts"] == 2
    stage.router.withdraw("pair")


@pytest.mark.parametrize("how", ["answers 500", "cannot be reached"])
def test_a_sick_canary_keeps_its_share_and_its_errors_are_its_own(stage: Stage, how: str) -> None:
    replicas = ("c", "d") if how == "answers 500" else ("gone-1", "gone-2")
    stage.backends.sick |= {"c", "d"}
    tracks = (TrackRoute("stable", ("a", "b"), 6000), TrackRoute("canary", replicas, 4000))
    stage.apply("sick", tracks=tracks)
    answers = stage.ask([("/endpoints/sick/x", {})] * 1000)
    lines = stage.logged_all([answer.headers["x-request-id"] for answer in answers])
    stage.router.withdraw("sick")
    stage.backends.sick.clear()
    failed = {(line["track"], line["status"] >= 500) for line in lines}
    assert failed == {("stable", False), ("canary", True)}
    assert 330 < sum(line["track"] == "canary" for line in lines) < 470  # four standard errors


def test_each_request_is_a_line_of_json(stage: Stage) -> None:
    routes = stage.apply(canary=10_000, step="s3", rollout_id="r4")
    answer = stage.get("/endpoints/fraud/invocations?secret=1", x_signoff_unit="customer-1", x_wait="0.05", **OURS)
    line = stage.logged(answer.headers["x-request-id"])
    assert line.pop("duration_ms") >= 50
    assert abs(float(line.pop("time")) - time.time()) < 60
    assert line.pop("bytes_out") > 0
    assert line == {
        "request_id": answer.headers["x-request-id"],
        "endpoint": "fraud",
        "version": routes.version,
        "rollout": "r4",
        "step": "s3",
        "cluster": "fraud/r4/canary",
        "track": "canary",
        "share": "10000",
        "unit": name_of("customer-1", key_of(SALT)),
        "method": "GET",
        "path": "/invocations",
        "status": 200,
        "attempts": 1,
        "flags": "-",
        "bytes_in": 0,
    }
    lost = stage.get("/nowhere", x_request_id="lost", **OURS)
    line = stage.logged(lost.headers["x-request-id"])
    assert (line["status"], line["cluster"], line["track"], line["step"]) == (404, None, None, None)


@pytest.mark.parametrize("unit", ["7", "1234567", "12345678", "x" * 15, "y" * 300])
def test_a_unit_is_named_by_a_keyed_hash(stage: Stage, unit: str) -> None:
    stage.apply(canary=500)
    answer = stage.get("/endpoints/fraud/x", x_signoff_unit=unit)
    assert stage.logged(answer.headers["x-request-id"])["unit"] == name_of(unit, key_of(SALT))


def test_a_shadow_gets_marked_copies_and_answers_nobody(stage: Stage) -> None:
    tracks = (TrackRoute("stable", ("a",), SHARES), TrackRoute("shadow", ("d",), SHARES))
    stage.apply("copied", tracks=tracks)
    stage.backends.seen.clear()
    answers = stage.ask([("/endpoints/copied/x", {})] * 20)
    assert {answer.body["replica"] for answer in answers} == {"a"}
    until(lambda: len(stage.backends.seen) == 40)
    copies = [headers for replica, headers in stage.backends.seen if replica == "d"]
    assert {(headers["x-signoff-track"], headers["host"]) for headers in copies} == {("shadow", "models")}
    assert {headers["x-request-id"] for headers in copies} == {answer.headers["x-request-id"] for answer in answers}
    stage.router.withdraw("copied")


def test_an_endpoint_may_have_a_host_name_of_its_own(stage: Stage) -> None:
    stage.apply("named", host="models", tracks=(TrackRoute("stable", ("d",), SHARES),))
    answer = stage.get("/invocations")
    assert (answer.status, answer.body["replica"], answer.body["path"]) == (200, "d", "/invocations")
    stage.router.withdraw("named")


def test_older_routes_are_refused_and_the_same_ones_accepted(stage: Stage) -> None:
    followed = stage.apply(canary=100, fence=5)
    stage.router.apply(followed)
    with pytest.raises(Stale, match="Fence 4 is older than 5"):
        stage.router.apply(stage.routes(canary=9000, fence=4))
    with pytest.raises(Stale, match="is not newer"):
        stage.router.apply(dataclasses.replace(followed, step="other"))
    assert observed_version(stage.layout.admin_socket, "fraud") == followed.version
    stage.apply(canary=200, fence=6)
    stage.router.withdraw("fraud")


def test_only_the_owner_reaches_the_administration_and_the_salts(stage: Stage) -> None:
    assert stage.layout.admin_socket.parent.stat().st_mode & 0o077 == 0
    assert stage.layout.router.stat().st_mode & 0o077 == 0


def written(layout: Layout, endpoint: str) -> Routed | None:
    try:
        return load(layout.routed(endpoint), Routed)
    except FileNotFoundError:
        return None


@pytest.mark.faults
def test_files_are_followed_across_the_death_of_either_process(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    follower = stage.command("follow")
    try:
        stage.backends.start("a", "b", "c")
        dump(stage.layout.routes("fraud"), first := stage.routes(fence=3))
        until(lambda: (said := written(stage.layout, "fraud")) and said.version == first.version)
        stage.port = admin.port(stage.layout.admin_socket)
        assert stage.get("/endpoints/fraud/x").status == 200

        dump(stage.layout.routes("fraud"), stage.routes(fence=2))
        until(lambda: (said := written(stage.layout, "fraud")) and "Fence 2 is older than 3" in said.why)
        (stage.layout.routes_folder / "broken.json").write_text("{")
        until(lambda: (said := written(stage.layout, "broken")) and "is not JSON" in said.why)
        assert stage.command("follow").wait(10) == 3

        follower.kill()
        follower.wait()
        assert stage.get("/endpoints/fraud/x").status == 200
        dump(stage.layout.routes("fraud"), second := stage.routes(fence=4, canary=7000))
        follower = stage.command("follow")
        until(lambda: (said := written(stage.layout, "fraud")) and said.version == second.version)
        assert load(stage.layout.routed("fraud"), Routed).shares == {"canary": 7000, "stable": 3000}

        stage.end()
        dump(stage.layout.routes("fraud"), third := stage.routes(fence=4, canary=8000))
        until(lambda: (said := written(stage.layout, "fraud")) and "does not run" in said.why)
        stage.serve = stage.command("serve", "--port", "0")
        until(lambda: (said := written(stage.layout, "fraud")) and said.version == third.version and not said.why)
        stage.port = admin.port(stage.layout.admin_socket)
        assert stage.get("/endpoints/fraud/x").status == 200

        stage.layout.routes("fraud").unlink()
        until(lambda: written(stage.layout, "fraud") is None)
        assert stage.get("/endpoints/fraud/x").status == 404
    finally:
        follower.kill()
        follower.wait()
        stage.end()


@pytest.mark.faults
def test_envoy_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-m", "serving.router", "serve", "--home", str(tmp_path), "--port", "0"]
    environment = {**os.environ, "LIFELINE": str(tmp_path / "none")}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    until(lambda: admin.is_ready(Layout(tmp_path).admin_socket))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not Path(f"/proc/{pid}/exe").exists())


EXAMPLE = Routes("fraud", 1, 1, "k", "r1", "s1", SALT, (TrackRoute("stable", ("a",), SHARES),))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"salt": "short"}, "salt should be"),
        ({"step": "a\r\nb"}, "step should be"),
        ({"rollout_id": "%x%"}, "rollout_id should be"),
        ({"endpoint": "../x"}, "endpoint should be"),
        ({"host": "*"}, "host should be"),
        ({"timeout_s": 0.0}, "timeout_s should be"),
        ({"tracks": (TrackRoute("stable", ("a",), 9_999),)}, "sum to 10000 and sum to 9999"),
        ({"tracks": (TrackRoute("stable", ("a",), 5_000),) * 2}, "Each track may stand once"),
        ({"tracks": (TrackRoute("stable", ("a",), 9_000), TrackRoute("canary", (), 1_000))}, "1000 on 0 replicas"),
        ({"tracks": (TrackRoute("stable", ("../a",), SHARES),)}, "replica should be"),
    ],
)
def test_routes_that_make_no_sense_are_refused(parts: dict[str, Any], why: str) -> None:
    with pytest.raises(ContractError, match=why):
        dataclasses.replace(EXAMPLE, **parts)


def test_routes_are_the_same_after_a_trip_through_a_file(tmp_path: Path) -> None:
    dump(tmp_path / "x.json", EXAMPLE)
    assert parse((tmp_path / "x.json").read_bytes(), Routes) == EXAMPLE


def test_shares_are_counted_between_two_looks() -> None:
    def look(version: int, **requests: int) -> Routed:
        return Routed("fraud", version, "k", 1, {}, requests, {}, "", 0.0)

    assert observed_share(look(1, stable=90, canary=10), look(2, stable=180, canary=20), "canary") == 0.1
    assert observed_share(look(1, stable=90, canary=10), look(1, stable=30, canary=10), "canary") == 0.25
    assert observed_share(look(1, stable=9), look(2, stable=9), "canary") is None
    assert observed_share(look(1, stable=9), look(2, stable=12, canary=1, shadow=9), "canary") == 0.25


@pytest.mark.parametrize("door", [Door("0.0.0.0"), Door("models.example.com")])
def test_the_router_listens_to_the_network_only_with_a_certificate(door: Door) -> None:
    with pytest.raises(envoy.Unstartable):
        envoy.refuse_open(door)
    envoy.refuse_open(Door("127.0.0.1"))
    envoy.refuse_open(Door("0.0.0.0", 1, "cert.pem", "key.pem"))


def test_without_tls_it_says_nothing_of_it(tmp_path: Path) -> None:
    (chain,) = listener(Layout(tmp_path), Door())["filter_chains"]
    assert "strict-transport-security" not in json.dumps(chain)


def test_a_router_that_does_not_run_has_the_files_for_when_it_does(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with pytest.raises(publish.Unconfirmed, match="does not run"):
        Router(layout).apply(EXAMPLE)
    assert json.loads(files.routes_path(layout).read_text())["resources"][0]["virtual_hosts"]
    assert Router(layout).table == {"fraud": EXAMPLE}

"""The engine with the real runner, the real router and a real model."""

import html
import json
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from audit.models import Event
from config.tasks import PAUSE_S
from deployments import autoscaling, endpoints, engine, fetching, rollouts, scaling, steering
from deployments.capacity import set_capacity
from deployments.models import Endpoint, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import ENDED, RolloutState
from deployments.targets.kinds import target
from monitoring import ingest
from monitoring.copies import standing
from monitoring.models import Copy, Prediction
from registry import listed_files, versions
from registry.models import ModelVersion
from registry.stores.s3 import Bucket
from serving import environments
from serving.contract import Layout, Routes, Token, load
from serving.evidence.carrier import Carrier
from serving.router import admin
from tests.deployments.story import signed
from tests.factories import make_model, make_run, put
from tests.monitoring.conftest import Stream, stream
from tests.serving.rig import TOKEN, Home, client_models, save_onnx
from tests.serving.test_together import Load, plane, predict
from tests.serving.waiting import until
from tests.web.test_access_matrix import BACKEND

__all__ = ["stream"]
pytestmark = [pytest.mark.faults, pytest.mark.django_db]
AT_ONCE = Plan(Strategy.ALL_AT_ONCE)
SPY = """
import socket

def attempt(deed):
    try:
        deed()
        return "done"
    except OSError as why:
        return type(why).__name__

def _load_pyfunc(path):
    home, network = attempt(lambda: open({secret!r}).read()), attempt(lambda: socket.create_connection({place}, 2))
    raise RuntimeError(f"home {{home}}, network {{network}}")
"""
GLUTTON = """
def _load_pyfunc(path):
    return [bytearray(2**26) for _ in range(64)]
"""
WITHHELD = "not given what it reached for"
SLEEPER = """
class Sleeper:
    def predict(self, table, params=None):
        if table["amount"].max() > 1000:
            {deed}
        return table["amount"].tolist()

def _load_pyfunc(path):
    return Sleeper()
"""
DEEDS = {  # what a model's own code does as it is asked, what its caller is answered, what the endpoint's page says
    "read": ("open({secret!r}).read()", 500, "not given what it reached for: (Permission|FileNotFound)Error"),
    "call": (
        "import socket; socket.create_connection({place}, 2)",
        500,
        "not given what it reached for: [A-Za-z]*Error",
    ),
    "die": ("import os; os.kill(os.getpid(), 9)", 503, r"The model server was killed by signal 9 \(SIGKILL\)"),
}
ATTACKS = {  # what a model's own code does as it is loaded, and what the deployment's page then says
    "spy": (
        SPY,
        "The model cannot be loaded: RuntimeError: home (Permission|FileNotFound)Error, network [A-Za-z]*Error",
    ),
    "glutton": (GLUTTON, "The model cannot be loaded: MemoryError"),
}


@pytest.fixture
def home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home for registry, target, runner and router together."""
    made = Home(tmp_path / "home")
    settings.HOME = made.layout.home
    monkeypatch.setattr(target("local"), "layout", Layout(made.layout.home))
    with plane(made.layout.home, tmp_path):
        yield made
    made.publishing.clear()
    shutil.rmtree(tmp_path, ignore_errors=True)


def held_version(endpoint: Endpoint, folder: Path, home: Home, actor: Actor) -> ModelVersion:
    """Return a new version with the folder's files, its environment locked and built."""
    run = make_run(actor)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        put(run, f"model/{path.relative_to(folder)}", path.read_bytes(), actor)
    put(run, "model/run.txt", run.run_id.encode(), actor)  # no two versions are the same bytes
    asked = versions.Registration(source=f"runs:/{run.run_id}/model", run_id=run.run_id)
    version = versions.register_version(endpoint.model, asked, actor=actor)
    digest = home.environment(folder)
    home.layout.lock(digest).parent.mkdir(parents=True, exist_ok=True)
    home.layout.lock(digest).write_bytes((home.layout.environment(digest) / environments.MARKER).read_bytes())
    version.environment = {**version.environment, "lock": digest}
    version.save(update_fields=["environment"])
    return version


def save_hostile(folder: Path, code: str, requirements: str) -> None:
    """Write a model's folder whose own code attacks as it is loaded."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "attack.py").write_text(code, encoding="utf-8")
    inputs = json.dumps([{"type": "double", "name": "amount", "required": True}])
    said = {
        "flavors": {"python_function": {"loader_module": "attack", "code": "code", "python_version": "3.11.2"}},
        "mlflow_version": "3.17.2",
        "signature": {"inputs": inputs, "outputs": None, "params": None},
    }
    (folder / "MLmodel").write_text(json.dumps(said), encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")


def ask(port: int, endpoint: str, amount: float) -> int:
    """Return the status an endpoint answers a row with."""
    body = json.dumps({"dataframe_records": [{"amount": amount}]}).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/endpoints/{endpoint}/invocations", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as why:
        return why.code


def answers(port: int, endpoint: str) -> bool:
    """Whether an endpoint predicts."""
    return ask(port, endpoint, 1.0) == 200


def says(client: Client, endpoint: str, sentence: str) -> bool:
    """Whether an endpoint's page says a sentence."""
    return re.search(sentence, page_of(client, f"/endpoints/{endpoint}")) is not None


def page_of(client: Client, path: str) -> str:
    """Return the page as people read it."""
    return html.unescape(client.get(path).content.decode())


def followed(rollout: Rollout, within_s: float = 60.0) -> float:
    """Let the engine work, and files come, until the rollout ends; return how long that took."""
    begun = time.monotonic()
    while rollout.state not in ENDED:
        assert time.monotonic() - begun < within_s, list(rollout.steps.values_list("name", "status", "observed"))
        engine.turn()
        fetching.fetch()
        time.sleep(PAUSE_S)
        rollout.refresh_from_db()
    return time.monotonic() - begun


def test_a_rollback_is_a_change_of_routes_and_loses_no_request(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor
) -> None:
    save_onnx(tmp_path / "onnx")
    endpoint = endpoints.create_endpoint("fraud", model=make_model(dana), environment="staging", actor=eli)
    for _ in range(2):
        version = held_version(endpoint, tmp_path / "onnx", home, dana)
        followed(rollouts.start(version, endpoint, AT_ONCE, actor=eli))
    load = Load(admin.port(home.layout.admin_socket))
    back = rollouts.roll_back(endpoint, reason="worse on weekends", actor=eli)
    took_s = followed(back)
    statuses = load.end()
    assert (back.state, back.version.version) == (RolloutState.DONE, 1)
    assert took_s < 2
    assert set(statuses) == {200}
    client = Client()
    client.force_login(eli.person, backend=BACKEND)
    assert back.back_s is not None
    assert back.back_s < 2
    assert "Restored in " in client.get(f"/deployments/{back.pk}").content.decode()


def test_a_model_in_a_bucket_is_signed_off_deployed_and_asked(
    bucket: Bucket, home: Home, tmp_path: Path, dana: Actor, rita: Actor, olga: Actor
) -> None:
    save_onnx(tmp_path / "onnx")
    endpoint = endpoints.create_endpoint("fraud", model=make_model(dana), environment="production", actor=olga)
    version = held_version(endpoint, tmp_path / "onnx", home, dana)
    assert not (home.layout.home / "blobs").exists()
    signed(version, endpoint, dana, rita)
    rollout = rollouts.start(version, endpoint, AT_ONCE, actor=olga)
    followed(rollout)
    assert rollout.state == RolloutState.DONE
    assert predict(admin.port(home.layout.admin_socket)) == 200
    assert version.manifest
    keys = {bucket._key(line.sha256) for line in listed_files.files_of(version.manifest)}
    listed = bucket.client.list_objects_v2(Bucket=bucket.bucket, Prefix=bucket._key("")[:-1])["Contents"]
    assert keys <= {entry["Key"] for entry in listed}


def test_what_is_sent_back_under_load_is_back_within_5_s_and_loses_no_request(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor
) -> None:
    save_onnx(tmp_path / "onnx")
    endpoint = endpoints.create_endpoint("fraud", model=make_model(dana), environment="staging", actor=eli)
    followed(rollouts.start(held_version(endpoint, tmp_path / "onnx", home, dana), endpoint, AT_ONCE, actor=eli))
    plan = Plan.of({"strategy": "canary", "shares": [50]})
    canary = rollouts.start(held_version(endpoint, tmp_path / "onnx", home, dana), endpoint, plan, actor=eli)
    begun = time.monotonic()
    while not canary.steps.filter(name="watch", status="applied").exists() and time.monotonic() - begun < 60:
        engine.turn()
        time.sleep(PAUSE_S)
    load = Load(admin.port(home.layout.admin_socket))
    time.sleep(1)
    steering.abort(canary, reason="the customer called", actor=eli)
    followed(canary)
    statuses = load.end()
    assert canary.state == RolloutState.ROLLED_BACK
    assert canary.back_s is not None
    assert canary.back_s < 5
    assert set(statuses) == {200}


def test_copies_are_answered_compared_and_returned_to_nobody(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor, stream: Stream
) -> None:
    save_onnx(tmp_path / "onnx")
    endpoint = endpoints.create_endpoint("fraud", model=make_model(dana), environment="staging", actor=eli)
    followed(rollouts.start(held_version(endpoint, tmp_path / "onnx", home, dana), endpoint, AT_ONCE, actor=eli))
    plan = Plan.of({"strategy": "shadow", "rules": {"min_copies": 50, "min_s": 0}})
    shadow = rollouts.start(held_version(endpoint, tmp_path / "onnx", home, dana), endpoint, plan, actor=eli)
    carrier, load = Carrier(home.layout, stream.valkey.client), Load(admin.port(home.layout.admin_socket))
    gate = shadow.steps.get(name="gate")
    begun = time.monotonic()
    while not gate.observed and time.monotonic() - begun < 60:
        engine.turn()
        carrier.turn()
        ingest.drain()
        time.sleep(PAUSE_S)
        gate.refresh_from_db()
    assert set(load.end()) == {200}
    assert set(Copy.objects.values_list("version", "status").distinct()) == {("2", 200)}
    assert set(Prediction.objects.filter(answered=True).values_list("version", flat=True)) == {"1"}
    found = standing(str(shadow.uuid), 0.0)
    assert found.compared == found.agreeing >= 50
    assert "copies were answered alike" in gate.observed["sentence"]
    steering.open_gate(shadow, reason="the same bytes", actor=eli)
    assert followed(shadow) < 10
    assert shadow.state == RolloutState.DONE


def test_a_hostile_model_is_stopped_and_the_deployments_page_says_why(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor
) -> None:
    model, client = make_model(dana), Client()
    client.force_login(eli.person, backend=BACKEND)
    requirements = (client_models() / "hostile" / "requirements.txt").read_text(encoding="utf-8")
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    started: dict[str, Rollout] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for name, (code, _) in ATTACKS.items():
            places = {"secret": str(tmp_path / "secret"), "place": listener.getsockname()}
            save_hostile(tmp_path / name, code.format(**places), requirements)
            endpoint = endpoints.create_endpoint(name, model=model, environment="staging", actor=eli)
            version = held_version(endpoint, tmp_path / name, home, dana)
            started[name] = rollouts.start(version, endpoint, AT_ONCE, actor=eli)
        for rollout in started.values():
            followed(rollout, within_s=180)
    for name, (_, sentence) in ATTACKS.items():
        page = page_of(client, f"/deployments/{started[name].pk}")
        assert started[name].state == RolloutState.ROLLED_BACK
        assert re.search(sentence, page), (name, started[name].why)
        assert "hunter2" not in page


def test_what_a_model_reaches_for_once_it_serves_is_withheld_and_the_endpoints_page_says_so(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor
) -> None:
    model, client = make_model(dana), Client()
    client.force_login(eli.person, backend=BACKEND)
    requirements = (client_models() / "hostile" / "requirements.txt").read_text(encoding="utf-8")
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for name, (deed, _, _) in DEEDS.items():
            does = deed.format(secret=str(tmp_path / "secret"), place=listener.getsockname())
            save_hostile(tmp_path / name, SLEEPER.format(deed=does), requirements)
            endpoint = endpoints.create_endpoint(name, model=model, environment="staging", actor=eli)
            version = held_version(endpoint, tmp_path / name, home, dana)
            assert followed(rollouts.start(version, endpoint, AT_ONCE, actor=eli), within_s=180)
        port = admin.port(home.layout.admin_socket)
        for name, (_, status, sentence) in DEEDS.items():
            home.tokens[TOKEN] = Token(name, "predict")
            until(partial(answers, port, name), within_s=20)
            assert ask(port, name, 1e6) == status
            until(partial(says, client, name, sentence), within_s=10)
            assert "hunter2" not in page_of(client, f"/endpoints/{name}")


def test_a_busy_endpoint_gets_model_servers_loses_none_of_its_requests_and_gives_them_up_again(
    home: Home, tmp_path: Path, dana: Actor, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "CALM_S", 8.0)
    requirements = (client_models() / "hostile" / "requirements.txt").read_text(encoding="utf-8")
    save_hostile(tmp_path / "slow", SLEEPER.format(deed="import time; time.sleep(0.2)"), requirements)
    endpoint = endpoints.create_endpoint("slow", model=make_model(dana), environment="staging", actor=eli)
    followed(rollouts.start(held_version(endpoint, tmp_path / "slow", home, dana), endpoint, AT_ONCE, actor=eli))
    set_capacity(endpoint, {"max_replicas": 3, "in_flight": 2}, actor=eli)
    home.tokens[TOKEN] = Token("slow", "predict")
    port, statuses, over = admin.port(home.layout.admin_socket), [], threading.Event()
    until(partial(answers, port, "slow"), within_s=20)

    def busy() -> None:
        while not over.is_set():
            statuses.append(ask(port, "slow", 1e6))

    def calm() -> None:
        while not over.is_set():
            statuses.append(ask(port, "slow", 1.0))
            time.sleep(0.1)

    def ready() -> int:
        autoscaling.scale()
        time.sleep(0.3)
        return len(load(home.layout.routes("slow"), Routes).tracks[0].replicas)

    callers = [threading.Thread(target=busy) for _ in range(8)]
    for caller in callers:
        caller.start()
    until(lambda: ready() == 3, within_s=90)
    over.set()
    for caller in callers:
        caller.join()
    over.clear()
    quiet = threading.Thread(target=calm)
    quiet.start()
    until(lambda: ready() == 1, within_s=60)
    until(lambda: ready() == 1 and len(list(home.layout.desired_folder.glob("slow-*.json"))) == 1, within_s=20)
    over.set()
    quiet.join()
    assert set(statuses) == {200}
    whys = [json.loads(bytes(event.body))["comment"] for event in Event.objects.filter(action="endpoint.scaled")]
    assert any("requests in flight, 2 wanted at each" in why for why in whys)
    assert any("were enough for 8 s" in why for why in whys)

"""What pods of another cluster fetch here and tell: by a token that is theirs, short-lived, and worth nothing later."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client

from accounts.actors import COMMAND, Actor, Via, person
from accounts.users import create_user
from deployments import endpoints, pods, rollouts
from deployments.models import Endpoint
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.targets.contract import Release
from deployments.targets.kubernetes.pods import ordered
from monitoring import ingest
from monitoring.models import Prediction
from registry import blobs, listed_files
from registry.models import ModelVersion
from serving import contract
from serving.contract import FOR_GOOD, Desired, Layout, TokenTable
from serving.pod import pull
from serving.pod.source import Later, Source
from serving.pod.tell import Teller
from tests.conftest import PEOPLE
from tests.factories import make_model, make_version
from tests.monitoring.conftest import Stream, stream
from tests.serving.rig import ROOT

__all__ = ["stream"]
AT_ONCE = Plan(Strategy.ALL_AT_ONCE)
LOCK = "# nothing\n"


class Quiet(WSGIRequestHandler):
    """Says nothing; a thread's connections end with its request."""

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def people(committed: None) -> dict[str, Actor]:
    """The named people, in a database that other threads see."""
    return {
        name: person(create_user(name, roles=PEOPLE[name], actor=COMMAND), Via.PASSWORD) for name in ("dana", "eli")
    }


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    made = make_version(make_model(dana), dana)
    lock = hashlib.sha256(LOCK.encode()).hexdigest()
    made.environment = {**made.environment, "lock": lock}
    made.save(update_fields=["environment"])
    path = Layout(Path(settings.HOME)).lock(lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LOCK, encoding="utf-8")
    return made


@pytest.fixture
def endpoint(version: ModelVersion, eli: Actor) -> Endpoint:
    made = endpoints.create_endpoint("fraud", model=version.model, environment="staging", actor=eli)
    rollouts.start(version, made, AT_ONCE, actor=eli)
    return made


def digest_of(version: ModelVersion) -> str:
    assert version.manifest is not None
    return version.manifest.digest


def at(later_s: float) -> Callable[[], float]:
    """Return a clock that goes wrong by so much."""
    moment = time.time() + later_s
    return lambda: moment


def token_of(endpoint: Endpoint, version: ModelVersion) -> str:
    return pods.mint(endpoint.name, digest_of(version), version.environment["lock"])[0]


def client(token: str) -> Client:
    return Client(headers={"authorization": f"Bearer {token}"})


def order_of(endpoint: Endpoint, version: ModelVersion) -> Desired:
    files = tuple((line.path, line.sha256, line.size) for line in listed_files.files_of(version.manifest))  # type: ignore[arg-type]
    release = Release(
        "r", endpoint.name, version.model.name, version.version, digest_of(version), files,
        version.environment["lock"], "5a17" * 8,
    )  # fmt: skip
    return contract.parse(ordered(release).encode(), Desired)


def test_a_pod_reads_what_its_token_is_for_and_nothing_else(endpoint: Endpoint, version: ModelVersion) -> None:
    by, digest = client(token_of(endpoint, version)), digest_of(version)
    said = by.get(f"/api/v1/pods/{digest}/manifest").json()
    assert said["digest"] == digest
    line = said["files"][0]
    whole = b"".join(by.get(f"/api/v1/pods/{digest}/files/{line['sha256']}"))
    assert hashlib.sha256(whole).hexdigest() == line["sha256"]
    rest = by.get(f"/api/v1/pods/{digest}/files/{line['sha256']}", headers={"range": "bytes=3-"})
    assert (rest.status_code, b"".join(rest)) == (206, whole[3:])
    beyond = by.get(f"/api/v1/pods/{digest}/files/{line['sha256']}", headers={"range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert by.get(f"/api/v1/pods/{digest}/lock").content.decode() == LOCK
    assert by.get(f"/api/v1/pods/{'0' * 64}/manifest").status_code == 404
    assert by.get(f"/api/v1/pods/{digest}/files/{'0' * 64}").status_code == 404
    assert by.get("/api/v1/models").status_code == 401


def test_a_pod_learns_who_may_ask_its_endpoint_and_no_other(
    endpoint: Endpoint, version: ModelVersion, eli: Actor
) -> None:
    other = endpoints.create_endpoint("other", model=version.model, environment="staging", actor=eli)
    mine, text = endpoints.mint_endpoint_token(endpoint, label="a", days=1, actor=eli)
    endpoints.mint_endpoint_token(other, label="b", days=1, actor=eli)
    said = client(token_of(endpoint, version)).get(f"/api/v1/pods/{digest_of(version)}/tokens")
    table = contract.parse(said.content, TokenTable)
    assert table.tokens.keys() == {mine.sha256}
    assert text not in said.content.decode()


def test_a_token_ends_with_its_time_and_with_the_version_it_was_for(
    endpoint: Endpoint, version: ModelVersion, eli: Actor
) -> None:
    token, path = token_of(endpoint, version), f"/api/v1/pods/{digest_of(version)}/manifest"
    assert client(token).get(path).status_code == 200
    with patch.object(time, "time", at(pods.TTL_S + 1)):
        late = client(token).get(path)
    assert late.status_code == 401
    assert "expired" in late.json()["message"]
    assert client(token[:-2] + "xx").get(path).status_code == 401
    rollout = endpoint.rollouts.get()
    rollouts.cancel(rollout, reason="no longer", actor=eli)
    gone = client(token).get(path)
    assert gone.status_code == 401
    assert "any more" in gone.json()["message"]


@pytest.fixture
def address(people: dict[str, Actor], django_db_blocker: Any) -> Iterator[str]:
    """The product's own HTTP, on a database whose transactions commit."""
    app = get_wsgi_application()

    def apart(environ: Any, begin: Any) -> Iterator[bytes]:
        with django_db_blocker.unblock():
            try:
                yield from app(environ, begin)
            finally:
                connections.close_all()

    server = make_server("127.0.0.1", 0, apart, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def source(address: str, endpoint: Endpoint, version: ModelVersion, tmp_path: Path) -> Source:
    token = tmp_path / "token"
    token.write_text(token_of(endpoint, version), encoding="utf-8")
    return Source(address, token, digest_of(version))


def run(command: str, source: Source, order: Desired, home: Path, words: Path) -> "subprocess.CompletedProcess[str]":
    """Run one of a pod's containers as the cluster does."""
    said = {
        "POD_HOME": str(home), "POD_ORDER": contract.text_of(order), "POD_SIGNOFF": source.address,
        "POD_TOKEN": str(source.token), "POD_PORT": "0", "POD_WORDS": str(words),
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "UV_OFFLINE": "1",
    }  # fmt: skip
    python = [sys.executable, "-m", "serving.pod", command]
    return subprocess.run(python, env=said, cwd="/", capture_output=True, text=True, timeout=60, check=False)


def test_the_puller_brings_exactly_what_was_signed(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    order, home = order_of(endpoint, version), tmp_path / "pod"
    done = run("pull", source, order, home, tmp_path / "words")
    assert done.returncode == 0, done.stderr
    layout = Layout(home)
    found = {path.name for path in layout.artifact(order.digest).iterdir()}
    assert found == {line.path for line in listed_files.files_of(version.manifest)}  # type: ignore[arg-type]
    assert (layout.environment(order.lock_digest) / "bin" / "python").exists()
    launched = contract.load(layout.launched(order.replica), Desired)
    assert launched.manifest
    assert source.token.read_text() not in "".join(
        path.read_text(errors="replace") for path in home.rglob("*.json") if path.is_file()
    )


def test_one_byte_that_differs_ends_the_pull_for_good(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    order, words = order_of(endpoint, version), tmp_path / "words"
    line = listed_files.files_of(version.manifest)[0]  # type: ignore[arg-type]
    path = blobs.blob_path(line.sha256)
    kept, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    try:
        path.write_bytes(b"X" + kept[1:])
        done = run("pull", source, order, tmp_path / "pod", words)
    finally:
        path.write_bytes(kept)
        path.chmod(mode)
    assert done.returncode == FOR_GOOD
    assert "other bytes" in words.read_text()
    assert not Layout(tmp_path / "pod").artifact(order.digest).exists()


def test_a_pull_that_was_cut_goes_on_where_it_ended(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    order, layout = order_of(endpoint, version), Layout(tmp_path / "pod")
    line = next(one for one in listed_files.files_of(version.manifest) if one.path == "model.skops")  # type: ignore[arg-type]
    whole = b"".join(blobs.read_blob(line.sha256))
    layout.fetched_folder.mkdir(parents=True)
    part = layout.fetched(line.sha256).with_name(f".{line.sha256}.part")
    part.write_bytes(whole[:5])
    asked: list[str | None] = []
    real = Source._request

    def request(self: Source, address: str, heads: dict[str, str], body: bytes | None = None) -> Any:
        asked.append(heads.get("Range"))
        return real(self, address, heads, body)

    with patch.object(Source, "_request", request):
        pull.artifact(layout, order, source)
    assert [one for one in asked if one] == ["bytes=5-"]
    assert (layout.artifact(order.digest) / "model.skops").read_bytes() == whole


def test_what_a_wrong_beginning_spoilt_is_fetched_anew(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    order, layout = order_of(endpoint, version), Layout(tmp_path / "pod")
    line = next(one for one in listed_files.files_of(version.manifest) if one.path == "model.skops")  # type: ignore[arg-type]
    layout.fetched_folder.mkdir(parents=True)
    layout.fetched(line.sha256).with_name(f".{line.sha256}.part").write_bytes(b"wrong")
    pull.artifact(layout, order, source)
    assert hashlib.sha256((layout.artifact(order.digest) / "model.skops").read_bytes()).hexdigest() == line.sha256


def test_a_token_that_ran_out_is_said_in_a_sentence_and_may_do_better_later(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    with patch.object(time, "time", at(-pods.TTL_S - 60)):
        source.token.write_text(token_of(endpoint, version), encoding="utf-8")
    words = tmp_path / "words"
    done = run("pull", source, order_of(endpoint, version), tmp_path / "pod", words)
    assert done.returncode == 4
    assert words.read_text() == "Signoff says: The pod's token has expired."
    assert source.token.read_text() not in done.stderr


def test_signoff_out_of_reach_is_said_in_a_sentence(
    source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path
) -> None:
    away = Source("http://127.0.0.1:9", source.token, source.digest)
    with pytest.raises(Later, match="cannot be reached"):
        pull.artifact(Layout(tmp_path / "pod"), order_of(endpoint, version), away)


def line(number: int, **more: Any) -> bytes:
    said = {
        "request_id": f"r{number}", "at": "2026-11-28T15:00:00.000+00:00", "version": "1", "latency_ms": 1.5,
        "prediction": 1, "track": "stable", "share_pct": 100.0, **more,
    }  # fmt: skip
    return json.dumps(said).encode()


@pytest.fixture
def teller(source: Source, endpoint: Endpoint, version: ModelVersion, tmp_path: Path) -> Teller:
    layout, order = Layout(tmp_path / "pod"), order_of(endpoint, version)
    layout.temporary(order.replica).mkdir(parents=True)
    return Teller(layout, order, source)


def test_what_a_pod_answered_is_counted_once_however_often_it_is_told(
    stream: Stream, teller: Teller, endpoint: Endpoint, eli: Actor
) -> None:
    path = teller.layout.evidence(teller.order.replica)
    path.write_bytes(b"\n".join(line(n) for n in range(3)) + b"\n")
    teller.turn()
    again = Teller(teller.layout, teller.order, teller.source)
    again.turn()
    teller.kept.unlink()
    Teller(teller.layout, teller.order, teller.source).turn()
    with path.open("ab") as file:
        file.write(line(3) + b"\nno json\n")
    again.turn()
    ingest.drain()
    assert sorted(Prediction.objects.values_list("request_id", flat=True)) == ["r0", "r1", "r2", "r3"]
    assert again.refused == 1
    table = contract.load(teller.layout.tokens, TokenTable)
    assert table.published_at > time.time() - 60


def test_lines_wait_in_their_file_while_nobody_takes_them(stream: Stream, teller: Teller, endpoint: Endpoint) -> None:
    teller.layout.evidence(teller.order.replica).write_bytes(line(0) + b"\n")
    away = Teller(teller.layout, teller.order, Source("http://127.0.0.1:9", teller.source.token, teller.source.digest))
    with pytest.raises(Later):
        away.turn()
    teller.turn()
    ingest.drain()
    assert Prediction.objects.count() == 1


def test_many_lines_are_told_in_parts(stream: Stream, teller: Teller, endpoint: Endpoint) -> None:
    sent: list[int] = []
    real = Source.tell

    def tell(self: Source, lines: bytes) -> dict[str, Any]:
        sent.append(len(lines))
        return real(self, lines)

    text = b"\n".join(line(n, unit="u" * 200) for n in range(7_000)) + b"\n"
    teller.layout.evidence(teller.order.replica).write_bytes(text)
    with patch.object(Source, "tell", tell):
        for _ in range(4):
            teller.turn()
    assert len(sent) >= 2
    assert max(sent) <= 2**20
    assert sum(sent) == pytest.approx(len(text), abs=len(sent) + 1)

import gzip
import os
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from core.version import VERSION

pytestmark = pytest.mark.django_db


def test_a_server_that_works_says_so(client: Client) -> None:
    assert client.get("/livez").content == b"OK"
    assert client.get("/health").content == b"OK"
    assert client.get("/version").content.decode() == VERSION
    assert client.get("/readyz").json() == {"ready": True, "down": {}, "alerts": []}


def test_under_up_the_periodic_work_is_judged_and_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFELINE", "somewhere")
    record = Path(settings.HOME) / "run" / "tick.pid"
    beat = Path(settings.HOME) / "run" / "tick.beat"
    beat.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(f"{os.getpid()} None boot")
    beat.unlink(missing_ok=True)
    assert "not begun" in client.get("/readyz").json()["down"]["tick"]
    beat.touch()
    assert client.get("/readyz").status_code == 200
    os.utime(beat, (time.time() - 60, time.time() - 60))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "stands still" in answer.json()["down"]["tick"]
    beat.touch()
    record.write_text("999999999 1 boot")
    assert client.get("/readyz").json()["down"] == {"processes": "not running: tick"}
    record.unlink()
    assert client.get("/readyz").status_code == 200


def test_every_answer_carries_its_id_and_its_policy(client: Client) -> None:
    answer = client.get("/login", headers={"X-Request-Id": "abcdef-123456"})
    assert answer["X-Request-Id"] == "abcdef-123456"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert client.get("/login", headers={"X-Request-Id": "x" * 500})["X-Request-Id"] != "x" * 500


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_an_api_path_that_is_not_there_says_so_in_json(method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)("/api/2.0/mlflow/traces/nope")
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_programs_that_look_for_more_get_a_short_answer(client: Client) -> None:
    answer = client.get("/.well-known/databricks-config")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_own_rest_says_so_in_its_own_shape(client: Client) -> None:
    answer = client.get("/api/v1/nope")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "error_code" not in answer.json()


def test_a_page_goes_out_compressed_to_whoever_takes_that(client: Client) -> None:
    plain = client.get("/login")
    small = client.get("/login", headers={"accept-encoding": "gzip"})
    assert gzip.decompress(small.content)[:15] == plain.content[:15] == b"<!doctype html>"
    assert len(small.content) < len(plain.content) / 2
    assert "Accept-Encoding" in small["Vary"]


@pytest.mark.parametrize("path", ["/login", "/livez", "/models", "/api/2.0/mlflow/registered-models/search"])
def test_a_host_name_that_is_not_ours_is_refused_in_words(path: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    answer = Client(raise_request_exception=False).get(path, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert b"SIGNOFF_ALLOWED_HOSTS" in answer.content

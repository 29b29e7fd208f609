"""Predictions that were made elsewhere: told by line, counted once, and no more of them kept than the policy lets."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from core import clock
from deployments import endpoints
from deployments.models import Endpoint, EndpointToken
from monitoring import handed_over, ingest
from monitoring.models import FeatureSample, Prediction
from registry.models import RegisteredModel
from tests.factories import make_model, make_version
from tests.monitoring.conftest import Stream, stream

__all__ = ["stream"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
LINES = "application/x-ndjson"


@pytest.fixture
def fraud(dana: Actor, eli: Actor, stream: Stream) -> Endpoint:
    """An endpoint of a model with one version."""
    model = make_model(dana)
    make_version(model, dana)
    return endpoints.create_endpoint("fraud", model=model, environment="staging", actor=eli)


def client(endpoint: Endpoint, actor: Actor, use: str = "tell") -> Client:
    _, text = endpoints.mint_endpoint_token(endpoint, label="edge", days=1, use=use, actor=actor)
    return Client(headers={"authorization": f"Bearer {text}"})


def line(number: int, **more: Any) -> dict[str, Any]:
    told = {
        "request_id": f"r{number}",
        "at": clock.iso(clock.now()),
        "version": "1",
        "latency_ms": 4.5,
        "prediction": 1,
    }
    return {**told, **more}


def tell(by: Client, *lines: object, **headers: str) -> Any:
    body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    body = gzip.compress(body) if headers else body
    return by.post("/api/v1/ingest", body, content_type=LINES, headers=headers)


def test_what_is_told_is_counted_once_with_its_values(fraud: Endpoint, eli: Actor) -> None:
    by = client(fraud, eli)
    told = [line(n, score=0.9, unit="u1", features={"age": 30 + n}) for n in range(3)]
    told.append(line(9, status=500, track="canary", share_pct=5))
    for headers in ({}, {"content-encoding": "gzip"}):
        said = tell(by, *told, b"", **headers)
        assert (said.status_code, said.json()) == (202, {"taken": 4, "refused": 0, "problems": []})
        ingest.drain()
    rows = {row.request_id: row for row in Prediction.objects.all()}
    assert len(rows) == 4
    good, bad = rows["r1"], rows["r9"]
    assert (good.routed, good.answered, good.version, good.prediction, good.track) == (True, True, "1", 1, "stable")
    assert (good.unit, good.latency_ms, good.model) == ("u1", 4.5, "Fraud-Detection")
    assert (bad.status, bad.track, bad.share, bad.answered) == (500, "canary", 500, False)
    assert [row.columns for row in FeatureSample.objects.order_by("pk")] == [
        {"age": [30 + n], "prediction": [1]} for n in range(3)
    ]


def test_a_wrong_line_is_named_and_keeps_no_other_back(fraud: Endpoint, eli: Actor) -> None:
    wrong: dict[Any, str] = {
        b"{": "This is no JSON.",
        b"[1]": "A line is an object.",
        b'{"at": 1}': "request_id is a text",
    }
    for name, value, why in (
        ("request_id", "", "request_id is a text of 1"),
        ("request_id", "x" * 129, "request_id is a text of 1"),
        ("at", "yesterday", "at is a moment such as"),
        ("at", clock.iso(clock.now() + timedelta(hours=1)), "at is to come"),
        ("version", "2", "Fraud-Detection has no version 2"),
        ("version", None, "has no version"),
        ("track", "shadow", "track is stable or canary"),
        ("status", True, "status is a number from 100 to 599"),
        ("latency_ms", -1, "latency_ms is a number from 0"),
        ("latency_ms", "NaN", "latency_ms is a number from 0"),
        ("prediction", float("nan"), "NaN and infinity are no JSON"),
        ("features", [1], "features is an object"),
        ("colour", 1, "A line has no colour"),
        ("prediction", "x" * 70_000, "A line is 64 KiB at most"),
    ):
        wrong[json.dumps(line(1, **{name: value})).encode()] = why
    said = tell(client(fraud, eli), *wrong, line(7)).json()
    assert (said["taken"], said["refused"]) == (1, len(wrong))
    for number, (problem, why) in enumerate(zip(said["problems"], wrong.values(), strict=True), 1):
        assert problem["line"] == number
        assert why in problem["message"]
    ingest.drain()
    assert Prediction.objects.get().request_id == "r7"


def test_what_the_data_policy_keeps_back_is_not_on_the_stream(
    fraud: Endpoint, eli: Actor, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = {"share_pct": 100.0, "dropped": ["name"], "hashed": ["city"]}
    RegisteredModel.objects.update(data_policy=policy)
    put: list[tuple[str, bytes]] = []
    monkeypatch.setattr(handed_over, "onto_stream", put.extend)
    tell(client(fraud, eli), line(1, features={"name": "Ada", "city": "Bern", "age": 3}))
    columns = json.loads(put[1][1])["sample"]["columns"]
    assert columns.keys() == {"city", "age"}
    assert len(columns["city"][0]) == 16
    RegisteredModel.objects.update(data_policy={**policy, "share_pct": 0.0})
    tell(client(fraud, eli), line(2, features={"age": 3}))
    assert json.loads(put[3][1])["sample"] is None


def test_only_a_token_for_it_tells(fraud: Endpoint, eli: Actor) -> None:
    assert tell(Client(), line(1)).status_code == 401
    assert tell(client(fraud, eli, "predict"), line(1)).status_code == 401
    by = client(fraud, eli)
    EndpointToken.objects.filter(use="tell").update(revoked_at=clock.now())
    assert tell(by, line(1)).status_code == 401


def test_what_is_too_much_or_broken_is_refused_whole(
    fraud: Endpoint, eli: Actor, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = client(fraud, eli)
    bomb = gzip.compress(b" " * (handed_over.BYTES + 1))
    for body, encoding, status, why in (
        (bomb, "gzip", 400, "over 16 MiB"),
        (b"plain", "gzip", 400, "no gzip"),
        (gzip.compress(b"x" * 999)[:-9], "gzip", 400, "cut off"),
        (b"{}", "br", 400, "Content-Encoding"),
        (b"{}\n" * (handed_over.LINES + 1), "", 400, "10,001 lines"),
        (b"x" * 5_000_000, "", 400, "over 4 MiB"),
    ):
        headers = {"content-encoding": encoding} if encoding else {}
        said = by.post("/api/v1/ingest", body, content_type=LINES, headers=headers)
        assert (said.status_code, why in said.content.decode()) == (status, True), said.content
    monkeypatch.setattr(handed_over, "WAITING", -1)
    assert tell(by, line(1)).status_code == 503
    assert not ingest.drain()


def test_no_json_of_any_length_is_read_into_memory(fraud: Endpoint, eli: Actor) -> None:
    _, text = tokens.mint(eli.person, label="x", scopes=list(Scope), days=1, actor=eli, fresh=True)
    long = json.dumps({"endpoint": "fraud", "labels": ["x" * 5_000_000]})
    said = Client(headers={"authorization": f"Bearer {text}"}).post("/api/v1/labels", long, "application/json")
    assert (said.status_code, said.json()["message"]) == (400, "The body is over 4 MiB.")

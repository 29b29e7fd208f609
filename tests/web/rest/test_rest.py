import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from audit import seal
from audit.merkle import root_from_path
from audit.notes import opened
from deployments import endpoints
from deployments.models import Rollout
from tests.deployments.hands import Hands
from tests.deployments.story import locked_version, run
from tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db


class Caller:
    """Somebody with a token."""

    def __init__(self, actor: Actor, *scopes: Scope) -> None:
        chosen = scopes or (Scope.READ, Scope.WRITE)
        text = tokens.mint(actor.person, label="x", scopes=chosen, days=1, actor=actor, fresh=True)[1]
        self.headers = {"Authorization": f"Bearer {text}"}

    def __call__(self, method: str, path: str, **body: object) -> Any:
        sent = json.dumps(body) if body else ""
        return Client().generic(method, f"/api/v1/{path}", sent, "application/json", headers=self.headers)


def test_the_schema_is_openapi_3_1_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert capsys.readouterr().out.startswith("openapi: 3.1.0")


def test_a_whole_sign_off_by_rest(dana: Actor, rita: Actor, aude: Actor) -> None:
    make_version(make_model(dana), dana, metrics={"f1": 0.9})
    ask, judge, read = Caller(dana), Caller(rita, Scope.READ, Scope.DECIDE), Caller(aude, Scope.READ)
    move = {"model": "Fraud-Detection", "version": 1, "stage": "Production", "archive_existing": True}
    waiting = ask("POST", "moves", **move)
    assert waiting.status_code == 202
    request = waiting.json()["request"]
    assert request["subject"]["move"]["to"] == "Production"
    refused = ask(
        "POST",
        f"requests/{request['id']}/decisions",
        verdict="approve",
        subject_digest=request["subject_digest"],
        comment="me",
    )
    assert refused.status_code == 403
    stale = judge(
        "POST", f"requests/{request['id']}/decisions", verdict="approve", subject_digest="0" * 64, comment="fine"
    )
    assert (stale.status_code, stale.json()["error"]) == (409, "conflict")
    decided = judge(
        "POST",
        f"requests/{request['id']}/decisions",
        verdict="approve",
        subject_digest=request["subject_digest"],
        comment="fine",
    )
    assert decided.status_code == 201
    assert ask("POST", "moves", **move).json() == {"moved": True, "archived": [], "request": None}
    assert read("GET", "models/Fraud-Detection/versions/1").json()["stage"] == "Production"
    assert read("GET", f"requests/{request['id']}").json()["state"] == "executed"


def test_the_ledger_is_read_and_proved_by_rest(dana: Actor, aude: Actor) -> None:
    make_version(make_model(dana), dana)
    seal.seal()
    read = Caller(aude, Scope.READ)
    page = read("GET", "audit/events?limit=2&model=Fraud-Detection").json()
    assert [event["action"] for event in page["events"]] == ["version.registered", "model.created"]
    seq = page["events"][0]["seq"]
    assert read("GET", f"audit/events/{seq}").json() == page["events"][0]
    seal.seal()
    proof = read("GET", f"audit/events/{seq}/proof").json()
    said = opened(proof["checkpoint"], proof["verifier_key"])
    path = [bytes.fromhex(node) for node in proof["path"]]
    assert root_from_path(bytes.fromhex(proof["leaf"]), seq, said.size, path) == said.root
    assert read("GET", "audit/checkpoint").content.decode().startswith("signoff/ledger\n")


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("GET", "models/absent", {}, 404),
    ("POST", "models", {"name": "a/b"}, 400),
    ("POST", "models", {}, 400),
    ("POST", "moves", {"model": "x", "version": 1}, 400),
    ("POST", "moves", {"model": "x", "version": 1, "stage": "Live"}, 400),
    ("GET", "requests?before=x", {}, 400),
    ("GET", "requests?stat=open", {}, 400),
    ("GET", "me?limit=5", {}, 400),
    ("POST", "models?force=yes", {"name": "x"}, 400),
    ("GET", "requests/999999", {}, 404),
    ("DELETE", "models", {}, 405),
])  # fmt: skip
def test_bad_calls_are_refused_in_a_sentence(
    dana: Actor, method: str, path: str, body: dict[str, object], status: int
) -> None:
    answer = Caller(dana)(method, path, **body)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_a_wrong_token_is_told_what_to_do() -> None:
    answer = Client().get("/api/v1/me", headers={"Authorization": "Bearer so_nope"})
    assert answer.status_code == 401
    assert "token" in answer.json()["next_step"]


def test_a_rollout_by_rest_from_the_endpoint_to_its_withdrawal(dana: Actor, eli: Actor, hands: Hands) -> None:
    model = make_model(dana)
    for _ in range(2):
        locked_version(model, dana)
    ask, read = Caller(eli), Caller(dana, Scope.READ)
    made = ask("POST", "endpoints", name="fraud-staging", model=model.name, environment="staging")
    assert (made.status_code, made.json()["serving"]) == (201, None)
    plan = {"strategy": "all-at-once"}
    for version in (1, 2):
        started = ask("POST", "rollouts", endpoint="fraud-staging", version=version, plan=plan)
        assert (started.status_code, started.json()["state"]) == (201, "queued")
        run(hands, Rollout.objects.get(pk=started.json()["id"]))
    newest = read("GET", "rollouts?limit=1").json()[0]
    shown = read("GET", f"rollouts/{newest['id']}").json()
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("done", ["install", "route", "retire"])
    now = read("GET", "endpoints/fraud-staging").json()
    assert (now["serving"]["version"], now["serving"]["by"], now["serving"]["approved_in"]) == (2, "eli", None)
    assert [right["version"] for right in now["rights"]] == [2, 1]
    back = ask("POST", "endpoints/fraud-staging/rollback", reason="worse on weekends")
    assert (back.status_code, back.json()["version"], back.json()["kind"]) == (201, 1, "rollback")
    cancelled = ask("POST", f"rollouts/{back.json()['id']}/cancel", reason="better after all")
    assert (cancelled.json()["state"], cancelled.json()["why"]) == ("cancelled", "better after all")
    taken = ask("POST", "endpoints/fraud-staging/withdraw", version=2, reason="leaks ages")
    assert (taken.status_code, taken.json()["kind"]) == (202, "withdraw")
    run(hands, Rollout.objects.get(pk=taken.json()["id"]))
    assert read("GET", "endpoints/fraud-staging").json()["serving"]["version"] == 1
    listed = read("GET", "rollouts?endpoint=fraud-staging&state=cancelled").json()
    assert [row["id"] for row in listed] == [back.json()["id"]]
    assert ask("POST", f"rollouts/{taken.json()['id']}/intervene", do="resume", reason="x").status_code == 409
    refused = ask("POST", "rollouts", endpoint="fraud-staging", version=1, plan={"strategy": "teleport"})
    assert (refused.status_code, refused.json()["field"]) == (400, "strategy")


def test_an_endpoints_token_is_shown_once_and_revoked_by_rest(dana: Actor, eli: Actor) -> None:
    ask = Caller(eli)
    ask("POST", "endpoints", name="fraud-staging", model=make_model(dana).name, environment="staging")
    made = ask("POST", "endpoints/fraud-staging/tokens", label="checkout", days=1)
    assert made.status_code == 201
    assert made.json()["token"].startswith(f"se_{made.json()['prefix']}_")
    assert Caller(eli, Scope.READ)("POST", "endpoints/fraud-staging/tokens", label="x", days=1).status_code == 403
    assert ask("POST", f"endpoints/fraud-staging/tokens/{made.json()['id']}/revoke").status_code == 204
    assert endpoints.find_endpoint("fraud-staging", actor=eli).tokens.get().revoked_at


def test_production_is_refused_by_rest_without_a_signature(dana: Actor, olga: Actor) -> None:
    model, ask = make_model(dana), Caller(olga)
    locked_version(model, dana)
    ask("POST", "endpoints", name="fraud", model=model.name, environment="production")
    refused = ask("POST", "rollouts", endpoint="fraud", version=1, plan={"strategy": "all-at-once"})
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert "no unused approval" in refused.json()["message"]


def test_too_many_labels_are_refused_as_the_schema_says(dana: Actor, eli: Actor) -> None:
    ask = Caller(dana)
    endpoints.create_endpoint("fraud-staging", model=make_model(dana), environment="staging", actor=eli)
    labels = [{"request_id": f"q{number}", "label": 1} for number in range(10_001)]
    answer = ask("POST", "labels", endpoint="fraud-staging", labels=labels)
    assert (answer.json()["error"], answer.json()["message"][:17]) == ("too_large", "10,001 labels are")
    schema = Client().get("/api/v1/schema", {"format": "json"}, headers=ask.headers).json()
    assert sorted(schema["paths"]["/api/v1/labels"]["post"]["responses"]) == ["200", "400", "401", "403", "404"]
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"endpoint": "a", "endpoint": "b", "labels": []}', "stands twice"),
        (b'{"endpoint": "a", "labels": [{"request_id": "u\\ud800", "label": 1}]}', "surrogates"),
        (b'{"endpoint": "a", "labels": [{"request_id": "u\\u0000", "label": 1}]}', "NUL"),
        (b'{"endpoint": "a", "labels": [{"request_id": "u", "label": "\\ud800"}]}', "surrogates"),
        (b"[" * 100_000, "not valid JSON"),
        (b"{", "not valid JSON"),
    ],
)
def test_json_that_two_readers_would_take_otherwise_or_no_database_keeps_is_refused(
    dana: Actor, body: bytes, why: str
) -> None:
    answer = Client().generic("POST", "/api/v1/labels", body, "application/json", headers=Caller(dana).headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert why in answer.content.decode()

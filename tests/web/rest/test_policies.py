"""Own REST of policies, as a pipeline and a reviewer use it."""

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import COMMAND, Actor
from accounts.permissions import Scope
from registry.policies import book
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import text_of

pytestmark = pytest.mark.django_db
TEXT = text_of()
AT = "/api/v1/policies/careful"


class Caller:
    """A client with a person's token."""

    def __init__(self, actor: Actor, *scopes: Scope) -> None:
        _, text = tokens.mint(actor.person, label="t", scopes=list(scopes), days=1, actor=COMMAND, fresh=True)
        self.client = Client(headers={"Authorization": f"Bearer {text}"})

    def put(self, **body: object) -> tuple[int, dict[str, object]]:
        answer = self.client.put(AT, body, "application/json")
        return answer.status_code, answer.json()

    def post(self, path: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = self.client.post(AT + path, body, "application/json")
        return answer.status_code, answer.json()


def test_a_pipeline_puts_the_same_text_again_and_again(rita: Actor) -> None:
    pipeline = Caller(rita, Scope.WRITE)
    first, again, changed = (pipeline.put(text=text) for text in (TEXT, TEXT, text_of(order=11)))
    assert [status for status, _ in (first, again, changed)] == [201, 200, 201]
    assert first == (201, again[1])
    assert changed[1]["version"]["number"] == 2  # type: ignore[index]
    assert book.in_force() == []


def test_a_text_is_validated_without_being_kept(rita: Actor, dana: Actor) -> None:
    status, body = Caller(rita, Scope.WRITE).put(text=TEXT.replace("order: 10", "order: ten"), validate_only=True)
    assert (status, body["version"]) == (200, None)
    assert body["problems"] == [{"line": 3, "column": 1, "message": "'order' has to be a whole number, not text"}]
    assert Caller(rita, Scope.WRITE).put(text=TEXT, validate_only=True)[1]["problems"] == []
    wrong = Caller(rita, Scope.WRITE).put(text=text_of("other"), validate_only=True)[1]["problems"]
    assert wrong == [{"line": 2, "column": 1, "message": "the text is called other, not careful"}]
    assert Caller(rita, Scope.READ).client.get(AT).status_code == 404
    assert Caller(dana, Scope.WRITE).put(text=TEXT, validate_only=True)[0] == 403


def test_a_bad_text_is_refused_with_its_lines(rita: Actor) -> None:
    status, body = Caller(rita, Scope.WRITE).put(text="order: [")
    assert (status, body["field"]) == (400, "text")
    assert "line 1, column 9" in str(body["message"]) or "line 2" in str(body["message"])


def test_accepting_needs_the_scope_decide_and_the_digest(rita: Actor, rob: Actor, people: dict[str, Actor]) -> None:
    ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    version = Caller(rita, Scope.WRITE).put(text=TEXT)[1]["version"]
    said = {"digest": version["digest"], "comment": "agreed"}  # type: ignore[index]
    assert Caller(rob, Scope.WRITE).post("/versions/1/accept", **said)[0] == 403
    assert Caller(rita, Scope.DECIDE).post("/versions/1/accept", **said)[0] == 403
    judge = Caller(rob, Scope.DECIDE, Scope.READ)
    assert judge.post("/versions/1/accept", **{**said, "digest": "0" * 64})[0] == 409
    (outcome,) = judge.client.get(f"{AT}/versions/1/dry-run").json()
    assert outcome["differences"][0] == "Held to careful v1 instead of default v1."
    status, body = judge.post("/versions/1/accept", **said)
    assert (status, body["state"], body["decided_by"]) == (200, "active", "rob")
    (listed,) = judge.client.get("/api/v1/policies").json()
    assert [one["state"] for one in listed["versions"]] == ["active"]


def test_a_proposal_is_turned_down(rita: Actor, rob: Actor) -> None:
    Caller(rita, Scope.WRITE).put(text=TEXT)
    status, body = Caller(rob, Scope.DECIDE, Scope.READ).post("/versions/1/turn-down", comment="too slow")
    assert (status, body["state"]) == (200, "refused")


def test_the_schema_is_there_for_editors(aude: Actor) -> None:
    assert Caller(aude, Scope.READ).client.get("/api/v1/policy-schema").json()["title"] == "Signoff policy"

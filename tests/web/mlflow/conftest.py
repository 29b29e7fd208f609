"""People who call MLflow's REST through Django's test client."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import COMMAND, Actor
from accounts.permissions import Scope

BASE = "/api/2.0/mlflow/"


class Api:
    """Calls as one person, by token."""

    def __init__(self, actor: Actor, *scopes: Scope) -> None:
        user = actor.user
        assert user is not None
        wanted = scopes or [Scope.READ, Scope.WRITE]
        _, self.token = tokens.mint(user, label="t", scopes=wanted, days=1, actor=COMMAND, fresh=True)
        self.http = Client(headers={"Authorization": f"Bearer {self.token}"})

    def get(self, path: str, /, **query: Any) -> Any:
        return self.http.get(BASE + path, query)

    def send(self, method: str, path: str, body: Any = None, /, **fields: Any) -> Any:
        said = fields if body is None else body
        return self.http.generic(method, BASE + path, _bytes(said), content_type="application/json")

    def post(self, path: str, body: Any = None, /, **fields: Any) -> Any:
        return self.send("POST", path, body, **fields)

    def patch(self, path: str, body: Any = None, /, **fields: Any) -> Any:
        return self.send("PATCH", path, body, **fields)

    def delete(self, path: str, body: Any = None, /, **fields: Any) -> Any:
        return self.send("DELETE", path, body, **fields)


def _bytes(said: Any) -> bytes:
    return said if isinstance(said, bytes) else json.dumps(said).encode()


def refused(answer: Any, status: int, code: str, words: str = "") -> None:
    """Assert that the answer is this refusal in MLflow's form."""
    said = answer.json()
    assert (answer.status_code, said["error_code"]) == (status, code), said
    assert words in said["message"], said


@pytest.fixture
def api(dana: Actor) -> Api:
    """Dana, a data scientist."""
    return Api(dana)


@pytest.fixture
def engineer(eli: Actor) -> Api:
    """Eli, an ML engineer."""
    return Api(eli)

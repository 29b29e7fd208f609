"""A password sent with every call: asked for once a minute, throttled, and worth nothing the moment it is changed."""

import base64
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.http import HttpResponse
from django.test import Client

from accounts.actors import Actor
from accounts.models import User
from accounts.users import change_password, deactivate
from tests.factories import ask_production, make_model, make_version
from web import actors

pytestmark = pytest.mark.django_db
PASSWORD, NEW = "a long enough password", "another long password"
LOOK = "/api/2.0/mlflow/registered-models/search"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    actors._remembered.clear()
    yield
    actors._remembered.clear()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch, dana: Actor) -> list[str]:
    """dana can type a password; what is hashed is listed."""
    User.objects.filter(pk=dana.person.pk).update(password=make_password(PASSWORD))
    asked: list[str] = []
    verify = MD5PasswordHasher.verify

    def counted(self: MD5PasswordHasher, password: str, encoded: str) -> bool:
        asked.append(password)
        return verify(self, password, encoded)

    monkeypatch.setattr(MD5PasswordHasher, "verify", counted)
    return asked


def call(password: str = PASSWORD, name: str = "dana") -> HttpResponse:
    secret = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Client().get(LOOK, headers={"Authorization": f"Basic {secret}"})  # type: ignore[return-value]


def test_a_password_is_hashed_once_however_many_calls_bear_it(hashed: list[str]) -> None:
    assert [call().status_code for _ in range(20)] == [200] * 20
    assert hashed == [PASSWORD]


def test_after_a_minute_it_is_asked_for_again(hashed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    call()
    later = time.monotonic() + actors.REMEMBER_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert call().status_code == 200
    assert len(hashed) == 2


def test_what_is_remembered_holds_no_password(hashed: list[str]) -> None:
    call()
    assert len(actors._remembered) == 1
    assert PASSWORD.encode() not in repr(actors._remembered).encode()
    ((key, _),) = actors._remembered.items()
    assert len(key) == 32


def test_a_changed_password_ends_the_old_one_at_once(hashed: list[str], dana: Actor) -> None:
    assert call().status_code == 200
    change_password(User.objects.get(pk=dana.person.pk), password=NEW, actor=dana)
    assert call().status_code == 401
    assert call(NEW).status_code == 200


def test_whoever_is_deactivated_is_out_at_once(hashed: list[str], dana: Actor, ada: Actor) -> None:
    assert call().status_code == 200
    deactivate(dana.person, actor=ada)
    assert call().status_code == 401


def test_roles_are_read_at_every_call(hashed: list[str], dana: Actor) -> None:
    make = "/api/2.0/mlflow/registered-models/create"
    secret = base64.b64encode(f"dana:{PASSWORD}".encode()).decode()
    client = Client(headers={"Authorization": f"Basic {secret}"})
    assert client.post(make, {"name": "a"}, "application/json").status_code == 200
    dana.person.groups.clear()
    assert client.post(make, {"name": "b"}, "application/json").status_code == 403


def test_guessing_is_throttled_and_the_answer_is_one_that_clients_do_not_repeat(hashed: list[str]) -> None:
    for number in range(5):
        assert call(f"wrong {number}").status_code == 401
    guesses = len(hashed)
    assert [call(f"more {number}").status_code for number in range(5)] == [401] * 5
    last = call()  # not even the right one, for a quarter of an hour
    assert (last.status_code, last.json()["error_code"]) == (401, "UNAUTHENTICATED")  # type: ignore[attr-defined]
    assert "15 minutes" in last.json()["message"]  # type: ignore[attr-defined]
    assert len(hashed) == guesses


def test_a_guess_is_never_remembered(hashed: list[str]) -> None:
    call("wrong")
    call(name="nobody")
    assert actors._remembered == {}


def test_another_name_with_a_remembered_password_is_another_question(hashed: list[str], eli: Actor) -> None:
    call()
    assert call(name="eli").status_code == 401


def test_a_password_sent_along_decides_nothing(hashed: list[str], dana: Actor, rita: Actor) -> None:
    User.objects.filter(pk=rita.person.pk).update(password=make_password(PASSWORD))
    request = ask_production(make_version(make_model(dana), dana), dana)
    secret = base64.b64encode(f"rita:{PASSWORD}".encode()).decode()
    body = {"verdict": "approve", "comment": "fine", "subject_digest": request.subject_digest}
    answer = Client().post(
        f"/api/v1/requests/{request.pk}/decisions",
        body,
        "application/json",
        headers={"Authorization": f"Basic {secret}"},
    )
    assert answer.status_code == 403
    assert "A password sent along may not" in answer.json()["message"]
    assert hashed

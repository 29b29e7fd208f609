import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts import links
from accounts.actors import COMMAND, Actor
from accounts.models import User
from audit.models import Event

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"


@pytest.fixture
def rita_can_type(rita: Actor) -> Actor:
    User.objects.filter(pk=rita.person.pk).update(password=make_password(PASSWORD))
    return rita


def test_the_right_password_opens_a_session_and_the_ledger_says_how(client: Client, rita_can_type: Actor) -> None:
    answer = client.post("/login", {"username": "rita", "password": PASSWORD, "next": "/approvals"})
    assert (answer.status_code, answer["Location"]) == (302, "/approvals")
    assert b'"via":"password"' in bytes(Event.objects.filter(action="session.opened").latest("id").body)


def test_a_foreign_address_is_no_place_to_go_on_to(client: Client, rita_can_type: Actor) -> None:
    answer = client.post("/login", {"username": "rita", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_five_wrong_passwords_rest_the_name_even_for_the_right_one(client: Client, rita_can_type: Actor) -> None:
    answers = [client.post("/login", {"username": "rita", "password": "wrong"}) for _ in range(5)]
    assert answers[-1].status_code == 429
    assert b"Too many tries" in answers[-1].content
    assert int(answers[-1]["Retry-After"]) > 0
    answer = client.post("/login", {"username": "rita", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert Event.objects.filter(action="access.denied", object_label="rita").count() == 1


def test_a_link_is_looked_at_without_being_used_up_and_used_once(client: Client, rita: Actor) -> None:
    path = f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}"
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 200
    assert client.post(path)["Location"] == "/"
    assert b'"via":"sign-in-link"' in bytes(Event.objects.filter(action="session.opened").latest("id").body)
    assert Client().get(path).status_code == 403


def test_a_link_from_another_host_is_refused(rita: Actor) -> None:
    path = f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}"
    assert Client(REMOTE_ADDR="203.0.113.9").get(path).status_code == 403


def test_the_first_admin_sets_up_and_nobody_after_her(client: Client) -> None:
    path = f"/setup/{links.make_link(None, actor=COMMAND)}"
    assert client.post(path, {"username": "boss", "password": "short"}).status_code == 400
    assert client.post(path, {"username": "boss", "password": PASSWORD})["Location"] == "/"
    assert Client().post(path, {"username": "second", "password": PASSWORD}).status_code == 403
    assert User.objects.filter(groups__name="admin").count() == 1


def test_signing_out_ends_the_session(client: Client, rita: Actor) -> None:
    client.post(f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}")
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/approvals")["Location"].startswith("/login")


def test_a_deactivated_persons_session_is_over(client: Client, rita: Actor) -> None:
    client.post(f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}")
    User.objects.filter(pk=rita.person.pk).update(is_active=False)
    assert client.get("/approvals")["Location"].startswith("/login")

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts import links
from accounts.actors import COMMAND, Actor
from accounts.models import User
from audit.models import Event
from tests.factories import make_model

pytestmark = pytest.mark.django_db
PASSWORD, NEXT = "a long enough password", "another long password"
CHOICE = {"theme": "dark", "density": "compact", "times": "local", "rows": "25"}
BACKEND = "django.contrib.auth.backends.ModelBackend"


def browser(actor: Actor, password: str = "") -> Client:
    if password:
        User.objects.filter(pk=actor.person.pk).update(password=make_password(password))
    client = Client()
    client.force_login(User.objects.get(pk=actor.person.pk), backend=BACKEND)
    return client


def change(client: Client, present: str, new: str = NEXT) -> object:
    sent = {"password": present, "new_password1": new, "new_password2": new}
    return client.post("/account/password", sent)


def test_what_a_person_chooses_is_on_her_next_page_in_every_browser(dana: Actor) -> None:
    assert browser(dana).post("/account/settings", CHOICE)["Location"] == "/account/settings"
    page = browser(dana).get("/account/settings").content.decode()
    for mark in ('data-theme="dark"', 'data-density="compact"', 'data-times="local"', 'data-keys="off"'):
        assert mark in page
    assert '<option value="25" selected>' in page


@pytest.mark.parametrize("wrong", [{"rows": "1000"}, {"density": "tiny"}, {"theme": "pink"}, {"times": "lunar"}])
def test_a_choice_no_page_knows_is_refused_and_nothing_is_kept(dana: Actor, wrong: dict[str, str]) -> None:
    answer = browser(dana).post("/account/settings", {**CHOICE, **wrong})
    assert answer.status_code == 400
    assert b"Choose one of the values offered." in answer.content
    assert User.objects.get(username="dana").theme == ""


def test_signed_out_the_theme_is_the_browsers(dana: Actor) -> None:
    client = browser(dana)
    client.post("/account/theme", {"theme": "dark"})
    client.post("/logout")
    assert b'data-theme="dark"' in client.get("/login").content
    assert b'data-theme="dark"' not in Client().get("/login").content


def test_a_list_has_as_many_rows_as_chosen_and_the_address_wins(dana: Actor) -> None:
    for number in range(30):
        make_model(dana, f"m-{number}")
    client = browser(dana)
    client.post("/account/settings", CHOICE)
    assert client.get("/models").content.count(b'<th scope="row">') == 25
    assert client.get("/models?per=50").content.count(b'<th scope="row">') == 30
    assert b"per=25" in client.get("/models?per=25").content
    assert client.get("/models?per=7").status_code == 400


def test_a_changed_password_ends_the_other_sessions_and_stays_in_this_one(rita: Actor) -> None:
    here, there = browser(rita, PASSWORD), browser(rita)
    here.get("/")
    there = Client()
    there.post("/login", {"username": "rita", "password": PASSWORD})
    assert change(here, PASSWORD).status_code == 302  # type: ignore[attr-defined]
    assert here.get("/approvals").status_code == 200
    assert there.get("/approvals")["Location"].startswith("/login")
    assert Client().post("/login", {"username": "rita", "password": NEXT}).status_code == 302
    assert Event.objects.filter(action="user.password.changed", object_label="rita").count() == 1


def test_the_old_password_is_no_key_to_the_api_from_that_moment(dana: Actor) -> None:
    client = browser(dana, PASSWORD)
    asked = {"path": "/api/v1/me", "headers": {"Authorization": "Basic ZGFuYTphIGxvbmcgZW5vdWdoIHBhc3N3b3Jk"}}
    assert Client().get(**asked).status_code == 200  # type: ignore[arg-type]
    change(client, PASSWORD)
    assert Client().get(**asked).status_code == 401  # type: ignore[arg-type]


def test_wrong_present_passwords_rest_the_name_as_at_sign_in(rita: Actor) -> None:
    client = browser(rita, PASSWORD)
    answers = [change(client, "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 429]  # type: ignore[attr-defined]
    assert b"That is not your present password." in answers[0].content  # type: ignore[attr-defined]
    last = change(client, PASSWORD)
    assert (last.status_code, int(last["Retry-After"]) > 0) == (429, True)  # type: ignore[attr-defined,index]
    assert b"Change password" in last.content  # type: ignore[attr-defined]
    assert Client().post("/login", {"username": "rita", "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize("bad", ["short", "1q2w3e4r5t6y", "rita"])
def test_a_bad_new_password_is_refused_at_its_field(rita: Actor, bad: str) -> None:
    answer = change(browser(rita, PASSWORD), PASSWORD, bad)
    assert answer.status_code == 400  # type: ignore[attr-defined]
    assert b'id="id_new_password2-error"' in answer.content  # type: ignore[attr-defined]


def test_who_came_in_by_link_sets_a_first_password_while_that_is_fresh(rita: Actor) -> None:
    client = Client()
    client.post(f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}")
    assert change(client, "").status_code == 302  # type: ignore[attr-defined]
    assert Client().post("/login", {"username": "rita", "password": NEXT}).status_code == 302
    assert b'"first":true' in bytes(Event.objects.filter(action="user.password.changed").latest("id").body)


def test_who_forgot_hers_comes_in_by_link_and_sets_another(rita: Actor) -> None:
    browser(rita, PASSWORD)
    client = Client()
    client.post(f"/sign-in/{links.make_link(rita.person, actor=COMMAND)}")
    assert b"Present password" not in client.get("/account/password").content
    assert change(client, "").status_code == 302  # type: ignore[attr-defined]
    assert Client().post("/login", {"username": "rita", "password": NEXT}).status_code == 302


def test_without_a_password_a_stale_session_sets_none(rita: Actor) -> None:
    client = browser(rita)
    assert b"Come in anew" in client.get("/account/password").content
    assert change(client, "").status_code == 400  # type: ignore[attr-defined]
    assert not User.objects.get(username="rita").has_usable_password()

import re

import pytest
from django.test import Client, override_settings

from accounts.actors import Actor
from accounts.permissions import GRANTED, Permission
from accounts.roles import Role
from audit.models import Event

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


def client_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.person, backend=BACKEND)
    return client


@pytest.mark.parametrize("name", ["dana", "eli", "rita", "otto"])
def test_who_is_signed_in_without_the_role_is_told_which_it_takes(people: dict[str, Actor], name: str) -> None:
    answer = client_of(people[name]).get("/admin/", follow=True)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "<dd>Ops or Auditor or Admin</dd>" in page
    assert "Request access" in page
    assert 'type="password"' not in page


def test_a_visitor_is_sent_to_our_sign_in_and_a_reader_on(client: Client, aude: Actor) -> None:
    answer = client.get("/admin/audit/event/", follow=True)
    assert answer.redirect_chain[-1] == ("/login?next=%2Fadmin%2Faudit%2Fevent%2F", 302)
    assert client_of(aude).get("/admin/login/?next=/admin/audit/event/")["Location"] == "/admin/audit/event/"
    assert client_of(aude).get("/admin/login/?next=https://evil.example/")["Location"] == "/"


def test_nobody_adds_or_deletes_what_is_only_shown_and_reads_why(ada: Actor) -> None:
    admin, event = client_of(ada), Event.objects.latest("id")
    for path, deed in (("add/", "add"), (f"{event.pk}/delete/", "delete")):
        for answer in (admin.get(f"/admin/audit/event/{path}"), admin.post(f"/admin/audit/event/{path}")):
            assert answer.status_code == 403
            assert f"Nobody may {deed} events here" in answer.content.decode()
    changed = admin.post(f"/admin/audit/event/{event.pk}/change/", {"action": "x"})
    assert changed.status_code == 403
    assert "what it only shows, nobody changes here" in changed.content.decode()
    assert Event.objects.filter(pk=event.pk).exists()


def test_the_table_of_rights_is_shown_as_it_is_asked(aude: Actor) -> None:
    admin = client_of(aude)
    assert 'href="/admin/access-matrix/"' in admin.get("/admin/").content.decode()
    page = admin.get("/admin/access-matrix/").content.decode()
    for permission in Permission:
        row = page.partition(f"<code>{permission}</code>")[2].partition("</tr>")[0]
        assert [given == "✓" for given in re.findall("<td>(✓)?<span", row)] == [
            permission in GRANTED[role] for role in Role
        ]


def test_the_form_of_a_new_person_names_the_role_it_takes(aude: Actor) -> None:
    answer = client_of(aude).get("/admin/accounts/user/add/")
    assert answer.status_code == 403
    assert "<dd>Admin</dd>" in answer.content.decode()


def test_the_admin_site_says_that_it_is_a_demo_and_names_things_properly(ada: Actor) -> None:
    page = client_of(ada).get("/admin/").content.decode()
    assert "Watches" in page
    assert "<b>DEMO</b>" not in page
    with override_settings(DEMO_RUN="x"):
        assert "<b>DEMO</b>" in client_of(ada).get("/admin/").content.decode()

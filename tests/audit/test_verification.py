"""A check of a large ledger runs beside the request, is told as it goes, and is not started twice."""

import time
from datetime import timedelta

import pytest
from django.test import Client

from accounts.actors import COMMAND, Via, person
from accounts.roles import Role
from accounts.users import create_user
from audit import seal, verification
from audit.models import Seal, Verification
from core import clock
from tests.sealing import sealed

pytestmark = pytest.mark.postgresql
BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin() -> Verification:
    return verification.begin(seal.signer().verifier_key, None, by="aude")


@pytest.fixture
def large(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "AT_ONCE", 0)
    for number in range(12):
        create_user(f"person{number}", roles=[Role.OPS], actor=COMMAND)
    sealed()


def ended(row: Verification) -> Verification:
    until = time.monotonic() + 20
    while row.state == "running" and time.monotonic() < until:
        time.sleep(0.05)
        row.refresh_from_db()
    return row


@pytest.mark.usefixtures("large")
def test_it_goes_on_beside_and_says_what_it_found() -> None:
    row = ended(begin())
    assert (row.state, row.size, row.checked, row.first_bad) == ("ok", Seal.objects.count(), Seal.objects.count(), None)
    assert len(row.root) == 64


@pytest.mark.usefixtures("large")
def test_progress_is_kept_and_one_under_way_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = clock.now()
    row = Verification.objects.create(asked_by="aude", began_at=moment, seen_at=moment, size=12)
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(seconds=1))
    verification._teller(row)(7)
    row.refresh_from_db()
    assert (row.checked, row.seen_at) == (7, clock.now())
    assert begin().pk == row.pk
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(seconds=62))
    assert verification.is_silent(row), "its process has ended"
    again = begin()
    assert again.pk != row.pk
    assert ended(again).state == "ok"


@pytest.mark.django_db
def test_the_page_shows_how_far_it_is_then_what_it_found(client: Client) -> None:
    aude = person(create_user("aude", roles=[Role.AUDITOR], actor=COMMAND), Via.PASSWORD)
    client.force_login(aude.person, backend=BACKEND)
    moment = clock.now()
    row = Verification.objects.create(asked_by="aude", began_at=moment, seen_at=moment, size=1_000, checked=420)
    assert client.post("/audit/verify").status_code == 302, "the one under way is joined"
    page = client.get("/audit").content.decode()
    assert "420 of 1,000 events checked, 42 %." in page
    part = f"/audit/verification/{row.pk}"
    assert f'hx-get="{part}"' in page
    first = client.get(part)
    assert '<progress id="verified" max="100" value="42">' in first.content.decode()
    assert client.get(part, headers={"If-None-Match": first["ETag"]}).status_code == 304
    Verification.objects.update(state="broken", first_bad=417, why="#417: the stored event is not the one")
    assert "First wrong event: #417" in client.get(part).content.decode()
    assert client.get("/audit/verification/999999").status_code == 404

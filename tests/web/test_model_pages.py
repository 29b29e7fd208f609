import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from audit.management.commands import audit_verify
from registry import registered
from tests.factories import make_model
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db


def test_a_renamed_models_old_address_leads_to_the_new_one(dana: Actor, otto: Actor) -> None:
    registered.rename_model(make_model(dana, "Old"), "New", actor=dana)
    answer = browser(dana).get("/models/Old")
    assert (answer.status_code, answer["Location"]) == (302, "/models/New")
    assert browser(otto).get("/models/Old").status_code == 404


def test_a_deleted_model_keeps_its_history_under_its_name(dana: Actor, aude: Actor) -> None:
    registered.delete_model(make_model(dana, "Gone"), actor=dana)
    answer = browser(aude).get("/models/Gone")
    assert answer.status_code == 410
    assert b"model.deleted" in answer.content


def test_a_restricted_deleted_model_is_kept_from_others(dana: Actor, eli: Actor, aude: Actor) -> None:
    model = registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    registered.delete_model(model, actor=dana)
    assert browser(eli).get("/models/Secret").status_code == 404
    assert browser(aude).get("/models/Secret").status_code == 410


def test_verifying_a_home_without_a_ledger_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_verify, "has_ledger", lambda: False)
    with pytest.raises(CommandError, match="is this the right home"):
        call_command("audit_verify")

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from audit.management.commands import audit_verify
from registry import registered
from registry.models import Metric
from tests.factories import make_model, make_version
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


def test_what_was_logged_after_registration_is_marked_on_the_run(dana: Actor) -> None:
    version = make_version(make_model(dana), dana, metrics={"auc": 0.9})
    assert b"after registration" not in browser(dana).get(f"/runs/{version.run_id}").content
    Metric.objects.create(run_id=version.run_id, key="auc", value=0.9999, timestamp=2**40, step=1)
    shown = browser(dana).get(f"/runs/{version.run_id}").content.decode()
    assert "after registration" in shown
    assert "keeps" in shown


def test_an_experiment_lists_its_runs_and_what_was_registered_from_them(dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    shown = browser(eli).get("/experiments/0").content.decode()
    assert f"/runs/{version.run_id}" in shown
    assert "Fraud-Detection v1" in shown
    assert browser(eli).get("/experiments/77").status_code == 404
    assert browser(eli).get("/experiments/0?after=nonsense").status_code == 400

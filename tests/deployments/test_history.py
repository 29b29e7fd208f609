"""What was live at an instant: stages, aliases, endpoints and their shares, for whoever asks later."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import NotFound
from deployments import endpoints, history, rights, rollouts, steering
from deployments.models import Endpoint
from deployments.plans import Plan
from registry import history as ledger
from registry import registered, transitions
from registry.models import RegisteredModel
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run, signed
from tests.factories import make_model, make_version
from tests.web.visitors import browser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unsealed")]
CANARY = Plan.of({"strategy": "canary", "shares": [5, 25], "rules": {"min_s": 0, "max_s": 60}})


def shares(model: RegisteredModel, moment: datetime | None = None) -> dict[tuple[str, int], float]:
    return {(one.label, one.version): one.share_pct for one in history.served_at(model, moment)}


def test_each_division_of_an_endpoints_requests_is_told_with_whose_approval(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    first = locked_version(model, dana)
    before = clock.now()
    run(hands, rollouts.start(first, staging, AT_ONCE, actor=eli, reason="first"))
    alone = clock.now()
    canary = run(hands, rollouts.start(locked_version(model, dana), staging, CANARY, actor=eli), turns=4)
    divided = clock.now()
    steering.abort(canary, reason="worse", actor=eli)
    run(hands, canary)
    assert shares(model, before) == {}
    assert shares(model, alone) == {("fraud-staging", 1): 100.0}
    assert shares(model, divided) == {("fraud-staging", 1): 95.0, ("fraud-staging", 2): 5.0}
    assert shares(model) == {("fraud-staging", 1): 100.0}
    (held,) = history.served_at(model, alone)
    assert (held.actor, held.comment, held.approval, held.exists) == ("eli", "first", "not needed", True)


def test_a_rollback_and_a_withdrawal_are_seen(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> None:
    installed(hands, staging, dana, eli, versions=2)
    run(hands, rollouts.roll_back(staging, reason="worse", actor=eli))
    assert shares(staging.model) == {("fraud-staging", 1): 100.0}
    gone = rights.withdraw(rights.find_right(staging, 1), reason="leaks", actor=eli)
    assert gone
    run(hands, gone)
    now = endpoints.serving(staging)
    assert shares(staging.model) == ({("fraud-staging", now.version.version): 100.0} if now else {})


def test_what_was_live_names_who_approved_and_the_metrics_it_was_registered_with(
    hands: Hands, production: Endpoint, model: RegisteredModel, dana: Actor, rita: Actor, olga: Actor
) -> None:
    version = locked_version(model, dana)
    version = make_version(model, dana, metrics={"auc": 0.93})
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    signed(version, production, dana, rita)
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=olga)
    run(hands, rollouts.start(version, production, AT_ONCE, actor=olga))
    held = {span.label: span for span in [*ledger.live_at(model), *history.served_at(model)]}
    assert {"Production", "@champion", "fraud"} == set(held)
    for span in held.values():
        assert span.approved_by == ["rita"]
        assert span.metrics == {"auc": 0.93}
        assert span.request
    answer = browser(dana).get(f"/api/v1/models/{model.name}/history").json()
    (served,) = answer["served"]
    assert (served["label"], served["share_pct"], served["approved_by"]) == ("fraud", 100.0, ["rita"])
    assert served["metrics"] == {"auc": 0.93}
    page = browser(dana).get(f"/models/{model.name}/history").content.decode()
    assert "auc" in page
    assert "rita" in page
    assert 'href="/endpoints/fraud"' in page


def test_a_deleted_models_history_can_be_asked_for_at_a_moment_of_its_life(
    dana: Actor, eli: Actor, otto: Actor
) -> None:
    first = make_model(dana, "Twice")
    transitions.transition(make_version(first, dana, metrics={"auc": 0.8}), to=Stage.STAGING, actor=eli)
    then = clock.now()
    registered.delete_model(first, actor=dana)
    assert ledger.model_at("Twice", None, actor=dana) == first
    second = make_model(dana, "Twice")
    assert ledger.model_at("Twice", None, actor=dana) == second
    assert ledger.model_at("Twice", then, actor=dana) == first
    assert ledger.model_at("Twice", clock.now(), actor=dana) == second
    (held,) = ledger.live_at(first, then)
    assert (held.label, held.exists, held.metrics) == ("Staging", False, {"auc": 0.8})
    at = then.astimezone(UTC).isoformat()
    said = browser(eli).get("/api/v1/models/Twice/history", {"at": at}).json()
    assert said["model"]["uuid"] == str(first.uuid)
    assert said["model"]["deleted_at"]
    assert [one["label"] for one in said["held"]] == ["Staging"]
    page = browser(eli).get("/models/Twice/history", {"at": at}).content.decode()
    assert "deleted" in page
    assert 'href="/models/Twice/versions/1"' not in page
    assert browser(otto).get("/models/Twice/history", {"at": at}).status_code == 404
    with pytest.raises(NotFound):
        ledger.model_at("Never", then - timedelta(days=1), actor=dana)


def test_a_restricted_deleted_models_history_is_kept_from_others(dana: Actor, eli: Actor, aude: Actor) -> None:
    model = registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    registered.delete_model(model, actor=dana)
    assert browser(eli).get("/models/Secret/history").status_code == 404
    assert browser(aude).get("/models/Secret/history").status_code == 200

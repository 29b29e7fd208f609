"""Whoever makes less be asked for a model does not decide alone what comes of it."""

import pytest

from accounts.actors import Actor
from core.refusals import Denied
from registry import decisions, protection, registered, weakening
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = pytest.mark.django_db


def approve(request: ApprovalRequest, by: Actor) -> object:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    return decisions.decide(request, choice, actor=by)


@pytest.fixture
def model(dana: Actor, rita: Actor) -> RegisteredModel:
    made = make_model(dana)
    return registered.update_model(made, risk_tier="high", actor=rita)


@pytest.fixture
def version(model: RegisteredModel, dana: Actor) -> ModelVersion:
    return make_version(model, dana, metrics={"auc": 0.9})


def test_whoever_lowers_the_tier_is_not_the_only_one_who_approves(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    dana, rita, rob = (people[name] for name in ("dana", "rita", "rob"))
    put_in_force(text_of(match="  risk: [high]\n"), people)
    asked = ask_production(version, dana)
    assert asked.approvals_needed == 2
    registered.update_model(version.model, risk_tier="low", actor=rita)
    asked.refresh_from_db()
    assert asked.state == RequestState.SUPERSEDED
    assert "rita changed that." in asked.ended_why
    again = ask_production(version, dana)
    assert again.approvals_needed == 1
    with pytest.raises(Denied, match="You lowered the risk tier from high to low, so somebody else decides first"):
        approve(again, rita)
    approve(again, rob)
    again.refresh_from_db()
    assert again.state == RequestState.APPROVED
    assert weakening.of(version.model) == [], "another person has approved something under it"


def test_what_is_undone_or_asks_for_more_needs_nobody(model: RegisteredModel, rita: Actor, rob: Actor) -> None:
    registered.update_model(model, risk_tier="low", actor=rita)
    registered.update_model(model, risk_tier="medium", actor=rob)
    assert [one.person for one in weakening.of(model)] == [rita.person.pk]
    registered.update_model(model, risk_tier="high", actor=rita)
    assert weakening.of(model) == []
    protection.protect(model, "live", actor=rita)
    registered.set_threshold(model, metric="auc", comparison=">", value=0.8, actor=rita)
    registered.set_threshold(model, metric="auc", comparison=">", value=0.9, actor=rita)
    assert weakening.by(weakening.of(model), rita.person.pk) == ""


def test_loosened_thresholds_and_released_aliases_count(model: RegisteredModel, rita: Actor, rob: Actor) -> None:
    limit = registered.set_threshold(model, metric="auc", comparison=">", value=0.8, actor=rob)
    registered.set_threshold(model, metric="auc", comparison=">", value=0.7, actor=rita)
    assert weakening.by(weakening.of(model), rita.person.pk) == "loosened auc > 0.8 to auc > 0.7"
    registered.set_threshold(model, metric="auc", comparison=">", value=0.8, actor=rob)
    registered.set_threshold(model, metric="loss", comparison="<", value=0.2, actor=rob)
    registered.set_threshold(model, metric="loss", comparison="<", value=0.1, actor=rita)
    assert weakening.of(model) == []
    registered.set_threshold(model, metric="loss", comparison="<", value=0.1, required=False, actor=rob)
    registered.delete_threshold(model, limit.pk, actor=rita)
    protection.protect(model, "live", actor=rob)
    protection.release(model, "live", actor=rob)
    assert [(one.person, one.words) for one in weakening.of(model)] == [
        (rob.person.pk, "loosened loss < 0.1 to loss < 0.1 (advice)"),
        (rita.person.pk, "loosened auc > 0.8 to nothing"),
        (rob.person.pk, "took the protection of @live away"),
    ]

"""Whoever makes less be asked for a model does not decide alone what comes of it."""

import json
from typing import Any

import pytest
from django.test import override_settings

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from audit.models import Event
from core.refusals import Denied
from registry import decisions, protection, registered, transitions, weakening
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
STAGED = text_of("staged", actions="[{stage: Staging}]", match="  risk: [high]\n")


def shown(request: ApprovalRequest) -> list[str]:
    return [one.event for one in weakening.of(request.model)]


def approve(request: ApprovalRequest, by: Actor, weakened: list[str] | None = None) -> object:
    accepted = [check.pk for check in request.checks.all()]
    seen = shown(request) if weakened is None else weakened
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted, weakened=seen)
    return decisions.decide(request, choice, actor=by)


@pytest.fixture
def mix(db: None) -> Actor:
    """Sets tiers and moves versions herself."""
    return person(create_user("mix", roles=[Role.REVIEWER, Role.ML_ENGINEER], actor=COMMAND), Via.PASSWORD)


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


def to_staging(version: ModelVersion, actor: Actor) -> object:
    return transitions.transition(version, to=Stage.STAGING, actor=actor)


def test_whoever_lowers_the_tier_does_not_make_the_move_that_is_free_then(
    version: ModelVersion, people: dict[str, Actor], mix: Actor
) -> None:
    put_in_force(STAGED, people)
    registered.update_model(version.model, risk_tier="medium", actor=mix)
    with pytest.raises(Denied, match="from high to medium: before, it took more to move") as no:
        to_staging(version, mix)
    assert "Another person does it, or you undo" in no.value.sentence
    registered.update_model(version.model, risk_tier="high", actor=mix)
    assert isinstance(to_staging(version, mix), ApprovalRequired), "undone: she asks like anybody"
    registered.update_model(version.model, risk_tier="low", actor=mix)
    assert not isinstance(to_staging(version, people["eli"]), ApprovalRequired), "another person makes the move"
    version.refresh_from_db()
    assert version.stage == Stage.STAGING


def test_whoever_renames_a_model_away_from_its_policy_does_not_make_the_move(
    version: ModelVersion, people: dict[str, Actor], mix: Actor
) -> None:
    put_in_force(text_of(actions="[{stage: Staging}]", match=f"  models: ['{version.model.name}']\n"), people)
    registered.rename_model(version.model, "elsewhere", actor=mix)
    version.model.refresh_from_db()
    with pytest.raises(Denied, match=r"You renamed the model from .*: before, it took more to move"):
        to_staging(version, mix)
    assert not isinstance(to_staging(version, people["eli"]), ApprovalRequired)


def test_whoever_lowered_the_tier_asks_where_something_is_asked_still(
    version: ModelVersion, people: dict[str, Actor], mix: Actor
) -> None:
    put_in_force(STAGED, people)
    one = "[{group: reviewer, count: 1}]"
    put_in_force(text_of("rest", order=20, actions="[{stage: Staging}]", approvals=one), people)
    registered.update_model(version.model, risk_tier="low", actor=mix)
    waiting = to_staging(version, mix)
    assert isinstance(waiting, ApprovalRequired)
    approve(waiting.request, people["rob"], weakened=[])
    with pytest.raises(Denied, match="before, it took more to move"):
        to_staging(version, mix)
    assert not isinstance(to_staging(version, people["eli"]), ApprovalRequired)


def test_whoever_releases_an_alias_neither_moves_nor_deletes_it(
    version: ModelVersion, people: dict[str, Actor], mix: Actor
) -> None:
    transitions.set_alias(version, "live", actor=people["eli"])
    protection.protect(version.model, "live", actor=people["rita"])
    protection.release(version.model, "live", actor=mix)
    newer = make_version(version.model, people["dana"])
    for name in ("live", "LIVE"):
        with pytest.raises(Denied, match="took the protection of @live away: before, it took more to point"):
            transitions.set_alias(newer, name, actor=mix)
    with pytest.raises(Denied, match="it took more to delete the alias live"):
        transitions.delete_alias(version.model, "live", actor=mix)
    assert not isinstance(transitions.set_alias(newer, "next", actor=mix), ApprovalRequired), "that one was free before"
    assert not isinstance(transitions.set_alias(newer, "live", actor=people["eli"]), ApprovalRequired)
    assert isinstance(transitions.set_alias(newer, "live", actor=mix), transitions.Transitioned), "it is there already"
    transitions.delete_alias(version.model, "live", actor=people["eli"])


@override_settings(APPROVALS=False)
def test_with_approvals_off_nobody_is_held_back(version: ModelVersion, mix: Actor) -> None:
    protection.protect(version.model, "live", actor=mix)
    protection.release(version.model, "live", actor=mix)
    transitions.set_alias(version, "live", actor=mix)
    assert version.aliases.get().name == "live"


def test_only_an_approval_that_names_what_was_weakened_lifts_it(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    dana, rita, rob = (people[name] for name in ("dana", "rita", "rob"))
    registered.update_model(version.model, risk_tier="low", actor=rita)
    tier = shown(ask_production(version, dana))
    protection.protect(version.model, "live", actor=rob)
    protection.release(version.model, "live", actor=rita)
    request = ask_production(version, dana)
    approve(request, rob, weakened=[*tier, "of another model"])
    decided = json.loads(bytes(Event.objects.get(action="request.decided").body))
    assert decided["facts"]["weakened"] == tier
    (standing,) = weakening.of(version.model)
    assert (standing.who, standing.words) == ("rita", "took the protection of @live away")
    assert json.loads(bytes(Event.objects.get(action="alias.released").body))["id"] == standing.event
    waiting = transitions.transition(make_version(version.model, dana), to=Stage.PRODUCTION, actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    with pytest.raises(Denied, match="took the protection"):
        approve(waiting.request, rita)
    approve(waiting.request, rob)
    assert weakening.of(version.model) == []


def test_an_approval_of_before_that_does_not_say_what_was_shown_lifts_all(
    version: ModelVersion, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    registered.update_model(version.model, risk_tier="low", actor=people["rita"])
    monkeypatch.setattr(weakening, "SHOWN", "another_fact")
    approve(ask_production(version, people["dana"]), people["rob"], weakened=[])
    monkeypatch.undo()
    assert weakening.of(version.model) == []


def test_of_many_models_the_same_is_read_at_once(
    version: ModelVersion, people: dict[str, Actor], django_assert_max_num_queries: Any
) -> None:
    dana, rita = people["dana"], people["rita"]
    registered.update_model(version.model, risk_tier="low", actor=rita)
    approved = make_version(registered.update_model(make_model(dana, "approved"), risk_tier="low", actor=rita), dana)
    approve(ask_production(approved, dana), people["rob"])
    models = [version.model, approved.model, make_model(dana, "as it was")]
    with django_assert_max_num_queries(2):
        found = weakening.of_each(models)
    assert found == {str(model.uuid): weakening.of(model) for model in models}
    assert [len(one) for one in found.values()] == [1, 0, 0]

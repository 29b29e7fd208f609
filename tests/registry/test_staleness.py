"""Whatever makes a request pointless ends it in the same transaction, and says why in words."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Conflict
from registry import decisions, protection, registered, requests, staleness, subjects, transitions, versions
from registry.models import ApprovalRequest, ModelVersion
from registry.models.approvals import RequestState
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def approve(request: ApprovalRequest, by: Actor) -> object:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    return decisions.decide(request, choice, actor=by)


def ask_alias(version: ModelVersion, name: str, actor: Actor) -> ApprovalRequest:
    waiting = transitions.set_alias(version, name, actor=actor)
    assert isinstance(waiting, ApprovalRequired)
    return waiting.request


def signed_into_production(version: ModelVersion, dana: Actor, rita: Actor) -> None:
    approve(ask_production(version, dana), rita)
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)


def read_again(request: ApprovalRequest) -> ApprovalRequest:
    request.refresh_from_db()
    return request


def assert_superseded(request: ApprovalRequest, why: str) -> None:
    read_again(request)
    assert (request.state, request.ended_why) == (RequestState.SUPERSEDED, why)
    assert Event.objects.filter(action="request.superseded", object_id=str(request.pk)).count() == 1


def test_archiving_the_version_ends_its_request_and_the_refusal_says_so(dana: Actor, eli: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    transitions.transition(version, to=Stage.ARCHIVED, actor=eli)
    assert_superseded(request, "Version 1 is archived.")
    with pytest.raises(Conflict, match=r"superseded; it cannot be decided any more\. Version 1 is archived\."):
        approve(request, rita)


def test_another_stage_than_the_signed_one_is_another_request(dana: Actor, eli: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    approve(request, rita)
    transitions.transition(version, to=Stage.STAGING, actor=eli)
    assert_superseded(request, "Version 1 stood in None when this was asked and stands in Staging now.")


def test_a_version_that_is_there_by_another_request_is_not_asked_for_any_more(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    waiting = transitions.transition(version, to=Stage.PRODUCTION, actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    signed_into_production(version, dana, rita)
    assert_superseded(waiting.request, "Version 1 is in Production already.")
    assert not ApprovalRequest.objects.usable_by(dana).exists()


def test_the_alias_that_came_with_production_is_not_asked_for_any_more(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_alias(version, "champion", dana)
    signed_into_production(version, dana, rita)
    assert_superseded(request, "@champion points at version 1 already.")


def test_who_compared_with_nobody_is_told_of_the_new_champion(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    first, second = make_version(model, dana), make_version(model, dana)
    request = ask_production(first, dana)
    signed_into_production(second, dana, rita)
    said = "Production was held by no other version when this was asked and is held by version 2 now."
    assert_superseded(request, said)


CHANGES: dict[str, tuple[Callable[[ApprovalRequest, dict[str, Actor]], object], str]] = {
    "threshold": (
        lambda r, who: registered.set_threshold(r.model, metric="f1", comparison=">", value=0.9, actor=who["rita"]),
        "The thresholds changed: none before, f1 > 0.9 now. rita changed that.",
    ),
    "risk": (
        lambda r, who: registered.update_model(r.model, actor=who["dana"], risk_tier="high"),
        "The model's risk tier was medium and is high now. dana changed that.",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_the_subject_ends_the_request_at_once(people: dict[str, Actor], what: str) -> None:
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    change, why = CHANGES[what]
    change(request, people)
    assert_superseded(request, why)


def test_an_alias_released_from_protection_needs_no_signature_any_more(dana: Actor, rita: Actor) -> None:
    model = protection.protect(make_model(dana), "live", actor=dana)
    request = ask_alias(make_version(model, dana), "live", dana)
    protection.release(model, "live", actor=rita)
    assert read_again(request).state == RequestState.SUPERSEDED
    assert request.ended_why.startswith("The policy changed: default v1 with 1 to sign before")


def test_deleting_with_approvals_off_ends_what_was_asked_before(dana: Actor) -> None:
    model = make_model(dana)
    versions_made = [make_version(model, dana) for _ in range(2)]
    asked = [ask_production(version, dana) for version in versions_made]
    with override_settings(APPROVALS=False):
        versions.delete_version(versions_made[0], actor=dana)
        assert read_again(asked[0]).ended_why == "Version 1 was deleted."
        registered.delete_model(model, actor=dana)
    assert [read_again(request).state for request in asked] == [RequestState.SUPERSEDED] * 2


def test_a_changed_setting_is_noticed_by_the_decision_and_by_the_sweep(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    with override_settings(APPROVALS=False):
        assert "The policy changed: default v1 with 1 to sign before" in staleness.undecidable(request)
        outcome = approve(request, rita)
        assert isinstance(outcome, decisions.Moved)
        assert "approvals-off v1 with 0 to sign now" in outcome.past.why
    other = ask_production(make_version(request.model, dana), dana)
    with override_settings(APPROVALS=False):
        assert requests.end_overlooked() == 1
        assert requests.end_overlooked() == 0
    assert read_again(other).state == RequestState.SUPERSEDED


def test_what_still_holds_is_left_alone(dana: Actor, eli: Actor) -> None:
    model = make_model(dana)
    waiting, other = make_version(model, dana), make_version(model, dana)
    request = ask_production(waiting, dana)
    transitions.transition(other, to=Stage.STAGING, actor=eli)
    transitions.set_alias(other, "challenger", actor=dana)
    assert requests.end_overlooked() == 0
    assert read_again(request).state == RequestState.OPEN
    assert staleness.undecidable(request) == ""


def test_an_expired_request_tells_so_before_it_is_swept_away(dana: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    request.expires_at = request.created_at
    assert staleness.undecidable(request) == f"Request #{request.pk} no longer holds. Its time is over."


def lock(version: ModelVersion, **facts: object) -> None:
    """Note of the version's environment what the locker notes."""
    version.environment = {**version.environment, **facts}
    version.save(update_fields=["environment"])
    requests.end_stale(version.model)


def test_the_lock_known_when_asked_is_signed_and_held_to(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    lock(version, lock="e" * 64, lock_why="")
    request = ask_production(version, dana)
    assert subjects.lock_of(subjects.document(request)) == "e" * 64
    approve(request, rita)
    version.environment["lock"] = "f" * 64  # what only a hand in the database does
    version.save(update_fields=["environment"])
    assert isinstance(
        transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana), ApprovalRequired
    )
    assert_superseded(request, "The lock of the environment of version 1 is not the one that was asked for.")


def test_a_lock_made_after_a_signature_without_one_leaves_it_good(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    lock(version, lock_tries=1, lock_why="the index did not answer")
    approve(request, rita)
    lock(version, lock="e" * 64, lock_why="")
    assert subjects.lock_of(subjects.document(request)) is None
    moved = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    assert isinstance(moved, transitions.Transitioned)


def test_a_model_nobody_asks_about_costs_one_statement(dana: Actor) -> None:
    model = make_model(dana)
    with CaptureQueriesContext(connection) as counted:
        requests.end_stale(model)
    assert len(counted) == 1

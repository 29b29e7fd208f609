import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from registry import checks, decisions, measurements, registered, requests, transitions, versions
from registry.measurements import Measurement
from registry.models import Alias, ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.requests import ApprovalRequired
from registry.stages import Stage, parse_stage
from registry.transitions import Transitioned
from tests.factories import ask_production, make_model, make_run, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def approve(request: ApprovalRequest, by: Actor) -> None:
    """Approve everything the request shows."""
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    decisions.decide(request, choice, actor=by)


def to_production(version: ModelVersion, by: Actor) -> object:
    return transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=by)


def stage_of(version: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=version.pk).stage


def test_production_waits_for_a_signature_and_repeating_opens_nothing_more(dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    first = to_production(version, dana)
    events = Event.objects.count()
    again = to_production(version, dana)
    assert isinstance(first, ApprovalRequired)
    assert isinstance(again, ApprovalRequired)
    assert (first.opened, again.opened) == (True, False)
    assert first.request == again.request
    assert Event.objects.count() == events
    assert stage_of(version) == Stage.NONE


def test_the_signed_version_reaches_production_takes_champion_and_uses_the_approval_up(
    dana: Actor, rita: Actor
) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    request = ask_production(version, dana)
    approve(request, rita)
    assert isinstance(to_production(version, dana), Transitioned)
    request.refresh_from_db()
    assert request.state == RequestState.EXECUTED
    assert stage_of(version) == Stage.PRODUCTION
    assert Alias.objects.get(model=model, name="champion").version == version
    moved = Event.objects.filter(action="version.stage.changed").latest("id")
    assert f'"approval":{request.pk}'.encode() in bytes(moved.body)


def test_a_second_version_displaces_the_first_to_archived(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    first, second = make_version(model, dana), make_version(model, dana)
    for version in (first, second):
        approve(ask_production(version, dana), rita)
        to_production(version, dana)
    assert (stage_of(first), stage_of(second)) == (Stage.ARCHIVED, Stage.PRODUCTION)
    assert Alias.objects.get(model=model, name="champion").version == second


def test_an_approval_is_not_used_by_somebody_without_the_permission(dana: Actor, rita: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    approve(ask_production(version, dana), rita)
    with pytest.raises(Denied):
        to_production(version, eli)
    assert stage_of(version) == Stage.NONE


def test_ops_may_carry_out_what_somebody_else_asked_for(dana: Actor, rita: Actor, olga: Actor) -> None:
    version = make_version(make_model(dana), dana)
    approve(ask_production(version, dana), rita)
    assert isinstance(to_production(version, olga), Transitioned)


def test_ops_without_an_approval_wait_like_everybody(dana: Actor, olga: Actor) -> None:
    version = make_version(make_model(dana), dana)
    assert isinstance(to_production(version, olga), ApprovalRequired)


@pytest.mark.parametrize("name", ["rita", "aude", "ada"])
def test_who_may_not_ask_is_denied(dana: Actor, people: dict[str, Actor], name: str) -> None:
    version = make_version(make_model(dana), dana)
    with pytest.raises(Denied):
        to_production(version, people[name])


def test_staging_needs_the_ml_engineer_and_no_signature(dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    with pytest.raises(Denied, match="may not move"):
        transitions.transition(version, to=Stage.STAGING, actor=dana)
    assert isinstance(transitions.transition(version, to=Stage.STAGING, actor=eli), Transitioned)


def test_leaving_production_needs_ops(dana: Actor, rita: Actor, eli: Actor, olga: Actor) -> None:
    version = make_version(make_model(dana), dana)
    approve(ask_production(version, dana), rita)
    to_production(version, dana)
    with pytest.raises(Denied):
        transitions.transition(version, to=Stage.ARCHIVED, actor=eli)
    assert isinstance(transitions.transition(version, to=Stage.ARCHIVED, actor=olga), Transitioned)


def test_archiving_others_goes_with_staging_and_production_only(dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    with pytest.raises(Invalid):
        transitions.transition(version, to=Stage.ARCHIVED, archive_existing=True, actor=eli)


def test_nobody_signs_for_her_own_work(dana: Actor) -> None:
    both = person(create_user("both", roles=[Role.DATA_SCIENTIST, Role.REVIEWER], actor=COMMAND), Via.PASSWORD)
    own = make_version(make_model(both, "own"), both)
    with pytest.raises(Denied, match="You asked"):
        approve(ask_production(own, both), both)
    other = person(create_user("ollie", roles=[Role.OPS], actor=COMMAND), Via.PASSWORD)
    with pytest.raises(Denied, match="You registered"):
        approve(ask_production(make_version(RegisteredModel.objects.get(name="own"), both), other), both)


def test_a_decision_on_another_digest_is_a_conflict(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    with pytest.raises(Conflict, match="digest"):
        decisions.decide(request, decisions.Choice(decisions.Verdict.APPROVE, "0" * 64, "fine"), actor=rita)


def test_a_decision_needs_words(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    with pytest.raises(Invalid, match="comment"):
        decisions.decide(request, decisions.Choice(decisions.Verdict.REJECT, request.subject_digest, "  "), actor=rita)


def test_the_same_decision_twice_is_one(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    approve(request, rita)
    events = Event.objects.count()
    approve(request, rita)
    assert request.decisions.count() == 1
    assert Event.objects.count() == events


def test_a_changed_mind_is_refused(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    approve(request, rita)
    with pytest.raises(Conflict, match="already"):
        decisions.decide(request, decisions.Choice(decisions.Verdict.REJECT, request.subject_digest, "no"), actor=rita)


def test_a_new_champion_supersedes_what_was_compared_with_the_old_one(dana: Actor, rita: Actor, rob: Actor) -> None:
    model = make_model(dana)
    first, second = make_version(model, dana), make_version(model, dana)
    waiting, other = ask_production(first, dana), ask_production(second, dana)
    approve(other, rita)
    to_production(second, dana)
    choice = decisions.Choice(
        decisions.Verdict.APPROVE, waiting.subject_digest, "fine", [c.pk for c in waiting.checks.all()]
    )
    with pytest.raises(Conflict, match="held by version 2 now"):
        decisions.decide(waiting, choice, actor=rob)
    waiting.refresh_from_db()
    assert waiting.state == RequestState.SUPERSEDED
    again = to_production(first, dana)
    assert isinstance(again, ApprovalRequired)
    assert again.request != waiting


def test_an_approval_goes_stale_when_the_policy_changes_under_it(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana, metrics={"validation_accuracy": 0.9})
    approve(ask_production(version, dana), rita)
    registered.set_threshold(model, metric="validation_accuracy", comparison=">", value=0.95, actor=rita)
    assert isinstance(to_production(version, dana), ApprovalRequired)
    assert stage_of(version) == Stage.NONE


def test_a_threshold_set_again_changes_nothing(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    for _ in range(2):
        registered.set_threshold(model, metric="auc", comparison=">", value=0.9, actor=rita)
    assert Event.objects.filter(action="model.threshold.set").count() == 1


def test_a_missed_threshold_cannot_be_approved(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    registered.set_threshold(model, metric="validation_accuracy", comparison=">", value=0.9, actor=rita)
    request = ask_production(make_version(model, dana, metrics={"validation_accuracy": 0.8}), dana)
    with pytest.raises(Conflict, match="failed"):
        approve(request, rita)


@pytest.mark.parametrize(
    ("logged", "said"), [(None, "not measured"), (float("nan"), "was NaN"), (float("-inf"), "was -Infinity")]
)
def test_a_threshold_says_what_was_logged_that_is_no_number(
    dana: Actor, rita: Actor, logged: float | None, said: str
) -> None:
    model, run = make_model(dana), make_run(dana)
    registered.set_threshold(model, metric="loss", comparison="<=", value=0.5, actor=rita)
    if logged is not None:
        measurements.log_metric(run, Measurement("loss", logged, 1), actor=dana)
    asked = versions.Registration(source=f"runs:/{run.pk}/model", run_id=run.pk)
    version = versions.register_version(model, asked, actor=dana)
    (check,) = [check for check in checks.evaluate(version) if check.name == "loss <= 0.5"]
    assert (check.status, check.measured) == (checks.Status.FAILED, f"{said} at registration")


def test_a_warning_is_accepted_one_by_one_or_not_at_all(dana: Actor, rita: Actor) -> None:
    pickled = "flavors: {python_function: {python_version: 3.11.7}}"
    request = ask_production(make_version(make_model(dana), dana, mlmodel=pickled), dana)
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine")
    with pytest.raises(Conflict, match="warning"):
        decisions.decide(request, choice, actor=rita)


def test_a_version_whose_bytes_are_not_here_cannot_be_asked_for(dana: Actor) -> None:
    model = make_model(dana)
    version = versions.register_version(model, versions.Registration(source="s3://bucket/model"), actor=dana)
    assert not version.verified
    with pytest.raises(Conflict, match="unverified"):
        to_production(version, dana)


def test_a_rejected_request_may_be_followed_by_a_new_one(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    decisions.decide(request, decisions.Choice(decisions.Verdict.REJECT, request.subject_digest, "not yet"), actor=rita)
    assert ask_production(version, dana) != request


def test_a_withdrawn_request_cannot_be_decided(dana: Actor, rita: Actor) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    requests.withdraw(request, comment="found a bug", actor=dana)
    with pytest.raises(Conflict, match="withdrawn"):
        approve(request, rita)


def test_an_expired_approval_is_not_used(dana: Actor, rita: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    approve(request, rita)
    monkeypatch.setattr(clock, "now", lambda: request.expires_at)
    again = to_production(version, dana)
    assert isinstance(again, ApprovalRequired)
    assert again.request != request
    request.refresh_from_db()
    assert request.state == RequestState.EXPIRED


def test_due_requests_expire_with_an_event(dana: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    request = ask_production(make_version(make_model(dana), dana), dana)
    monkeypatch.setattr(clock, "now", lambda: request.expires_at)
    assert requests.expire_due() == 1
    assert requests.expire_due() == 0
    assert Event.objects.filter(action="request.expired", object_id=str(request.pk)).count() == 1


def test_champion_needs_a_signature_and_other_aliases_the_owner(dana: Actor, eli: Actor, aude: Actor) -> None:
    version = make_version(make_model(dana), dana)
    assert isinstance(transitions.set_alias(version, "champion", actor=dana), ApprovalRequired)
    assert isinstance(transitions.set_alias(version, "challenger", actor=dana), Transitioned)
    with pytest.raises(Denied):
        transitions.set_alias(version, "other", actor=aude)


def test_what_is_live_or_being_decided_cannot_be_deleted(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    request = ask_production(version, dana)
    with pytest.raises(Conflict, match="request"):
        versions.delete_version(version, actor=dana)
    approve(request, rita)
    to_production(version, dana)
    with pytest.raises(Conflict, match="Production"):
        versions.delete_version(version, actor=dana)
    with pytest.raises(Conflict, match="Production"):
        registered.delete_model(model, actor=dana)


def test_a_live_models_name_stays_so_that_no_alias_moves_without_a_signature(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    registered.rename_model(model, "Fraud", actor=dana)
    request = ask_production(version, dana)
    with pytest.raises(Conflict, match="cannot be renamed"):
        registered.rename_model(model, "Other", actor=dana)
    approve(request, rita)
    to_production(version, dana)
    with pytest.raises(Conflict, match="in Production"):
        registered.rename_model(model, "Other", actor=dana)


def test_a_recreated_name_inherits_nothing(dana: Actor) -> None:
    model = make_model(dana)
    make_version(model, dana)
    registered.delete_model(model, actor=dana)
    again = make_model(dana)
    assert again.uuid != model.uuid
    assert make_version(again, dana).version == 1


def test_numbers_are_not_reused_after_a_delete(dana: Actor) -> None:
    model = make_model(dana)
    versions.delete_version(make_version(model, dana), actor=dana)
    assert make_version(model, dana).version == 2


@override_settings(APPROVALS=False)
def test_with_approvals_off_the_permission_is_enough_and_events_say_so(dana: Actor, olga: Actor) -> None:
    version = make_version(make_model(dana), dana)
    assert isinstance(to_production(version, olga), Transitioned)
    assert b'"approval":"off"' in bytes(Event.objects.filter(action="version.stage.changed").latest("id").body)
    assert not Alias.objects.exists()


def test_an_outsider_finds_nothing(dana: Actor, otto: Actor) -> None:
    make_model(dana)
    assert not RegisteredModel.objects.visible_to(otto).exists()


def test_a_restricted_model_is_for_its_owner_grantees_and_auditors(people: dict[str, Actor]) -> None:
    model = registered.update_model(make_model(people["dana"]), actor=people["dana"], restricted=True)
    seen = {
        name for name, actor in people.items() if RegisteredModel.objects.visible_to(actor).filter(pk=model.pk).exists()
    }
    assert seen == {"dana", "aude", "ada"}


@pytest.mark.parametrize("text", ["production", "PRODUCTION", "Production"])
def test_stage_names_come_in_any_case(text: str) -> None:
    assert parse_stage(text) is Stage.PRODUCTION


def test_an_unknown_stage_is_refused_in_mlflows_words() -> None:
    with pytest.raises(Invalid, match=r"Value must be one of None, Staging, Production, Archived\."):
        parse_stage("Live")


MOVES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(list(Stage)),
        st.booleans(),
        st.sampled_from(["dana", "eli", "olga", "rita"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_whatever_is_tried_production_is_reached_by_a_signature_only(
    people: dict[str, Actor], moves: list[tuple[int, Stage, bool, str, bool]]
) -> None:
    model = make_model(people["dana"], f"m{RegisteredModel.objects.count()}")
    made = [make_version(model, people["dana"]) for _ in range(3)]
    for index, stage, archive, who, sign in moves:
        version = ModelVersion.objects.get(pk=made[index].pk)
        try:
            outcome = transitions.transition(version, to=stage, archive_existing=archive, actor=people[who])
            if sign and isinstance(outcome, ApprovalRequired) and outcome.request.state == RequestState.OPEN:
                approve(outcome.request, people["rob"])
        except (Denied, Invalid, Conflict, NotFound):
            continue
    for version in ModelVersion.objects.filter(model=model):
        told = Event.objects.filter(action="version.stage.changed", object_id=f"{model.uuid}/{version.version}")
        entered = [event for event in told if b'"after":{"stage":"Production"}' in bytes(event.body)]
        used = ApprovalRequest.objects.filter(version=version, state=RequestState.EXECUTED).count()
        assert len(entered) <= used
        if version.stage == Stage.PRODUCTION:
            assert entered


def test_a_move_that_was_made_is_repeated_by_those_who_may_make_it(people: dict[str, Actor]) -> None:
    version = make_version(make_model(people["dana"]), people["dana"])
    transitions.transition(version, to=Stage.STAGING, actor=people["eli"])
    transitions.set_alias(version, "ready", actor=people["dana"])
    assert isinstance(transitions.transition(version, to=Stage.STAGING, actor=people["eli"]), Transitioned)
    for name in ("rita", "aude"):
        with pytest.raises(Denied):
            transitions.transition(version, to=Stage.STAGING, actor=people[name])
        with pytest.raises(Denied):
            transitions.set_alias(version, "ready", actor=people[name])

"""Four eyes follow the files: whoever made what a version is a copy of does not sign the copy."""

import pytest

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from audit.models import Event
from core.refusals import Denied
from registry import artifacts, decisions, logged_models, measurements, registered, runs, versions
from registry.models import ApprovalRequest, ModelVersion, Run
from tests.factories import MLMODEL, ask_production, make_model, make_run, make_version, put

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def approve(request: ApprovalRequest, by: Actor) -> object:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    return decisions.decide(request, choice, actor=by)


def copy(version: ModelVersion, to: str, by: Actor) -> ModelVersion:
    model = registered.create_model(to, actor=by)
    source = f"models:/{version.model.name}/{version.version}"
    return versions.register_version(model, versions.Registration(source=source), actor=by)


@pytest.fixture
def duo(ada: Actor) -> Actor:
    roles = [Role.DATA_SCIENTIST, Role.REVIEWER]
    return person(create_user("duo", roles=roles, actor=ada), Via.PASSWORD)


def test_whoever_registered_what_it_is_a_copy_of_signs_no_copy(
    dana: Actor, eli: Actor, rita: Actor, duo: Actor
) -> None:
    first = copy(make_version(make_model(dana), dana), "M1", duo)
    last = copy(copy(first, "M2", eli), "M3", eli)
    asked = ask_production(last, eli)
    for maker in (duo, dana):
        assert not ApprovalRequest.objects.waiting_for(maker).exists()
    with pytest.raises(Denied, match="what this is a copy of"):
        approve(asked, duo)
    assert ApprovalRequest.objects.waiting_for(rita).get() == asked
    approve(asked, rita)


def test_a_copy_made_later_keeps_nobody_from_signing_the_original(dana: Actor, duo: Actor) -> None:
    version = make_version(make_model(dana), dana)
    copy(version, "M1", duo)
    asked = ask_production(version, dana)
    assert ApprovalRequest.objects.waiting_for(duo).get() == asked
    approve(asked, duo)


def test_whoever_wrote_into_anothers_run_is_a_maker_of_what_comes_of_it(dana: Actor, people: dict[str, Actor]) -> None:
    mix = person(create_user("mix", roles=[Role.ML_ENGINEER, Role.REVIEWER], actor=COMMAND), Via.PASSWORD)
    run = make_run(dana)
    for _ in range(2):
        measurements.log_batch(run, measurements.Batch([measurements.Measurement("auc", 0.99, 1)]), actor=mix)
        put(run, "model/extra.bin", b"hers", mix)
    told = Event.objects.filter(action="run.written")
    assert [(one.actor_name, one.object_id) for one in told] == [("mix", run.run_id)]
    version = versions.register_version(
        make_model(dana), versions.Registration(source=f"runs:/{run.run_id}/model", run_id=run.run_id), actor=dana
    )
    assert version.makers == {dana.person.pk, mix.person.pk}
    request = ask_production(version, dana)
    with pytest.raises(Denied, match="You"):
        approve(request, mix)
    assert request not in ApprovalRequest.objects.waiting_for(mix)
    assert request in ApprovalRequest.objects.waiting_for(people["rita"])


def test_whoever_logged_a_model_in_anothers_run_is_a_maker_too(dana: Actor) -> None:
    mix = person(create_user("mix", roles=[Role.ML_ENGINEER, Role.REVIEWER], actor=COMMAND), Via.PASSWORD)
    run = make_run(dana)
    logged = logged_models.create_logged_model(run.experiment, name="m", source_run=run, actor=mix)
    root = artifacts.logged_model_root(logged)
    artifacts.put_file(artifacts.parse_place(f"{root}/MLmodel"), [MLMODEL.encode()], actor=mix)
    asked = versions.Registration(source=f"models:/{logged.model_id}", model_id=logged.model_id)
    version = versions.register_version(make_model(dana), asked, actor=dana)
    assert mix.person.pk in version.makers


def test_what_was_refused_or_changed_nothing_or_came_later_makes_nobody_a_maker(dana: Actor) -> None:
    mix = person(create_user("mix", roles=[Role.ML_ENGINEER, Role.REVIEWER], actor=COMMAND), Via.PASSWORD)
    version = make_version(make_model(dana), dana)
    run = Run.objects.get(run_id=version.run_id)
    with pytest.raises(Denied, match="frozen"):
        put(run, "model/MLmodel", b"other", mix)
    artifacts.delete_files(artifacts.parse_place(f"{artifacts.run_root(run)}/absent"), actor=mix)
    measurements.log_batch(run, measurements.Batch(), actor=mix)
    measurements.log_outputs(run, {}, actor=mix)
    assert not Event.objects.filter(action="run.written").exists()
    runs.set_run_tag(run, "later", "note", actor=mix)
    assert Event.objects.filter(action="run.written").count() == 1
    assert mix.person.pk not in ModelVersion.objects.get(pk=version.pk).makers
    request = ask_production(version, dana)
    assert request in ApprovalRequest.objects.waiting_for(mix)

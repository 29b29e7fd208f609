"""What a restricted model came from, kept from others whatever they register."""

import pytest
from django.db.models import QuerySet

from accounts.actors import Actor
from core.refusals import Conflict, NotFound
from registry import artifacts, logged_models, registered, runs, versions
from registry.artifacts import parse_place
from registry.models import Experiment, LoggedModel, ModelVersion, RegisteredModel, Run
from registry.restricted import shown
from registry.versions import Registration
from tests.factories import make_model, make_run, put

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ELSEWHERE = "s3://bucket/model"


@pytest.fixture
def run(dana: Actor) -> Run:
    return make_run(dana, metrics={"auc": 0.9})


def register(model: RegisteredModel, actor: Actor, source: str, run_id: str = "", model_id: str = "") -> ModelVersion:
    return versions.register_version(model, Registration(source, run_id=run_id, model_id=model_id), actor=actor)


def logged(run: Run, actor: Actor, name: str) -> LoggedModel:
    made = logged_models.create_logged_model(Experiment.objects.get(pk=0), actor=actor, name=name, source_run=run)
    artifacts.put_file(parse_place(f"{artifacts.logged_model_root(made)}/MLmodel"), [b"flavors: {}"], actor=actor)
    return made


def keep(model: RegisteredModel, owner: Actor) -> None:
    registered.update_model(model, actor=owner, restricted=True)


def seen(rows: QuerySet[Run] | QuerySet[LoggedModel], actor: Actor) -> bool:
    return shown(rows, actor=actor).exists()  # type: ignore[type-var]


def test_a_claim_on_somebody_elses_run_does_not_open_it_later(run: Run, dana: Actor, eli: Actor) -> None:
    register(make_model(eli, "mine"), eli, ELSEWHERE, run.run_id)
    secret = make_model(dana)
    register(secret, dana, f"runs:/{run.run_id}/model")
    assert runs.find_run(run.run_id, actor=eli) == run
    keep(secret, dana)
    with pytest.raises(NotFound):
        runs.find_run(run.run_id, actor=eli)


def test_a_claim_hides_and_pins_nobody_elses_run(run: Run, dana: Actor, eli: Actor, people: dict[str, Actor]) -> None:
    claimed = make_model(eli, "mine")
    register(claimed, eli, ELSEWHERE, run.run_id)
    keep(claimed, eli)
    assert seen(Run.objects.filter(pk=run.pk), people["rita"])
    runs.delete_run(run, actor=dana)
    run.refresh_from_db()
    assert run.lifecycle_stage == "deleted"


def test_an_authors_own_word_counts_where_the_files_are_elsewhere(run: Run, dana: Actor, eli: Actor) -> None:
    secret = make_model(dana)
    register(secret, dana, ELSEWHERE, run.run_id)
    keep(secret, dana)
    assert not seen(Run.objects.filter(pk=run.pk), eli)
    with pytest.raises(Conflict):
        runs.delete_run(run, actor=dana)


def test_all_that_a_hidden_run_logged_is_hidden_with_its_files(run: Run, dana: Actor, eli: Actor) -> None:
    taken, left = logged(run, dana, "taken"), logged(run, dana, "left")
    put(run, "plots/roc.png", b"png", dana)
    secret = make_model(dana)
    register(secret, dana, f"models:/{taken.pk}", model_id=taken.pk)
    roots = [artifacts.run_root(run), artifacts.logged_model_root(taken), artifacts.logged_model_root(left)]
    assert all(artifacts.list_files(parse_place(root), actor=eli) for root in roots)
    keep(secret, dana)
    for root in roots:
        assert artifacts.list_files(parse_place(root), actor=dana)
        with pytest.raises(NotFound):
            artifacts.list_files(parse_place(root), actor=eli)
    for one in (taken, left):
        with pytest.raises(NotFound):
            logged_models.find_logged_model(one.pk, actor=eli)
        with pytest.raises(NotFound, match="Logged model"):
            register(make_model(eli, f"of {one.name}"), eli, ELSEWHERE, model_id=one.pk)


def test_a_logged_model_of_a_hidden_run_is_read_where_it_is_registered_openly(
    run: Run, dana: Actor, eli: Actor
) -> None:
    taken, open_one = logged(run, dana, "taken"), logged(run, dana, "open")
    secret = make_model(dana)
    register(secret, dana, f"models:/{taken.pk}")
    register(make_model(dana, "Open"), dana, f"models:/{open_one.pk}")
    keep(secret, dana)
    assert not seen(LoggedModel.objects.filter(pk=taken.pk), eli)
    assert seen(LoggedModel.objects.filter(pk=open_one.pk), eli)


def test_files_that_are_here_came_from_no_run_that_is_only_named(run: Run, dana: Actor, eli: Actor) -> None:
    alone = logged_models.create_logged_model(Experiment.objects.get(pk=0), actor=eli)
    artifacts.put_file(parse_place(f"{artifacts.logged_model_root(alone)}/MLmodel"), [b"flavors: {}"], actor=eli)
    made = register(make_model(eli, "mine"), eli, f"models:/{alone.pk}", run.run_id)
    assert (made.verified, made.run_id) == (True, "")
    of_run = register(made.model, eli, f"runs:/{make_run(eli).run_id}/model", model_id=logged(run, dana, "a").pk)
    assert of_run.logged_model_id == ""

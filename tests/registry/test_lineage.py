"""Where a version is from, as far as anybody logged it."""

import pytest

from accounts.actors import Actor
from deployments import endpoints, rollouts
from deployments.plan import Strategy
from deployments.plans import Plan
from registry import lineage, measurements, versions
from registry.cards import card_of
from registry.models import ModelVersion, RunTag
from tests.factories import locked, make_model, make_run, make_version
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
COMMIT = "4be1c2aa55209f3c1d0a77e05b2c4be1c2aa5520"
TAGS = {
    "mlflow.source.git.commit": COMMIT,
    "mlflow.source.git.branch": "main",
    "mlflow.source.git.repoURL": "https://git.example/risk",
    "mlflow.source.name": "train.py",
    "mlflow.parentRunId": "a" * 32,
    "mlflow.runName": "bold-fox",
}


def steps(version: ModelVersion) -> dict[str, lineage.Step]:
    return {step.label: step for step in lineage.steps(version, card_of(version))}


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    run = make_run(dana)
    RunTag.objects.bulk_create(RunTag(run=run, key=key, value=value) for key, value in TAGS.items())
    measurements.log_inputs(
        run, datasets=[{"dataset": {"name": "loans", "digest": "abc1234"}}], model_ids=["m-" + "b" * 32], actor=dana
    )
    asked = versions.Registration(f"runs:/{run.run_id}/model", run_id=run.run_id)
    made = versions.register_version(make_model(dana), asked, actor=dana)
    made.environment = {**made.environment, "lock": "e" * 64}
    made.save(update_fields=["environment"])
    return made


def test_everything_that_was_logged_is_told_in_order(version: ModelVersion) -> None:
    found = steps(version)
    assert list(found) == [
        "commit", "repository", "script", "data", "parent model", "parent run", "run", "parameters", "frozen files",
        "environment lock", "version",
    ]  # fmt: skip
    assert (found["commit"].text, found["commit"].digest) == ("4be1c2aa5520 (main)", COMMIT)
    assert (found["data"].text, found["data"].digest) == ("loans", "abc1234")
    assert found["environment lock"].digest == "e" * 64
    assert (found["run"].text, found["run"].kind) == ("bold-fox", "run")


def test_a_copy_names_what_it_is_a_copy_of(version: ModelVersion, dana: Actor) -> None:
    asked = versions.Registration(f"models:/{version.model.name}/1")
    copy = versions.register_version(make_model(dana, "Copy"), asked, actor=dana)
    step = steps(copy)["copied from"]
    assert (step.text, step.kind, step.key, step.version) == (
        f"{version.model.name} version 1",
        "version",
        version.model.name,
        1,
    )


def test_a_repository_is_a_link_only_where_it_is_an_address(dana: Actor) -> None:
    run = make_run(dana)
    RunTag.objects.create(run=run, key="mlflow.source.git.repoURL", value="javascript:alert(1)")
    asked = versions.Registration(f"runs:/{run.run_id}/model", run_id=run.run_id)
    made = versions.register_version(make_model(dana), asked, actor=dana)
    assert steps(made)["repository"].kind == ""
    assert 'href="javascript' not in browser(dana).get(f"/models/{made.model.name}/versions/1").content.decode()


def test_page_and_own_rest_tell_it_with_deployments(version: ModelVersion, dana: Actor, eli: Actor) -> None:
    staging = endpoints.create_endpoint("fraud-staging", model=version.model, environment="staging", actor=eli)
    rollout = rollouts.start(locked(version), staging, Plan(Strategy.ALL_AT_ONCE), actor=eli)
    page = browser(dana).get(f"/models/{version.model.name}/versions/1").content.decode()
    for part in (
        'href="https://git.example/risk"',
        f'href="/runs/{version.run_id}"',
        f'href="/deployments/{rollout.pk}"',
    ):
        assert part in page, part
    said = browser(dana).get(f"/api/v1/models/{version.model.name}/versions/1").json()["lineage"]
    assert {"label": "data", "text": "loans", "digest": "abc1234"} in said


def test_a_version_of_which_nothing_was_logged_says_so(dana: Actor) -> None:
    assert list(steps(make_version(make_model(dana), dana)))[-2:] == ["frozen files", "version"]

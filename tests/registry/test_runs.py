"""Experiments, runs and logged models: who may write them, what is kept, what stays."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from pytest_django import Settings

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import AlreadyExists, Conflict, Denied, Invalid, NotFound
from registry import evidence, experiments, logged_models, measurements, run_search, runs, transitions, versions
from registry.logged_models import Dataset, Ordered
from registry.measurements import Batch, Measurement
from registry.models import Experiment, LoggedModel, Metric, Run
from registry.models.tracking import Lifecycle
from registry.paging import Page
from registry.search import Asked
from registry.stages import Stage
from tests.factories import make_model, make_run, make_version, put

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture
def experiment() -> Experiment:
    return Experiment.objects.get(pk=0)


@pytest.fixture
def run(dana: Actor, experiment: Experiment) -> Run:
    return runs.create_run(experiment, actor=dana)


def tags_of(run: Run) -> dict[str, str]:
    return dict(run.tags.values_list("key", "value"))


def test_a_run_without_a_name_gets_one_and_the_tag_says_it(run: Run) -> None:
    assert run.name.count("-") == 2
    assert tags_of(run) == {"mlflow.runName": run.name}


def test_a_run_is_named_by_its_tag_and_renamed_with_it(dana: Actor, experiment: Experiment) -> None:
    run = runs.create_run(experiment, actor=dana, tags={"mlflow.runName": "first"})
    assert run.name == "first"
    runs.set_run_tag(run, "mlflow.runName", "second", actor=dana)
    assert runs.find_run(run.pk, actor=dana).name == "second"
    runs.update_run(run, name="third", status="FINISHED", end_time=5, actor=dana)
    assert tags_of(run)["mlflow.runName"] == "third"
    with pytest.raises(Invalid, match="differ"):
        runs.create_run(experiment, actor=dana, name="a", tags={"mlflow.runName": "b"})


def test_only_its_author_or_an_engineer_writes_to_a_run(
    run: Run, eli: Actor, olga: Actor, otto: Actor, dana: Actor
) -> None:
    theirs = runs.create_run(run.experiment, actor=eli)
    runs.set_run_tag(run, "seen", "yes", actor=eli)
    with pytest.raises(Denied, match="somebody else's"):
        runs.set_run_tag(theirs, "seen", "yes", actor=dana)
    with pytest.raises(Denied) as refusal:
        runs.create_run(run.experiment, actor=olga)
    assert "Data scientist" in refusal.value.next_step
    with pytest.raises(Denied):
        runs.find_run(run.pk, actor=otto)


def test_a_param_never_changes(run: Run, dana: Actor) -> None:
    measurements.log_param(run, "depth", "3", actor=dana)
    measurements.log_param(run, "depth", "3", actor=dana)
    with pytest.raises(Invalid, match="already logged with value='3'"):
        measurements.log_param(run, "depth", "4", actor=dana)
    with pytest.raises(Invalid, match="already logged"):
        measurements.log_batch(run, Batch(params=[("new", "1"), ("new", "2")]), actor=dana)
    measurements.log_param(run, "long", "x" * 7000, actor=dana)
    measurements.log_param(run, "long", "x" * 7000, actor=dana)
    assert len(run.params.get(key="long").value) == 6000


def test_a_batch_is_kept_whole_or_not_at_all(run: Run, dana: Actor) -> None:
    measurements.log_param(run, "depth", "3", actor=dana)
    with pytest.raises(Invalid):
        measurements.log_batch(
            run, Batch([Measurement("m", 1.0, 1)], [("other", "1"), ("depth", "4")], {"t": "v"}), actor=dana
        )
    assert not run.metrics.exists()
    assert not run.params.filter(key="other").exists()


@pytest.mark.parametrize(
    "batch",
    [
        Batch([Measurement("m", 1.0, n) for n in range(1001)]),
        Batch(params=[(f"p{n}", "") for n in range(101)]),
        Batch(tags={f"t{n}": "" for n in range(101)}),
        Batch([Measurement("m", 1.0, n) for n in range(950)], [(f"p{n}", "") for n in range(51)]),
        Batch([Measurement("", 1.0, 1)]),
        Batch([Measurement("a,b", 1.0, 1)]),
        Batch([Measurement("k" * 251, 1.0, 1)]),
        Batch(params=[("a\nb", "")]),
        Batch(tags={"mlflow.runName": "n" * 251}),
    ],
)
def test_a_batch_has_limits(run: Run, dana: Actor, batch: Batch) -> None:
    with pytest.raises(Invalid):
        measurements.log_batch(run, batch, actor=dana)


def test_a_metric_sent_again_is_kept_once_and_the_newest_counts(run: Run, dana: Actor) -> None:
    values = [(0, 1, 0.1), (2, 1, 0.5), (2, 1, 0.5), (1, 9, 0.9), (2, 1, math.nan)]
    for step, timestamp, value in values:
        measurements.log_metric(run, Measurement("loss", value, timestamp, step), actor=dana)
    measurements.log_metric(run, Measurement("far", math.inf, 1), actor=dana)
    measurements.log_metric(run, Measurement("far", -math.inf, 2), actor=dana)
    newest = {row.key: row.special or row.value for row in run.metrics.newest()}
    assert newest == {"loss": 0.5, "far": "-Infinity"}
    history = measurements.metric_history(run, "loss", actor=dana)
    assert [row.special or row.value for row in history.rows] == [0.1, 0.5, "NaN", 0.9]
    first = measurements.metric_history(run, "loss", actor=dana, max_results=3)
    rest = measurements.metric_history(run, "loss", actor=dana, max_results=3, token=first.next_token)
    assert (len(first.rows), len(rest.rows), rest.next_token) == (3, 1, "")


def test_a_deleted_run_is_read_only_until_restored(run: Run, dana: Actor) -> None:
    runs.delete_run(run, actor=dana)
    runs.delete_run(run, actor=dana)
    with pytest.raises(Invalid, match="must be in the 'active' state"):
        measurements.log_param(run, "depth", "3", actor=dana)
    runs.restore_run(run, actor=dana)
    measurements.log_param(run, "depth", "3", actor=dana)
    assert list(Event.objects.filter(object_id=run.pk).values_list("action", flat=True).order_by("id")) == [
        "run.deleted",
        "run.restored",
    ]


def test_what_a_registered_version_came_from_stays(dana: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    came_from = Run.objects.get(pk=version.run_id)
    with pytest.raises(Conflict, match="evidence"):
        runs.delete_run(came_from, actor=dana)
    versions.delete_version(version, actor=dana)
    runs.delete_run(came_from, actor=dana)


def test_without_approvals_runs_are_deleted_as_mlflow_does(dana: Actor, settings: Settings) -> None:
    version = make_version(make_model(dana), dana)
    settings.APPROVALS = False
    runs.delete_run(Run.objects.get(pk=version.run_id), actor=dana)


def test_a_logged_model_of_a_registered_version_stays(run: Run, dana: Actor, eli: Actor) -> None:
    logged = logged_models.create_logged_model(run.experiment, source_run=run, name="model", actor=dana)
    put_logged(logged, dana)
    logged = logged_models.finalize_logged_model(logged, "LOGGED_MODEL_READY", actor=dana)
    asked = versions.Registration(source=f"models:/{logged.pk}")
    version = versions.register_version(make_model(dana), asked, actor=dana)
    assert (version.run_id, version.logged_model_id, version.run_author) == (run.pk, logged.pk, dana.user)
    with pytest.raises(Conflict, match="evidence"):
        logged_models.delete_logged_model(logged, actor=dana)
    with pytest.raises(Conflict, match="evidence"):
        experiments.delete_experiment(_own_experiment(logged), actor=eli)


def _own_experiment(logged: LoggedModel) -> Experiment:
    other = Experiment.objects.create(name="other")
    LoggedModel.objects.filter(pk=logged.pk).update(experiment=other)
    return other


def put_logged(logged: LoggedModel, actor: Actor) -> None:
    from registry import artifacts  # noqa: PLC0415

    place = artifacts.parse_place(f"{artifacts.logged_model_root(logged)}/MLmodel")
    artifacts.put_file(place, [b"flavors: {}"], actor=actor)


def test_evidence_and_authorship_are_of_the_run_that_wrote_the_files(dana: Actor, rita: Actor, eli: Actor) -> None:
    trained, lent = make_run(eli, metrics={"accuracy": 0.5}), make_run(dana, metrics={"accuracy": 0.99})
    asked = versions.Registration(source=f"runs:/{trained.pk}/model", run_id=lent.pk)
    version = versions.register_version(make_model(dana), asked, actor=dana)
    assert (version.run_id, version.run_author) == (trained.pk, eli.user)
    assert evidence.measured(version, "accuracy") == 0.5


def test_a_folder_is_another_than_one_of_other_case(dana: Actor) -> None:
    run = make_run(dana)
    put(run, "Model/extra.bin", b"x", dana)
    asked = versions.Registration(source=f"runs:/{run.pk}/model", run_id=run.pk)
    version = versions.register_version(make_model(dana), asked, actor=dana)
    assert version.manifest is not None
    assert sorted(version.manifest.files.values_list("path", flat=True)) == [
        "MLmodel",
        "model.skops",
        "requirements.txt",
    ]


@pytest.mark.parametrize(
    "source", ["http://[", "models:/Fraud-Detection/²", "mlflow-artifacts:/versions/x/y", "models:/x@y"]
)
def test_an_odd_source_is_refused(dana: Actor, source: str) -> None:
    with pytest.raises((Invalid, NotFound)):
        versions.register_version(make_model(dana), versions.Registration(source=source), actor=dana)


def test_experiments_are_made_renamed_deleted_and_restored_with_their_runs(dana: Actor) -> None:
    made = experiments.create_experiment("trials", tags={"team": "risk"}, actor=dana)
    run = runs.create_run(made, actor=dana)
    with pytest.raises(AlreadyExists):
        experiments.create_experiment("trials", actor=dana)
    experiments.rename_experiment(made, "trials 2", actor=dana)
    experiments.delete_experiment(made, actor=dana)
    assert runs.find_run(run.pk, actor=dana).lifecycle_stage == Lifecycle.DELETED
    with pytest.raises(Invalid, match="active"):
        runs.create_run(experiments.find_experiment(str(made.pk), actor=dana), actor=dana)
    experiments.restore_experiment(made, actor=dana)
    assert runs.find_run(run.pk, actor=dana).lifecycle_stage == Lifecycle.ACTIVE
    found = experiments.search_experiments(
        Asked(filter="tags.team = 'risk' AND name LIKE 'trial%' AND tags.none IS NULL AND creation_time > 1"),
        view="ALL",
        actor=dana,
    )
    assert [row.name for row in found.rows] == ["trials 2"]


def test_an_experiment_others_log_to_and_the_default_one_stay(dana: Actor, eli: Actor, experiment: Experiment) -> None:
    shared = experiments.create_experiment("shared", actor=dana)
    runs.create_run(shared, actor=eli)
    with pytest.raises(Denied, match="others log to"):
        experiments.delete_experiment(shared, actor=dana)
    with pytest.raises(Conflict, match="Default"):
        experiments.delete_experiment(experiment, actor=eli)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("metrics.loss > 0.4", 1),
        ("metrics.loss <= 0.4", 0),
        ("metrics.odd = 0", 0),
        ("params.depth = '3' AND tags.team = 'risk'", 1),
        ("attributes.status = 'RUNNING'", 1),
        ("run_name LIKE 'named%'", 1),
        ("run_id IN ('x')", 0),
        ("start_time >= 7", 1),
        ("user_id = 'dana'", 1),
        ("user_id = 'eli'", 0),
    ],
)
def test_runs_are_found(dana: Actor, experiment: Experiment, text: str, count: int) -> None:
    run = runs.create_run(experiment, actor=dana, name="named", start_time=7, tags={"team": "risk"})
    values = [Measurement("loss", 0.1, 1), Measurement("loss", 0.5, 2), Measurement("odd", math.nan, 1)]
    measurements.log_batch(run, Batch(values, [("depth", "3")]), actor=dana)
    found = run_search.search_runs(["0", "77"], Asked(filter=text), view="ACTIVE_ONLY", actor=dana)
    assert len(found.rows) == count


def test_runs_are_found_by_data_sets_files_and_what_is_absent(dana: Actor, experiment: Experiment) -> None:
    one, two = (runs.create_run(experiment, actor=dana, name=name) for name in ("one", "two"))
    measurements.log_batch(one, Batch((), [("p", "1")], {"a": "b"}), actor=dana)
    used: dict[str, object] = {
        "tags": [{"key": "mlflow.data.context", "value": "train"}],
        "dataset": {"name": "d", "digest": "1"},
    }
    measurements.log_inputs(one, datasets=[used], model_ids=[], actor=dana)

    def found(text: str = "", *order: str) -> list[str]:
        asked = Asked(filter=text, order_by=order)
        return [row.name for row in run_search.search_runs(["0"], asked, view="ALL", actor=dana).rows]

    of_one = [
        "datasets.name = 'd'", "dataset.digest IN ('1', '2')", "datasets.context LIKE 'tr%'", "dataset.name ILIKE 'D'",
        "params.p IS NOT NULL", "tags.a is not null AND params.'p' = '1'", f"artifact_uri LIKE '%{one.pk}/artifacts'",
    ]  # fmt: skip
    for text in of_one:
        assert found(text) == ["one"], text
    for text in ("params.p IS NULL", "tags.a IS NULL", f"artifact_uri = 'mlflow-artifacts:/0/{two.pk}/artifacts'"):
        assert found(text) == ["two"], text
    assert found("datasets.name LIKE 'D'") == found("datasets.name = 'e'") == []
    first, second = sorted((one, two), key=lambda run: run.pk)
    assert found("", "artifact_uri DESC") == [second.name, first.name]
    for text in ("datasets.bogus = 'x'", "datasets.name IS NULL", "metrics.m IS NULL", "end_time IS NOT NULL"):
        with pytest.raises(Invalid):
            found(text)
    with pytest.raises(Invalid):
        found("", "datasets.name")


def test_runs_are_ordered_by_metrics_params_and_attributes(dana: Actor, experiment: Experiment) -> None:
    for name, value in (("b", 0.2), ("a", 0.9), ("c", 0.5)):
        run = runs.create_run(experiment, actor=dana, name=name, tags={"t": name})
        measurements.log_batch(run, Batch([Measurement("auc", value, 1)], [("p", name)]), actor=dana)
    orders = {"metrics.auc DESC": "acb", "params.p": "abc", "tags.`t` DESC": "cba", "attributes.run_name": "abc"}
    for order, names in orders.items():
        found = run_search.search_runs(["0"], Asked(order_by=(order,)), view="ALL", actor=dana)
        assert "".join(row.name for row in found.rows) == names


def test_logged_models_are_found_tagged_and_end(run: Run, dana: Actor) -> None:
    logged = logged_models.create_logged_model(
        run.experiment, source_run=run, name="model", params={"p": "1"}, actor=dana
    )
    logged = logged_models.set_logged_model_tags(logged, {"a": "1", "b": "2"}, actor=dana)
    logged_models.delete_logged_model_tag(logged, "a", actor=dana)
    logged_models.log_logged_model_params(logged, {"q": "2"}, actor=dana)
    measurements.log_metric(run, Measurement("auc", 0.9, 1, model_id=logged.pk), actor=dana)
    for text, count in (
        ("name = 'model'", 1),
        ("tags.b = '2' AND params.q = '2'", 1),
        ("tags.b != '3'", 1),
        ("tags.a != '3'", 0),
        ("metrics.auc > 0.8", 1),
        (f"source_run_id = '{run.pk}'", 1),
        ("status = 'LOGGED_MODEL_READY'", 0),
    ):
        assert len(logged_models.search_logged_models(["0"], Asked(filter=text), actor=dana).rows) == count, text
    with pytest.raises(Invalid, match="Changing param"):
        logged_models.log_logged_model_params(logged, {"q": "3"}, actor=dana)
    logged_models.delete_logged_model(logged, actor=dana)
    with pytest.raises(NotFound):
        logged_models.find_logged_model(logged.pk, actor=dana)


def test_logged_models_are_searched_by_time_and_by_metrics_on_data_sets(run: Run, dana: Actor) -> None:
    """On `d` of digest 1 x has 2, y 3 and z 1; on another, later, 9, 8 and 7."""
    made = None
    for name, measured in (("x", (2, 9)), ("y", (3, 8)), ("z", (1, 7))):
        made = logged_models.create_logged_model(run.experiment, source_run=run, name=name, actor=dana)
        values = [
            Measurement("acc", value, at, at, made.pk, {"name": on, "digest": "1"})
            for at, (value, on) in enumerate(zip(measured, ("d", "later"), strict=True))
        ]
        measurements.log_batch(run, Batch(values), actor=dana)

    assert made is not None

    def found(text: str = "", *order_by: Ordered, on: tuple[Dataset, ...] = ()) -> str:
        asked = Asked(filter=text)
        rows = logged_models.search_logged_models(["0"], asked, order_by=order_by, on=on, actor=dana).rows
        return "".join(row.name for row in rows)

    assert found("", Ordered("metrics.acc")) == "zyx"
    assert found("", Ordered("metrics.acc", on=Dataset("d"))) == "zxy"
    assert found("", Ordered("metrics.acc", descending=True, on=Dataset("d", "1"))) == "yxz"
    assert found("", Ordered("metrics.acc", on=Dataset("none"))) == found("", Ordered("creation_timestamp", True))
    assert found("metrics.acc > 2") == "zyx"
    assert found("metrics.acc > 2", on=(Dataset("d"),)) == "y"
    assert found("", on=(Dataset("d", "2"),)) == ""
    at = clock.millis(made.created_at)
    last = f"creation_timestamp >= {at} AND last_updated_timestamp <= {at} AND creation_time = {at}"
    for text in (last, "name = 'z'", f"experiment_id = '0' AND artifact_location LIKE '%/models/{made.pk}/artifacts'"):
        assert found(text).startswith("z"), text
    for text in (f"creation_timestamp > {at}", f"creation_timestamp > {at - 10_000} AND creation_timestamp < 5"):
        assert found(text) == ""
    for field in ("bogus", "params.q"):
        with pytest.raises(Invalid, match="order by"):
            found("", Ordered(field))


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "x" * 501])
def test_a_logged_model_has_a_plain_name(run: Run, dana: Actor, name: str) -> None:
    with pytest.raises(Invalid, match="Invalid model name"):
        logged_models.create_logged_model(run.experiment, name=name, actor=dana)


def test_a_run_stays_writable_after_registration_and_the_evidence_does_not_move(dana: Actor) -> None:
    model = make_model(dana)
    run = make_run(dana, metrics={"accuracy": 0.5})
    version = versions.register_version(model, versions.Registration(source=f"runs:/{run.pk}/model"), actor=dana)
    measurements.log_metric(run, Measurement("accuracy", 0.99, 9, 9), actor=dana)
    assert evidence.measured(version, "accuracy") == 0.5
    transitions.transition(version, to=Stage.ARCHIVED, actor=dana)


WORDS = {"none": None, "nan": math.nan, "inf": math.inf, "two": 2.0, "one": 1.0, "-inf": -math.inf}


def pages_of_names(search: Callable[[str], Page[Any]]) -> list[str]:
    """Return the names of all rows, two a page."""
    found, token = [], ""
    while True:
        page = search(token)
        found += [row.name for row in page.rows]
        if not (token := page.next_token):
            return found


@pytest.fixture
def strange(dana: Actor, experiment: Experiment) -> None:
    """Runs and logged models whose `acc` is one of WORDS, by that name."""
    for name, value in WORDS.items():
        run = runs.create_run(experiment, actor=dana, name=name, start_time=5)
        logged = logged_models.create_logged_model(experiment, source_run=run, name=name, actor=dana)
        if value is not None:
            measurements.log_metric(run, Measurement("acc", value, 1, model_id=logged.pk), actor=dana)


@pytest.mark.parametrize(
    ("descending", "named"),
    [(False, ["-inf", "one", "two", "inf", "nan", "none"]), (True, ["inf", "two", "one", "-inf", "nan", "none"])],
)
@pytest.mark.usefixtures("strange")
def test_infinities_lie_among_numbers_and_nan_after_all(dana: Actor, descending: bool, named: list[str]) -> None:  # noqa: FBT001
    order = ("metrics.acc DESC" if descending else "metrics.acc",)

    def of_runs(token: str) -> Page[Run]:
        return run_search.search_runs(["0"], Asked("", order, 2, token), view="ACTIVE_ONLY", actor=dana)

    def of_models(token: str) -> Page[LoggedModel]:
        by = [Ordered("metrics.acc", descending)]
        return logged_models.search_logged_models(["0"], Asked("", (), 2, token), order_by=by, actor=dana)

    assert pages_of_names(of_runs) == named
    assert pages_of_names(of_models) == named


@pytest.mark.usefixtures("strange")
def test_infinities_kept_as_0_are_put_in_order(dana: Actor) -> None:
    Metric.objects.exclude(special="").update(value=0)
    import_module("registry.migrations.0012_infinite_metrics").order(apps, None)
    found = run_search.search_runs(["0"], Asked("", ("metrics.acc",)), view="ACTIVE_ONLY", actor=dana)
    assert [row.name for row in found.rows] == ["-inf", "one", "two", "inf", "nan", "none"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("metrics.acc > 1", {"two", "inf"}),
        ("metrics.acc >= 0", {"one", "two", "inf"}),
        ("metrics.acc < 1", {"-inf"}),
        ("metrics.acc <= 0", {"-inf"}),
        ("metrics.acc = 0", set()),
        ("metrics.acc != 1", {"-inf", "two", "inf", "nan"}),
        ("metrics.acc > 1e300", {"inf"}),
        ("metrics.acc < -1e300", {"-inf"}),
    ],
)
@pytest.mark.usefixtures("strange")
def test_infinities_compare_and_nan_is_unequal_to_every_number(dana: Actor, text: str, named: set[str]) -> None:
    of_runs = run_search.search_runs(["0"], Asked(text), view="ACTIVE_ONLY", actor=dana)
    of_models = logged_models.search_logged_models(["0"], Asked(text), actor=dana)
    assert {row.name for row in of_runs.rows} == {row.name for row in of_models.rows} == named

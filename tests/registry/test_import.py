"""What an import makes of what another server says, which is played here; the real ones are in `tests/wire`."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from accounts.actors import Actor
from core.refusals import Conflict
from registry import access, experiments, versions
from registry.imports import whole
from registry.imports.report import Report
from registry.models import Experiment, LoggedModel, ModelVersion, RegisteredModel, Run
from registry.names import PROMPT_TAG
from registry.origins import Origin
from registry.stages import Stage

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RUN, LOGGED = "a" * 32, "m-" + "b" * 32
PLACE = f"mlflow-artifacts:/7/models/{LOGGED}/artifacts"
THEN = 1_700_000_000_000


class There:
    """A server that answers from `said`: rows by key, and where the files of versions are."""

    uri = "http://there"
    place = "there"

    def __init__(self, said: Mapping[str, list[dict[str, Any]]], places: Mapping[str, str]) -> None:
        self.said, self.places = said, places

    def pages(self, key: str, path: str, /, *, body: Any = None, **query: str) -> Iterator[dict[str, Any]]:
        if key == "registered_models" and PROMPT_TAG in query.get("filter", ""):
            return
        for row in self.said.get(key, ()):
            numbers = (body or {}).get("experiment_ids")
            name = query.get("filter", "").partition("name = '")[2].partition("'")[0]
            if (not numbers or row["info"]["experiment_id"] in numbers) and (not name or row["name"] == name):
                yield row

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        if path.endswith("get-download-uri"):
            return {"artifact_uri": self.places[f"{query['name']}/{query['version']}"]}
        if path.startswith("api/v1/models/"):
            return {"manifest": self.said["digests"][0]}
        if path.endswith("runs/get"):
            return {"run": next(one for one in self.said["deleted"] if one["info"]["run_id"] == query["run_id"])}
        return {"files": [{"path": "MLmodel", "is_dir": False, "file_size": 11}]} if "artifacts" in path else {}

    def stream(self, path: str, /, **query: Any) -> Iterator[bytes]:
        yield b"flavors: {}"


def version(name: str, number: str, source: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": number, "source": source, "creation_timestamp": THEN, **more}


def import_from(monkeypatch: pytest.MonkeyPatch, actor: Actor, places: Mapping[str, str] = {}, **said: Any) -> Report:
    monkeypatch.setattr(whole, "Source", lambda *_: There(said, places))
    return whole.import_all("http://there", actor=actor, environ={}, progress=lambda *_: None)


def test_an_experiment_keeps_its_number_unless_it_is_taken(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    taken = experiments.create_experiment("mine", actor=eli)
    there = [{"experiment_id": str(number), "name": f"of {number}"} for number in (taken.pk, taken.pk + 1, 7000)]
    report = import_from(monkeypatch, eli, experiments=there)
    assert [one.sentence for one in report.differences] == [
        f"experiment {taken.pk}: number is '{taken.pk}' there and '7001' here (left so by the import)"
    ]
    assert Experiment.objects.get(pk=taken.pk + 1).name == f"of {taken.pk + 1}"
    assert Experiment.objects.get(pk=7000).name == "of 7000"
    assert experiments.create_experiment("next", actor=eli).pk == 7002


def test_a_copy_comes_over_whatever_became_of_the_name_it_was_copied_from(
    monkeypatch: pytest.MonkeyPatch, eli: Actor
) -> None:
    logged = {"info": {"model_id": LOGGED, "experiment_id": "7", "name": "m", "artifact_uri": PLACE}}
    versions = [
        version("Now", "1", f"models:/{LOGGED}"),
        version("Copy", "1", "models:/Now/1"),
        version("Copy", "2", "models:/Then/1"),
        version("Copy", "3", "models:/Gone/1"),
    ]
    report = import_from(
        monkeypatch, eli, {"Copy/2": PLACE, "Copy/3": "s3://bucket/model"},
        experiments=[{"experiment_id": "7", "name": "seven"}], models=[logged],
        registered_models=[{"name": "Now"}, {"name": "Copy"}], model_versions=versions,
    )  # fmt: skip
    assert report.failures == []
    made = {f"{one.model.name}/{one.version}": one for one in ModelVersion.objects.select_related("model")}
    assert {key: one.source for key, one in made.items()} == {
        "Now/1": f"models:/{LOGGED}",
        "Copy/1": "models:/Now/1",
        "Copy/2": f"models:/{LOGGED}",
        "Copy/3": "s3://bucket/model",
    }
    assert made["Copy/1"].manifest == made["Copy/2"].manifest == made["Now/1"].manifest is not None
    assert not made["Copy/3"].verified


def test_a_version_keeps_the_run_that_is_deleted_there(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    run = {"info": {"run_id": RUN, "experiment_id": "7", "run_name": "r", "status": "FINISHED"}}
    logged = {
        "info": {"model_id": LOGGED, "experiment_id": "7", "name": "m", "artifact_uri": PLACE, "source_run_id": RUN}
    }
    report = import_from(
        monkeypatch, eli, experiments=[{"experiment_id": "7", "name": "seven"}], deleted=[run], models=[logged],
        registered_models=[{"name": "A"}], model_versions=[version("A", "1", f"models:/{LOGGED}", run_id=RUN)],
    )  # fmt: skip
    assert report.failures == []
    assert (ModelVersion.objects.get().run_id, ModelVersion.objects.get().logged_model_id) == (RUN, LOGGED)


def test_a_tag_that_is_refused_costs_nothing_but_itself(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    tags = [{"key": "a\nb", "value": "x"}, {"key": "good", "value": "y"}]
    named = [*tags, {"key": "mlflow.runName", "value": "n" * 300}]
    run = {"info": {"run_id": RUN, "experiment_id": "7", "run_name": "n" * 300, "status": "FINISHED"},
           "data": {"tags": named}}  # fmt: skip
    logged = {"info": {"model_id": LOGGED, "experiment_id": "7", "name": "m", "artifact_uri": PLACE, "tags": tags}}
    report = import_from(
        monkeypatch, eli, experiments=[{"experiment_id": "7", "name": "seven", "tags": tags}], runs=[run],
        models=[logged], registered_models=[{"name": "A", "tags": tags}],
        model_versions=[version("A", "1", f"models:/{LOGGED}", run_id=RUN, tags=tags)],
    )  # fmt: skip
    kept = ModelVersion.objects.get()
    assert dict(kept.tags.values_list("key", "value")) == {"good": "y"}
    assert dict(kept.model.tags.values_list("key", "value")) == {"good": "y"}
    assert Experiment.objects.get(pk=7).tags == LoggedModel.objects.get().tags == {"good": "y"}
    made = Run.objects.get()
    assert dict(made.tags.values_list("key", "value")) == {"good": "y", "mlflow.runName": "n" * 250}
    assert [words.partition(" is left out")[0] for words in report.failures] == [
        r"experiment 7: the tag 'a\nb'",
        rf"run {RUN}: the tag 'a\nb'",
        f"run {RUN}: the tag 'mlflow.runName'",
        rf"logged model {LOGGED}: the tag 'a\nb'",
        r"model A: the tag 'a\nb'",
        r"version A/1: the tag 'a\nb'",
    ]


@pytest.mark.parametrize("name", [" A", "A\t"])
def test_a_model_whose_name_is_refused_is_reported_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, eli: Actor, name: str
) -> None:
    report = import_from(monkeypatch, eli, registered_models=[{"name": name}, {"name": "B"}])
    assert report.failures == [
        f"model {name}: A model name neither begins nor ends with a space or tab. Rename it there, and import again."
    ]
    assert RegisteredModel.objects.get().name == "B"


@pytest.mark.parametrize("same", [True, False], ids=["its digest", "another digest"])
def test_a_copy_in_another_signoff_is_known_by_its_digest_whatever_its_original_is_called(
    monkeypatch: pytest.MonkeyPatch,
    eli: Actor,
    same: bool,  # noqa: FBT001
) -> None:
    run = {"info": {"run_id": RUN, "experiment_id": "7", "artifact_uri": f"mlflow-artifacts:/7/{RUN}/artifacts",
                    "run_name": "r", "status": "FINISHED"}}  # fmt: skip
    there: dict[str, Any] = {"experiments": [{"experiment_id": "7", "name": "seven"}], "runs": [run]}
    original = version("Renamed", "1", f"runs:/{RUN}", run_id=RUN)
    import_from(monkeypatch, eli, registered_models=[{"name": "Renamed"}], model_versions=[original], **there)
    manifest = ModelVersion.objects.get().manifest
    assert manifest
    copy = version("Copy", "1", "models:/Before/1", run_id=RUN, creation_timestamp=THEN + 1)
    place = "mlflow-artifacts:/versions/0b7cd2b4-8a6f-4f0e-9a3e-0d1d8f3c0a55/1"
    report = import_from(
        monkeypatch, eli, {"Copy/1": place}, digests=[manifest.digest if same else "0" * 64],
        registered_models=[{"name": "Renamed"}, {"name": "Copy"}], model_versions=[original, copy], **there,
    )  # fmt: skip
    assert report.failures == []
    made = ModelVersion.objects.get(model__name="Copy")
    expected = ("models:/Renamed/1", manifest) if same else (f"imported:{place}", None)
    assert (made.source, made.manifest) == expected


def test_a_copy_below_a_later_number_comes_over_in_its_turn(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    there = [
        version("A", "1", "models:/Z/1", creation_timestamp=THEN + 1),
        version("A", "2", "s3://bucket/two", creation_timestamp=THEN + 2),
        version("A", "3", "models:/Z/1", creation_timestamp=THEN + 3),
        version("A", "4", "s3://bucket/four", creation_timestamp=THEN + 3),
        version("Z", "1", "s3://bucket/one", creation_timestamp=THEN),
        version("Z", "2", "models:/A/3", creation_timestamp=THEN + 4),
    ]
    report = import_from(monkeypatch, eli, registered_models=[{"name": "A"}, {"name": "Z"}], model_versions=there)
    assert (report.failures, report.differences) == ([], [])
    made = {f"{one.model.name}/{one.version}": one.source for one in ModelVersion.objects.select_related("model")}
    assert made == {f"{one['name']}/{one['version']}": one["source"] for one in there}


def test_a_number_that_an_import_left_out_is_taken_by_the_next(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    one, two, three = (version("A", str(number), f"s3://bucket/{number}") for number in (1, 2, 3))
    import_from(monkeypatch, eli, registered_models=[{"name": "A"}], model_versions=[one, three])
    report = import_from(monkeypatch, eli, registered_models=[{"name": "A"}], model_versions=[one, two, three])
    assert (report.failures, report.differences) == ([], [])
    model = RegisteredModel.objects.get()
    assert sorted(model.versions.values_list("version", flat=True)) == [1, 2, 3]
    assert model.next_version == 4
    versions.delete_version(model.versions.get(version=2), actor=eli)
    with pytest.raises(Conflict, match="used here already"):
        versions.register_version(
            model, versions.Registration("s3://bucket/2", origin=Origin(THEN, THEN, {}, 2)), actor=eli
        )


def test_files_that_are_elsewhere_are_not_those_of_the_run_that_is_named(
    monkeypatch: pytest.MonkeyPatch, eli: Actor
) -> None:
    run = {"info": {"run_id": RUN, "experiment_id": "7", "artifact_uri": f"mlflow-artifacts:/7/{RUN}/artifacts",
                    "run_name": "r", "status": "FINISHED"}}  # fmt: skip
    report = import_from(
        monkeypatch, eli, experiments=[{"experiment_id": "7", "name": "seven"}], runs=[run],
        registered_models=[{"name": "Far"}], model_versions=[version("Far", "1", "s3://bucket/model", run_id=RUN)],
    )  # fmt: skip
    assert report.failures == []
    made = ModelVersion.objects.get()
    assert (made.source, made.run_id, made.verified) == ("s3://bucket/model", RUN, False)


def test_a_version_that_stood_in_a_stage_keeps_its_moments(monkeypatch: pytest.MonkeyPatch, eli: Actor) -> None:
    there = version("Old", "1", "s3://bucket/model", current_stage="Staging", last_updated_timestamp=THEN + 5000)
    models = [{"name": "Old", "creation_timestamp": THEN, "last_updated_timestamp": THEN + 9000}]
    import_from(monkeypatch, eli, registered_models=models, model_versions=[there])
    made = access.find_version("Old", 1, actor=eli)
    assert made.stage == Stage.STAGING
    moments = [made.created_at, made.updated_at, made.model.updated_at]
    assert [round(moment.timestamp() * 1000) - THEN for moment in moments] == [0, 5000, 9000]


def test_a_name_that_moves_the_cursor_moves_nothing() -> None:
    report = Report("http://there")
    report.failures.append("model a\x1b[2J\r\u202eb: too odd")
    assert list(report.lines())[-1] == "FAILED model a\\x1b[2J\\r\\u202eb: too odd"

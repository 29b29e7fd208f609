"""registered-models/* and model-versions/* as MLflow answers them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.actors import Actor
from registry import registered, transitions, versions
from registry.models import LoggedModel, ModelVersion, RegisteredModel
from registry.stages import Stage
from tests.factories import make_model, make_run, make_version
from tests.web.mlflow.conftest import Api, refused

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
NAME = "Fraud-Detection"


@pytest.fixture
def model(dana: Actor) -> RegisteredModel:
    return make_model(dana)


@pytest.fixture
def version(model: RegisteredModel, dana: Actor) -> ModelVersion:
    return make_version(model, dana)


def test_a_model_is_created_once_and_shown_as_mlflow_does(api: Api) -> None:
    tags = [{"key": "team", "value": "a"}, {"key": "team", "value": "risk"}, {"key": "bare"}]
    said = api.post("registered-models/create", name="Größe 1", description="all", tags=tags).json()["registered_model"]
    assert said.pop("creation_timestamp") == said.pop("last_updated_timestamp")
    assert said == {
        "name": "Größe 1",
        "user_id": "dana",
        "description": "all",
        "tags": [{"key": "bare", "value": ""}, {"key": "team", "value": "risk"}],
    }
    assert api.get("registered-models/get", name="Größe 1").json()["registered_model"]["name"] == "Größe 1"
    again = api.post("registered-models/create", name="Größe 1")
    refused(again, 400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=Größe 1) already exists.")


def test_whoever_may_not_create_is_told_that_the_model_exists_so_that_clients_go_on(
    olga: Actor, model: RegisteredModel
) -> None:
    refused(Api(olga).post("registered-models/create", name=NAME), 400, "RESOURCE_ALREADY_EXISTS")
    refused(Api(olga).post("registered-models/create", name="New"), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("name", [" ", "a/b", "a:b", ".", "..", "x" * 301, "a\nb"])
def test_a_bad_name_is_refused(api: Api, name: str) -> None:
    refused(api.post("registered-models/create", name=name), 400, "INVALID_PARAMETER_VALUE")


def test_a_model_is_described_renamed_and_deleted(api: Api, model: RegisteredModel) -> None:
    said = api.patch("registered-models/update", name=NAME, description="words").json()["registered_model"]
    assert said["description"] == "words"
    assert "description" not in api.patch("registered-models/update", name=NAME).json()["registered_model"]
    assert api.post("registered-models/rename", name=NAME, new_name="B").json()["registered_model"]["name"] == "B"
    assert api.post("registered-models/rename", name="B", new_name="B").status_code == 200
    refused(api.get("registered-models/get", name=NAME), 404, "RESOURCE_DOES_NOT_EXIST", f"name={NAME} not found")
    assert api.delete("registered-models/delete", name="B").json() == {}
    refused(api.delete("registered-models/delete", name="B"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_new_name_is_a_change_of_each_version(api: Api, version: ModelVersion) -> None:
    api.post("registered-models/rename", name=NAME, new_name="B")
    said = api.get("model-versions/get", name="B", version="1").json()["model_version"]
    model = api.get("registered-models/get", name="B").json()["registered_model"]
    assert said["last_updated_timestamp"] == model["last_updated_timestamp"] > said["creation_timestamp"]


def test_a_version_is_registered_and_shown_as_mlflow_does(api: Api, version: ModelVersion) -> None:
    answer = api.post(
        "model-versions/create", name=NAME, source=version.source, run_id=version.run_id, run_link="http://x"
    )
    said = answer.json()["model_version"]
    assert said.pop("creation_timestamp") == said.pop("last_updated_timestamp")
    assert said == {
        "name": NAME,
        "version": "2",
        "user_id": "dana",
        "current_stage": "None",
        "source": version.source,
        "run_id": version.run_id,
        "run_link": "http://x",
        "status": "READY",
    }
    uri = api.get("model-versions/get-download-uri", name=NAME, version="2").json()["artifact_uri"]
    assert uri == f"mlflow-artifacts:/versions/{version.model.uuid}/2"


def test_a_version_whose_files_are_elsewhere_is_loaded_from_there(api: Api, model: RegisteredModel) -> None:
    for source in ("s3://bucket/model", "models:/m-" + "a" * 32):
        number = api.post("model-versions/create", name=NAME, source=source).json()["model_version"]["version"]
        said = api.get("model-versions/get-download-uri", name=NAME, version=number).json()
        assert said == {"artifact_uri": source}
    waiting = api.post("model-versions/transition-stage", name=NAME, version="1", stage="Production")
    refused(waiting, 409, "RESOURCE_CONFLICT", "unverified")


def test_a_copy_keeps_the_place_of_files_that_are_elsewhere(api: Api, model: RegisteredModel) -> None:
    api.post("registered-models/create", name="Copy")
    for source in ("models:/" + NAME + "/1", "models:/Copy/1"):
        api.post("model-versions/create", name=NAME, source="s3://bucket/model")
        made = api.post("model-versions/create", name="Copy", source=source).json()["model_version"]
        assert made["source"] == source
    api.post("registered-models/rename", name=NAME, new_name="Renamed")
    api.delete("registered-models/delete", name="Renamed")
    for number in ("1", "2"):
        said = api.get("model-versions/get-download-uri", name="Copy", version=number).json()
        assert said == {"artifact_uri": "s3://bucket/model"}


def test_a_source_names_a_version_by_stage_alias_or_as_the_latest(
    api: Api, model: RegisteredModel, version: ModelVersion, eli: Actor, dana: Actor
) -> None:
    make_version(model, dana)
    transitions.transition(version, to=Stage.STAGING, actor=eli)
    transitions.set_alias(version, "blue", actor=dana)
    for word, number in (("/Staging", 1), ("/staging", 1), ("/latest", 2), ("@blue", 1), ("/2", 2)):
        answer = api.post("model-versions/create", name=NAME, source=f"models:/{NAME}{word}").json()
        assert answer["model_version"]["source"] == f"models:/{NAME}/{number}"
        api.delete("model-versions/delete", name=NAME, version=answer["model_version"]["version"])
    for source, status, words in (
        (f"models:/{NAME}@nix", 400, "Registered model alias nix not found."),
        (f"models:/{NAME}/Nowhere", 400, "Invalid Model Version stage"),
        (f"models:/{NAME}/Production", 404, f"No versions of model with name '{NAME}' and stage 'Production' found"),
        (f"models:/{NAME}/{'9' * 30}", 404, f"(name={NAME}, version={'9' * 30}) not found"),
        ("models:/Nope@a", 404, "Registered Model with name=Nope not found"),
        (f"models:/{NAME}", 400, "It names no version"),
    ):
        code = "INVALID_PARAMETER_VALUE" if status == 400 else "RESOURCE_DOES_NOT_EXIST"
        refused(api.post("model-versions/create", name=NAME, source=source), status, code, words)


@pytest.mark.parametrize(
    "source", ["/etc/passwd", "file:///etc", "http://x/y", "runs:/../x", "s3://b/%2e%2e/x", "http://[", "x" * 2001]
)
def test_a_source_that_points_nowhere_safe_is_refused(api: Api, model: RegisteredModel, source: str) -> None:
    refused(api.post("model-versions/create", name=NAME, source=source), 400, "INVALID_PARAMETER_VALUE")


def test_a_model_with_strict_sources_asks_for_the_run_or_logged_model_that_holds_the_files(
    api: Api, model: RegisteredModel, dana: Actor
) -> None:
    run, other = make_run(dana), make_run(dana)
    logged = LoggedModel.objects.create(model_id="m-" + "b" * 32, experiment_id=0, name="m", author=dana.person)
    of_run, by_proxy = f"runs:/{run.run_id}/model", f"mlflow-artifacts:/0/{run.run_id}/artifacts/model"
    of_logged, elsewhere = f"models:/{logged.pk}", "s3://bucket/model"
    fits = [
        {"source": of_run, "run_id": run.run_id},
        {"source": by_proxy, "run_id": run.run_id},
        {"source": of_logged, "model_id": logged.pk},
        {"source": elsewhere},
        {"source": f"models:/{NAME}/1"},
    ]
    clashes = [
        {"source": of_run},
        {"source": of_run, "run_id": other.run_id},
        {"source": by_proxy},
        {"source": by_proxy, "run_id": other.run_id},
        {"source": "mlflow-artifacts:/0"},
        {"source": of_logged},
    ]
    for asked in [*fits, *clashes[:-2]]:
        assert api.post("model-versions/create", name=NAME, **asked).status_code == 200, asked
    registered.update_model(model, actor=dana, strict_sources=True)
    for asked in fits:
        assert api.post("model-versions/create", name=NAME, **asked).status_code == 200, asked
    for asked in clashes:
        answer = api.post("model-versions/create", name=NAME, **asked)
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "strict sources")


def test_a_lenient_source_reads_nothing_of_a_run_that_is_kept_from_the_caller(
    api: Api, engineer: Api, model: RegisteredModel, dana: Actor
) -> None:
    hidden = make_version(model, dana, metrics={"auc": 0.875})
    registered.update_model(model, actor=dana, restricted=True)
    engineer.post("registered-models/create", name="mine")
    root = f"mlflow-artifacts:/0/{hidden.run_id}/artifacts/model"
    frozen = f"mlflow-artifacts:/versions/{model.uuid}/1"
    for source in (hidden.source, root, f"models:/{NAME}/1", frozen, "s3://bucket/model", f"models:/m-{'0' * 32}"):
        answer = engineer.post("model-versions/create", name="mine", source=source, run_id=hidden.run_id)
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
    assert not ModelVersion.objects.filter(model__name="mine").exists()


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        ("x", 400, "Parameter 'version' must be an integer, got 'x'."),
        ("1.0", 400, "must be an integer"),
        ("²", 400, "must be an integer"),
        ("2", 404, f"Model Version (name={NAME}, version=2) not found"),
        ("-1", 404, "not found"),
        ("9" * 12, 404, "not found"),
        ("9" * 400, 404, "not found"),
    ],
)
def test_a_version_number_is_a_number_that_exists(
    api: Api, version: ModelVersion, number: str, status: int, words: str
) -> None:
    code = "INVALID_PARAMETER_VALUE" if status == 400 else "RESOURCE_DOES_NOT_EXIST"
    refused(api.get("model-versions/get", name=NAME, version=number), status, code, words)
    refused(api.delete("model-versions/delete", name=NAME, version=number), status, code, words)


def test_tags_are_set_and_deleted_twice(api: Api, version: ModelVersion) -> None:
    for path, extra in (("registered-models", {}), ("model-versions", {"version": "1"})):
        kind = path.removesuffix("s").replace("-", "_")
        assert api.post(f"{path}/set-tag", name=NAME, key="k", **extra).json() == {}
        assert api.get(f"{path}/get", name=NAME, **extra).json()[kind]["tags"] == [{"key": "k", "value": ""}]
        for _ in range(2):
            assert api.delete(f"{path}/delete-tag", name=NAME, key="k", **extra).json() == {}
        assert "tags" not in api.get(f"{path}/get", name=NAME, **extra).json()[kind]
        refused(
            api.post(f"{path}/set-tag", name=NAME, key="a,b", **extra),
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid tag name",
        )


def test_tags_leave_the_models_timestamp_alone_and_a_stage_does_not(engineer: Api, version: ModelVersion) -> None:
    def stamp() -> int:
        said = engineer.get("registered-models/get", name=NAME).json()["registered_model"]
        return int(said["last_updated_timestamp"])

    before = stamp()
    engineer.post("registered-models/set-tag", name=NAME, key="k", value="v")
    engineer.patch("model-versions/update", name=NAME, version="1", description="d")
    assert stamp() == before
    engineer.post("model-versions/transition-stage", name=NAME, version="1", stage="staging")
    assert stamp() > before


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V22", "a b", "a/b", "x" * 256])
def test_a_bad_alias_is_refused(api: Api, version: ModelVersion, alias: str) -> None:
    answer = api.post("registered-models/alias", name=NAME, alias=alias, version="1")
    refused(answer, 400, "INVALID_PARAMETER_VALUE")


def test_aliases_are_strings_on_a_version_and_pairs_on_a_model(api: Api, version: ModelVersion) -> None:
    for alias in ("blue", "123", "größe"):
        assert api.post("registered-models/alias", name=NAME, alias=alias, version="1").json() == {}
    model = api.get("registered-models/get", name=NAME).json()["registered_model"]
    assert {"alias": "blue", "version": "1"} in model["aliases"]
    assert sorted(model["latest_versions"][0]["aliases"]) == ["123", "blue", "größe"]
    assert api.get("registered-models/alias", name=NAME, alias="blue").json()["model_version"]["version"] == "1"
    for _ in range(2):
        assert api.delete("registered-models/alias", name=NAME, alias="blue").json() == {}
    absent = api.get("registered-models/alias", name=NAME, alias="blue")
    refused(absent, 400, "INVALID_PARAMETER_VALUE", "Registered model alias blue not found.")


def test_the_alias_latest_is_the_highest_number(api: Api, model: RegisteredModel, dana: Actor) -> None:
    none = api.get("registered-models/alias", name=NAME, alias="latest")
    refused(none, 404, "RESOURCE_DOES_NOT_EXIST", f"Latest version not found for model {NAME}.")
    for _ in range(2):
        make_version(model, dana)
    for alias in ("latest", "LATEST"):
        found = api.get("registered-models/alias", name=NAME, alias=alias).json()["model_version"]
        assert found["version"] == "2"


def test_latest_versions_are_the_highest_of_each_stage(
    engineer: Api, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    made = [make_version(model, dana) for _ in range(4)]
    for version, stage in zip(made, (Stage.STAGING, Stage.STAGING, Stage.ARCHIVED, Stage.NONE), strict=True):
        transitions.transition(version, to=stage, actor=eli)

    def found(**query: Any) -> list[str]:
        said = engineer.post("registered-models/get-latest-versions", name=NAME, **query).json()
        return [v["version"] for v in said["model_versions"]]

    assert found() == found(stages=[]) == ["2", "3", "4"]
    assert found(stages=["STAGING"]) == ["2"]
    query = engineer.get("registered-models/get-latest-versions", name=NAME, stages=["staging", "Archived"]).json()
    assert [v["version"] for v in query["model_versions"]] == ["2", "3"]
    refused(
        engineer.post("registered-models/get-latest-versions", name=NAME, stages=["Prod"]),
        400,
        "INVALID_PARAMETER_VALUE",
        "Value must be one of None, Staging, Production, Archived.",
    )


def test_production_waits_for_a_sign_off_and_says_where(api: Api, version: ModelVersion, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://signoff.example.org"
    move = {"name": NAME, "version": "1", "stage": "PRODUCTION", "archive_existing_versions": True}
    first = api.post("model-versions/transition-stage", move)
    refused(first, 403, "PERMISSION_DENIED", "https://signoff.example.org/approvals/")
    refused(first, 403, "PERMISSION_DENIED", "is open now")
    again = api.post("model-versions/transition-stage", move)
    refused(again, 403, "PERMISSION_DENIED", "still waiting")
    assert again.json()["message"].split("/approvals/")[1] == first.json()["message"].split("/approvals/")[1]
    assert "Reviewer" in first.json()["message"]
    refused(api.delete("model-versions/delete", name=NAME, version="1"), 409, "RESOURCE_CONFLICT", "approval request")


def test_champion_waits_for_a_sign_off_too(api: Api, version: ModelVersion) -> None:
    answer = api.post("registered-models/alias", name=NAME, alias="champion", version="1")
    assert f"{NAME} version 1 needs an approval to become @champion. Request #" in answer.json()["message"]
    refused(answer, 403, "PERMISSION_DENIED", "http://testserver/approvals/")


def test_with_approvals_off_operators_move_directly(olga: Actor, version: ModelVersion, settings: Settings) -> None:
    settings.APPROVALS = False
    said = Api(olga).post("model-versions/transition-stage", name=NAME, version="1", stage="Production").json()
    assert said["model_version"]["current_stage"] == "Production"


@pytest.mark.parametrize("stage", ["None", "archived"])
def test_archiving_others_goes_with_staging_and_production_only(
    engineer: Api, version: ModelVersion, stage: str
) -> None:
    answer = engineer.post(
        "model-versions/transition-stage", name=NAME, version="1", stage=stage, archive_existing_versions=True
    )
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "archive_existing_versions")


def test_searches_page_and_take_repeated_orders(api: Api, dana: Actor) -> None:
    for name in ("b", "a", "c"):
        registered.create_model(name, actor=dana)
    first = api.get("registered-models/search", max_results=2, order_by=["name DESC"]).json()
    assert [m["name"] for m in first["registered_models"]] == ["c", "b"]
    rest = api.get(
        "registered-models/search", max_results=2, order_by=["name DESC"], page_token=first["next_page_token"]
    ).json()
    assert [m["name"] for m in rest["registered_models"]] == ["a"]
    assert "next_page_token" not in rest
    assert api.get("registered-models/search", filter="name = 'nothing'").json() == {}
    assert api.get("model-versions/search", max_results=10_000).json() == {}
    refused(api.get("registered-models/search", max_results=1001), 400, "INVALID_PARAMETER_VALUE")
    refused(
        api.get("model-versions/search", filter="status = 'READY'"), 400, "INVALID_PARAMETER_VALUE", "Invalid clause(s)"
    )


def queries_of(api: Api, path: str, **query: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert api.get(path, **query).status_code == 200
    return len(seen)


def test_reads_take_few_queries_that_do_not_grow(api: Api, dana: Actor) -> None:
    def grow(name: str) -> None:
        model = make_model(dana, name)
        for _ in range(2):
            version = make_version(model, dana)
            versions.set_version_tag(version, "k", "v", actor=dana)
            transitions.set_alias(version, f"a{version.version}", actor=dana)

    grow("one")
    reads = {
        ("registered-models/get", "one"): 7,
        ("model-versions/get", "one"): 5,
        ("registered-models/search", ""): 7,
        ("model-versions/search", ""): 7,
    }

    def ask(path: str, name: str) -> int:
        return queries_of(api, path, **({"name": name, "version": "1"} if name else {}))

    ask("registered-models/search", "")  # notes that the token was used, once a minute
    before = {read: ask(*read) for read in reads}
    grow("two")
    grow("three")
    assert {read: ask(*read) for read in reads} == before
    for read, limit in reads.items():
        assert before[read] <= limit, (read, before[read])


def test_a_get_without_a_query_is_read_from_its_body(api: Api) -> None:
    api.post("registered-models/create", name="A")
    api.post("registered-models/create", name="B")
    assert api.send("GET", "registered-models/get", name="A").json()["registered_model"]["name"] == "A"
    assert api.send("GET", "registered-models/get?name=B", name="A").json()["registered_model"]["name"] == "B"
    refused(api.send("GET", "registered-models/get", b"{"), 400, "INVALID_PARAMETER_VALUE", "JSON")


def test_a_parameter_that_stands_twice_is_refused_unless_it_is_a_list(api: Api) -> None:
    api.post("registered-models/create", name="A")
    twice = api.http.get("/api/2.0/mlflow/registered-models/get?name=A&name=B")
    refused(twice, 400, "INVALID_PARAMETER_VALUE", "'name' stands more than once")
    listed = "/api/2.0/mlflow/registered-models/search?order_by=name&order_by=timestamp&max_results=5"
    assert api.http.get(listed).status_code == 200

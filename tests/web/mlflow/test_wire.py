"""The rules of the protocol: methods, types, limits, refusals; never a 5xx for what the caller did."""

import base64
import json
from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from accounts.permissions import Scope
from audit.models import Event
from tests.web.mlflow.conftest import BASE, Api, refused

pytestmark = pytest.mark.django_db

MISSING = [
    ("POST", "registered-models/create", {}, "name"),
    ("POST", "registered-models/create", {"name": None}, "name"),
    ("POST", "registered-models/create", {"name": ""}, "name"),
    ("GET", "registered-models/get", {}, "name"),
    ("POST", "registered-models/rename", {"name": "a"}, "new_name"),
    ("POST", "registered-models/alias", {"name": "a", "version": "1"}, "alias"),
    ("POST", "model-versions/create", {"name": "a"}, "source"),
    ("GET", "model-versions/get", {"name": "a"}, "version"),
    ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Staging"}, "name"),
    ("POST", "runs/log-metric", {"run_id": "r", "key": "k", "timestamp": 1}, "value"),
    ("POST", "runs/log-parameter", {"key": "k", "value": "v"}, "run_id"),
    ("GET", "metrics/get-history", {"run_id": "r"}, "metric_key"),
    ("POST", "experiments/create", {}, "name"),
    ("POST", "logged-models", {"name": "m"}, "experiment_id"),
]
WRONG_TYPE = [
    ("registered-models/create", {"name": 5}, "name"),
    ("registered-models/create", {"name": "a", "tags": "x"}, "tags"),
    ("registered-models/create", {"name": "a", "tags": [1]}, "tags"),
    ("registered-models/create", {"name": "a", "tags": [{"key": 1}]}, "key"),
    ("registered-models/create", {"name": "a", "description": ["x"]}, "description"),
    ("model-versions/transition-stage", {"name": "a", "version": 1, "stage": "Staging"}, "version"),
    (
        "model-versions/transition-stage",
        {"name": "a", "version": "1", "stage": "Staging", "archive_existing_versions": "true"},
        "archive_existing_versions",
    ),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": "much", "timestamp": 1}, "value"),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": True, "timestamp": 1}, "value"),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": 10**400, "timestamp": 1}, "value"),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1, "timestamp": 2**63}, "timestamp"),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1, "timestamp": 1, "step": 1.5}, "step"),
    ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1, "timestamp": "soon"}, "timestamp"),
    ("runs/search", {"experiment_ids": [1]}, "experiment_ids"),
    ("runs/search", {"experiment_ids": ["0"], "max_results": "many"}, "max_results"),
    ("runs/log-batch", {"run_id": "r", "metrics": {"a": 1}}, "metrics"),
    ("runs/log-inputs", {"run_id": "r", "datasets": [{"dataset": "x"}]}, "dataset"),
]
UNREADABLE = [
    b"{",
    b"[]",
    b"5",
    b'"text"',
    b"\xff\xfe",
    b'{"name": ' + b"[" * 100_000,
    b'{"name": ' + b"[" * 60 + b"]" * 60 + b"}",
    b'{"name": "a\\u0000b"}',
    b'{"name": "\\ud800"}',
    b'{"name": "a", "x": ' + b"9" * 5000 + b"}",
    b'{"name": "a", "name": "b"}',
    b'{"name": "a", "tags": [{"key": "k", "value": "1", "value": "2"}]}',
    b'{"name": ' * 100_000 + b"1" + b"}" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
]


@pytest.mark.parametrize(("method", "path", "fields", "name"), MISSING)
def test_a_missing_field_is_named(api: Api, method: str, path: str, fields: dict[str, Any], name: str) -> None:
    answer = (
        api.get(path, **{k: v for k, v in fields.items() if v}) if method == "GET" else api.send(method, path, fields)
    )
    refused(answer, 400, "INVALID_PARAMETER_VALUE", f"Missing value for required parameter '{name}'")


@pytest.mark.parametrize(("path", "fields", "name"), WRONG_TYPE)
def test_a_value_of_another_type_is_named(api: Api, path: str, fields: dict[str, Any], name: str) -> None:
    answer = api.post(path, fields)
    refused(answer, 400, "INVALID_PARAMETER_VALUE", f"for parameter '{name}' supplied")
    assert answer.json()["message"].startswith("Invalid value ")


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_body_that_cannot_be_read_is_refused(api: Api, body: bytes) -> None:
    refused(api.post("registered-models/create", body), 400, "INVALID_PARAMETER_VALUE")


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    refused(api.post("registered-models/create", name="a" * 5_000_000), 400, "INVALID_PARAMETER_VALUE", "4 MiB")


def test_a_batch_over_its_limit_is_refused(api: Api) -> None:
    answer = api.post("runs/log-batch", run_id="r", tags=[{"key": "k", "value": "v" * 1_000_000}])
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "1000000 bytes")


@pytest.mark.parametrize(("sent", "words"), [("", "missing"), ("text/plain", "must be one of")])
def test_a_post_says_that_it_is_json(api: Api, sent: str, words: str) -> None:
    answer = api.http.generic("POST", f"{BASE}registered-models/create", b"{}", content_type=sent)
    refused(answer, 400, "INVALID_PARAMETER_VALUE", words)


def test_a_charset_a_double_encoding_and_unknown_fields_are_fine(api: Api) -> None:
    create = f"{BASE}registered-models/create"
    body = json.dumps(json.dumps({"name": "twice", "colour": "blue"}))
    answer = api.http.generic("POST", create, body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 200


def test_a_wrong_method_is_405_and_an_unknown_path_404_both_as_json(api: Api) -> None:
    answer = api.post("registered-models/get", name="a")
    refused(answer, 405, "BAD_REQUEST", "it takes GET")
    assert answer["Allow"] == "GET"
    for path in ("/api/2.0/mlflow/nothing", "/api/2.0/preview/mlflow/runs/get", "/ajax-api/2.0/mlflow/x"):
        refused(api.http.get(path), 404, "ENDPOINT_NOT_FOUND")


def test_browsers_paths_are_the_same(api: Api) -> None:
    assert api.http.get("/ajax-api/2.0/mlflow/experiments/get", {"experiment_id": "0"}).status_code == 200
    said = api.http.get("/api/3.0/mlflow/server-info").json()
    assert (said["workspaces_enabled"], said["multipart_uploads_enabled"]) == (False, True)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer so_x", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"dana:no").decode(), "Digest x"],
)
def test_whoever_is_not_known_is_told_how_to_be(dana: Actor, header: str) -> None:
    answer = Client().get(f"{BASE}registered-models/search", headers={"Authorization": header} if header else {})
    refused(answer, 401, "UNAUTHENTICATED", "MLFLOW_TRACKING_TOKEN")
    assert answer["WWW-Authenticate"] == 'Basic realm="mlflow"'


def test_a_token_as_a_password_is_bound_to_its_person(api: Api) -> None:
    for name, status in (("dana", 200), ("eli", 401), ("", 401), ("da\0na", 401)):
        secret = base64.b64encode(f"{name}:{api.token}".encode()).decode()
        answer = Client().get(f"{BASE}registered-models/search", headers={"Authorization": f"Basic {secret}"})
        assert answer.status_code == status


def test_a_session_is_no_credential_here(api: Api, dana: Actor) -> None:
    browser = Client()
    browser.force_login(dana.user, backend="django.contrib.auth.backends.ModelBackend")  # type: ignore[arg-type]
    assert browser.get(f"{BASE}registered-models/search").status_code == 401


def test_a_token_that_only_reads_does_not_write_and_the_ledger_says_so(dana: Actor) -> None:
    reader = Api(dana, Scope.READ)
    assert reader.get("registered-models/search").json() == {}
    refused(reader.post("registered-models/create", name="a"), 403, "PERMISSION_DENIED", "scope 'write'")
    assert Event.objects.filter(action="access.denied").count() == 1


def test_somebody_without_a_role_sees_nothing(otto: Actor, api: Api) -> None:
    api.post("registered-models/create", name="a")
    stranger = Api(otto)
    assert stranger.get("registered-models/search").json() == {}
    refused(stranger.get("registered-models/get", name="a"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(stranger.get("experiments/get", experiment_id="0"), 403, "PERMISSION_DENIED")
    refused(stranger.http.get("/api/2.0/mlflow-artifacts/artifacts", {"path": "0"}), 403, "PERMISSION_DENIED")

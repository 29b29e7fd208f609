"""`import_mlflow` from a running server: here another Signoff, whose wire is MLflow's."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.conftest import Client
from tests.wire.importing import FILL, Importing
from tests.wire.server import Server

pytestmark = pytest.mark.wire

LOOK = """
import mlflow
version = client.get_model_version("Imported fraud", "3")
run = client.get_run(version.run_id)
history = client.get_metric_history(version.run_id, "loss")
print(json.dumps({
    "numbers": sorted(int(v.version) for v in client.search_model_versions("name = 'Imported fraud'")),
    "stage": version.current_stage, "created": version.creation_timestamp, "run_id": version.run_id,
    "aliases": client.get_registered_model("Imported fraud").aliases,
    "description": client.get_registered_model("Imported fraud").description,
    "tags": client.get_registered_model("Imported fraud").tags,
    "first": [client.get_model_version("Imported fraud", "1").description,
              client.get_model_version("Imported fraud", "1").tags],
    "params": run.data.params, "team": run.data.tags["team"], "name": run.info.run_name,
    "times": [run.info.start_time, run.info.end_time], "status": run.info.status,
    "metrics": sorted([m.step, m.value, m.timestamp] for m in history), "odd": str(run.data.metrics["odd"]),
    "datasets": [i.dataset.name for i in run.inputs.dataset_inputs],
    "outputs": [o.model_id for o in run.outputs.model_outputs],
    "files": sorted(f.path for f in client.list_artifacts(version.run_id, "notes")),
    "text": mlflow.artifacts.load_text(f"runs:/{version.run_id}/notes/a b.txt"),
    "answers": [int(x) for x in mlflow.pyfunc.load_model("models:/Imported fraud/3").predict(
        __import__("pandas").DataFrame({"amount": [1.0, 40.0]}))],
    "copy": client.get_model_version("Imported copy", "1").source,
    "experiment": client.get_experiment(run.info.experiment_id).name,
}))
"""
LEDGER = """
import json, django
django.setup()
from audit.models import Event
rows = [json.loads(bytes(e.body)) for e in Event.objects.order_by("id")]
print(json.dumps([[r["action"], r["actor"]["name"], r["actor"]["via"], r["facts"], r["after"]] for r in rows]))
"""


def call(place: Server, method: str, path: str, body: dict[str, Any], *, refused: bool = False) -> dict[str, Any]:
    """Say it as eli, without the client, whose start takes seconds."""
    headers = {"Authorization": f"Bearer {place.token('eli')}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if method != "GET" else None
    address = f"{place.url}/api/2.0/mlflow/{path}".replace("mlflow/../", "")
    try:
        answer = urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method), timeout=60)
    except urllib.error.HTTPError as why:
        if not refused:
            raise
        answer = why
    said: dict[str, Any] = json.loads(answer.read() or b"{}")
    return said


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    made = Importing(tmp_path_factory.mktemp("import") / "home")
    yield made
    made.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Where it comes from: a server of its own, so that nothing else is on it."""
    made = Server(tmp_path_factory.mktemp("there") / "home")
    yield made
    made.end()


def test_a_server_is_imported_kept_up_with_and_not_believed(client: Client, server: Server, here: Importing) -> None:
    everything_comes_over_once_though_it_was_killed(client, server, here)
    the_ledger_says_who_imported_and_from_where(here, server)
    what_changed_meanwhile_is_told_and_left(server, here)
    what_was_in_production_there_is_not_signed_here(server, here)


def everything_comes_over_once_though_it_was_killed(client: Client, server: Server, here: Importing) -> None:
    client.run("eli", FILL)
    credentials = {"MLFLOW_TRACKING_TOKEN": server.token("aude")}
    here.import_and_kill(server.url, after_files=3, **credentials)
    report = here.import_from(server.url, **credentials)
    assert report["failures"] == []
    assert report["status"] == 0
    assert report["differences"] == []

    there, copied = (
        json.loads(Client(place, client.folder).run("eli", LOOK).splitlines()[-1]) for place in (server, here)
    )
    assert copied == there
    assert copied["numbers"] == [1, 3]
    assert (copied["stage"], copied["aliases"], copied["odd"]) == ("Staging", {"blue": "3"}, "nan")
    assert len(copied["metrics"]) >= 20

    size = len(json.loads(here.django(LEDGER)))
    again = here.import_from(server.url, **credentials)
    assert (again["added"], again["differences"], again["failures"]) == ({}, [], [])
    assert again["unchanged"]["version"] == 3
    assert len(json.loads(here.django(LEDGER))) == size


def the_ledger_says_who_imported_and_from_where(here: Importing, server: Server) -> None:
    events = json.loads(here.django(LEDGER))
    versions = [event for event in events if event[0] == "version.registered"]
    assert len(versions) == 3
    for _, name, via, facts, after in versions:
        assert (name, via, facts["imported"]["from"]) == ("eli", "command", server.url)
        assert facts["verified"]
        assert after["manifest"]
    assert "import.begun" in {event[0] for event in events}


def what_changed_meanwhile_is_told_and_left(server: Server, here: Importing) -> None:
    credentials = {"MLFLOW_TRACKING_TOKEN": server.token("aude")}
    call(server, "PATCH", "registered-models/update", {"name": "Imported fraud", "description": "changed there"})
    tag = {"name": "Imported fraud", "version": "1", "key": "checked", "value": "no"}
    call(here, "POST", "model-versions/set-tag", tag)
    call(here, "DELETE", "registered-models/delete", {"name": "Imported copy"})
    report = here.import_from(server.url, **credentials)
    found = {(one["kind"], one["name"], one["field"], one["why"]) for one in report["differences"]}
    assert found == {
        ("model", "Imported fraud", "description", "there"),
        ("version", "Imported fraud/1", "tags.checked", "here"),
        ("model", "Imported copy", "", "gone here"),
        ("version", "Imported copy/1", "", "gone here"),
    }
    assert report["added"] == {}


def what_was_in_production_there_is_not_signed_here(server: Server, here: Importing) -> None:
    live = {"name": "Live there"}
    call(server, "POST", "registered-models/create", live)
    run_id = call(server, "POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    call(server, "PUT", f"../mlflow-artifacts/artifacts/0/{run_id}/artifacts/model/MLmodel", {"flavors": {}})
    call(server, "POST", "model-versions/create", {**live, "source": f"runs:/{run_id}/model", "run_id": run_id})
    move = {**live, "version": "1", "stage": "Production"}
    said = call(server, "POST", "model-versions/transition-stage", move, refused=True)["message"]
    server.decide(int(re.findall(r"/approvals/(\d+)", said)[0]), by="rita")
    call(server, "POST", "model-versions/transition-stage", move)
    credentials = {"MLFLOW_TRACKING_TOKEN": server.token("aude")}
    for words in ((), ()):
        report = here.import_from(server.url, *words, **credentials)
        found = [one for one in report["differences"] if one["name"] == "Live there/1"]
        assert {(one["field"], one["why"]) for one in found} == {("stage", "unsigned"), ("aliases", "unsigned")}
    version = call(here, "GET", "model-versions/get?name=Live%20there&version=1", {})["model_version"]
    assert (version["current_stage"], version.get("aliases", [])) == ("None", [])


def test_who_may_not_write_for_others_may_not_import(here: Importing, server: Server) -> None:
    process = here.begin(server.url, "--as", "dana")
    _, trouble = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ML engineer" in trouble


def test_a_wrong_password_is_one_sentence(here: Importing, server: Server) -> None:
    process = here.begin(server.url, MLFLOW_TRACKING_TOKEN="nobody")
    _, trouble = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "answered 401" in trouble
    assert "Traceback" not in trouble
    assert "nobody" not in trouble

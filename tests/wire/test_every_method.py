"""With approvals off the unmodified client meets MLflow: each of its methods that this server is for, in one script."""

import json
from collections.abc import Iterator

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire

LEFT_OUT = {
    "traces are not kept here": {
        "delete_trace_tag", "delete_traces", "end_span", "end_trace", "get_trace", "link_prompt_versions_to_trace",
        "link_traces_to_run", "search_traces", "set_trace_tag", "start_span", "start_trace", "unlink_traces_from_run",
    },
    "evaluation data sets are not kept here": {
        "add_dataset_to_experiments", "create_dataset", "delete_dataset", "delete_dataset_tag", "get_dataset",
        "remove_dataset_from_experiments", "search_datasets", "set_dataset_tags",
    },
    "there is one workspace, and server-info says so": {
        "create_workspace", "delete_workspace", "get_workspace", "get_workspace_store_uri", "list_workspaces",
        "update_workspace",
    },
    "the client's environment has neither Pillow nor matplotlib; both end in log_artifact": {"log_figure", "log_image"},
}  # fmt: skip
TOOL_SERVERS = "mcp_"  # a registry of tool servers, of MLflow's gateway

MIA = """
import django
django.setup()
from accounts import tokens
from accounts.actors import COMMAND
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user
user = create_user("mia", roles=[Role.ML_ENGINEER, Role.OPS, Role.ADMIN], actor=COMMAND)
print(tokens.mint(user, label="tests", scopes=[Scope.READ, Scope.WRITE], days=1, actor=COMMAND)[1])
"""

RECORD = """
import functools, inspect, time
from mlflow.entities import Metric, Param, RunTag, DatasetInput
called = set()

def recorded(name, method):
    @functools.wraps(method)
    def call(*args, **named):
        called.add(name)
        return method(*args, **named)
    return call

for name, method in inspect.getmembers(MlflowClient, inspect.isfunction):
    if not name.startswith("_"):
        setattr(MlflowClient, name, recorded(name, method))
every = [name for name, method in inspect.getmembers(MlflowClient, callable) if not name.startswith("_")]
names = lambda found: [one.name for one in found]
"""

RUNS = """
experiment = client.create_experiment("trials", tags={"a": "b"})
assert client.get_experiment("0").name == "Default"
assert client.get_experiment_by_name("trials").experiment_id == experiment
assert names(client.search_experiments(filter_string="name = 'trials'")) == ["trials"]
client.set_experiment_tag(experiment, "team", "risk")
client.rename_experiment(experiment, "tries")
client.delete_experiment(experiment)
client.restore_experiment(experiment)

run = client.create_run(experiment, run_name="first")
child = client.create_run(experiment, tags={"mlflow.parentRunId": run.info.run_id})
assert client.get_parent_run(child.info.run_id).info.run_id == run.info.run_id
r = run.info.run_id
client.log_metric(r, "auc", 0.5, step=1)
client.log_metric(r, "auc", 0.75, step=2)
assert [m.value for m in client.get_metric_history(r, "auc")] == [0.5, 0.75]
client.log_param(r, "depth", 3)
client.log_batch(r, [Metric("m", 1.0, 1, 0)], [Param("p", "1")], [RunTag("t", "v")])
client.set_tag(r, "note", "x")
client.delete_tag(r, "note")
source = mlflow.data.sources.HTTPDatasetSource("http://x/y.csv")
data = mlflow.data.meta_dataset.MetaDataset(source, name="y")._to_mlflow_entity()
client.log_inputs(r, [DatasetInput(data, [])])
client.update_run(r, status="RUNNING", name="renamed")
assert [one.info.run_id for one in client.search_runs([experiment], "params.depth = '3'")] == [r]
client.delete_run(child.info.run_id)
client.restore_run(child.info.run_id)

os.makedirs("folder", exist_ok=True)
open("folder/one.txt", "w").write("one")
client.log_artifact(r, "folder/one.txt", "files")
client.log_artifacts(r, "folder", "more")
client.log_text(r, "hello", "hello.txt")
client.log_dict(r, {"a": 1}, "a.json")
client.log_table(r, {"x": [1, 2]}, "table.json")
assert list(client.load_table(experiment, "table.json", run_ids=[r])["x"]) == [1, 2]
listed = [f.path for f in client.list_artifacts(r)]
assert listed == ["a.json", "files", "hello.txt", "more", "table.json"], listed
assert open(client.download_artifacts(r, "files/one.txt")).read() == "one"
"""

SINCE_3 = """
import io
from mlflow.entities import LoggedModelOutput

client.delete_experiment_tag(experiment, "team")
client.log_stream(r, io.BytesIO(b"stream"), "stream.bin")
assert "stream.bin" in [f.path for f in client.list_artifacts(r)]
model = client.create_logged_model(experiment, "model", r, params={"a": "b"}, model_type="agent")
client.log_model_params(model.model_id, {"c": "d"})
client.log_model_artifact(model.model_id, "folder/one.txt")
client.log_model_artifacts(model.model_id, "folder")
assert [f.path for f in client.list_logged_model_artifacts(model.model_id)] == ["one.txt"]
client.log_outputs(r, [LoggedModelOutput(model.model_id, step=0)])
client.set_logged_model_tags(model.model_id, {"k": "v"})
client.delete_logged_model_tag(model.model_id, "k")
assert str(client.finalize_logged_model(model.model_id, "READY").status) == "READY"
assert client.get_logged_model(model.model_id).params == {"a": "b", "c": "d"}
assert [m.model_id for m in client.search_logged_models([experiment], "name = 'model'")] == [model.model_id]
gone = client.create_logged_model(experiment, "gone")
client.delete_logged_model(gone.model_id)
client.set_terminated(r)
"""

REGISTRY = """
def number(name, **named):
    return client.create_model_version(name, f"runs:/{r}/files", r, **named).version

made = client.create_registered_model("Fraud", {"team": "risk"}, "all about it")
assert (made.name, made.description, made.tags, made.latest_versions, made.aliases) == ("Fraud", "all about it", {"team": "risk"}, [], {})
code, said = refusal(client.create_registered_model, "Fraud")
assert (code, said) == ("RESOURCE_ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS: Registered Model (name=Fraud) already exists."), said
code, said = refusal(client.get_registered_model, "Nothing")
assert code == "RESOURCE_DOES_NOT_EXIST" and "Registered Model with name=Nothing not found" in said
for bad in (" ", "a/b", "a:b", ".", ".."):
    assert refusal(client.create_registered_model, bad)[0] == "INVALID_PARAMETER_VALUE", bad
assert client.update_registered_model("Fraud", "other words").description == "other words"

# Numbers are never used twice while the model lives, and begin anew with a new model of its name.
assert [number("Fraud") for _ in range(3)] == ["1", "2", "3"]
client.delete_model_version("Fraud", "3")
assert refusal(client.delete_model_version, "Fraud", "3")[0] == "RESOURCE_DOES_NOT_EXIST"
assert number("Fraud", description="d", tags={"k": "v"}) == "4"
version = client.get_model_version("Fraud", 4)
assert (version.status, version.current_stage, version.run_id, version.description, version.tags) == ("READY", "None", r, "d", {"k": "v"})
code, said = refusal(client.get_model_version, "Fraud", "9")
assert code == "RESOURCE_DOES_NOT_EXIST" and "Model Version (name=Fraud, version=9) not found" in said
assert refusal(client.get_model_version, "Fraud", "x")[0] == "INVALID_PARAMETER_VALUE"
assert client.update_model_version("Fraud", "1", "words").description == "words"
assert client.get_model_version_download_uri("Fraud", "1").startswith("mlflow-artifacts:/")
assert "one.txt" in os.listdir(mlflow.artifacts.download_artifacts("models:/Fraud/1"))

# Stages: any case in, the canonical word out; others are archived when asked; straight to Production and back.
stages = lambda: {v.version: v.current_stage for v in client.search_model_versions("name = 'Fraud'")}
assert client.get_model_version_stages("Fraud", "1") == ["None", "Staging", "Production", "Archived"]
assert client.transition_model_version_stage("Fraud", "1", "production").current_stage == "Production"
assert client.transition_model_version_stage("Fraud", "2", "PRODUCTION").current_stage == "Production"
assert stages() == {"1": "Production", "2": "Production", "4": "None"}
client.transition_model_version_stage("Fraud", "4", "Production", archive_existing_versions=True)
assert stages() == {"1": "Archived", "2": "Archived", "4": "Production"}
assert client.transition_model_version_stage("Fraud", "4", "Production").current_stage == "Production"
client.transition_model_version_stage("Fraud", "1", "Staging", archive_existing_versions=True)
assert sorted(v.version for v in client.get_latest_versions("Fraud")) == ["1", "2", "4"]
assert [v.version for v in client.get_latest_versions("Fraud", ["production"])] == ["4"]
code, said = refusal(client.transition_model_version_stage, "Fraud", "4", "Live")
assert code == "INVALID_PARAMETER_VALUE" and "Value must be one of None, Staging, Production, Archived." in said
assert client.transition_model_version_stage("Fraud", "4", "None").current_stage == "None"
client.transition_model_version_stage("Fraud", "4", "Production")
before = client.get_registered_model("Fraud").last_updated_timestamp
time.sleep(0.01)
client.set_model_version_tag("Fraud", "4", "k", "w")
client.set_registered_model_alias("Fraud", "blue", "4")
client.update_model_version("Fraud", "4", "new words")
assert client.get_registered_model("Fraud").last_updated_timestamp == before
client.transition_model_version_stage("Fraud", "2", "Archived")

# Aliases: @champion like any other; moving, deleting twice, none of a version that is not there.
client.set_registered_model_alias("Fraud", "champion", "4")
client.set_registered_model_alias("Fraud", "champion", "1")
assert client.get_model_version_by_alias("Fraud", "champion").version == "1"
assert client.get_model_version("Fraud", "1").aliases == ["champion"]
for alias in ("latest", "LATEST", "v3", "a b", ""):
    assert refusal(client.set_registered_model_alias, "Fraud", alias, "1")[0] == "INVALID_PARAMETER_VALUE", alias
assert refusal(client.set_registered_model_alias, "Fraud", "x", "77")[0] == "RESOURCE_DOES_NOT_EXIST"
client.delete_registered_model_alias("Fraud", "champion")
client.delete_registered_model_alias("Fraud", "champion")
code, said = refusal(client.get_model_version_by_alias, "Fraud", "champion")
assert code == "INVALID_PARAMETER_VALUE" and "Registered model alias champion not found." in said

client.set_registered_model_tag("Fraud", "k", "v")
client.delete_registered_model_tag("Fraud", "k")
client.delete_registered_model_tag("Fraud", "k")
client.delete_model_version_tag("Fraud", "4", "k")
client.delete_model_version_tag("Fraud", "4", "k")
assert names(client.search_registered_models("name ILIKE 'fr%' AND tags.team = 'risk'")) == ["Fraud"]
assert refusal(client.search_registered_models, "description = 'x'")[0] == "INVALID_PARAMETER_VALUE"
assert [v.version for v in client.search_model_versions("name = 'Fraud'", order_by=["version_number ASC"])] == ["1", "2", "4"]
copied = client.copy_model_version("models:/Fraud/4", "Copy")
assert (copied.version, copied.source, copied.run_id) == ("1", "models:/Fraud/4", r)

# What is in Production, has an alias or a run can be deleted and renamed, as there.
client.transition_model_version_stage("Fraud", "4", "Production")
client.set_registered_model_alias("Fraud", "champion", "4")
client.rename_registered_model("Fraud", "Fraude")
assert client.get_model_version_by_alias("Fraude", "champion").version == "4"
assert refusal(client.get_registered_model, "Fraud")[0] == "RESOURCE_DOES_NOT_EXIST"
assert refusal(client.rename_registered_model, "Fraude", "Copy")[0] == "RESOURCE_ALREADY_EXISTS"
client.delete_model_version("Fraude", "4")
assert client.get_registered_model("Fraude").aliases.get("champion") is None
client.delete_registered_model("Fraude")
assert refusal(client.delete_registered_model, "Fraude")[0] == "RESOURCE_DOES_NOT_EXIST"
client.create_registered_model("Fraude")
assert number("Fraude") == "1"
client.log_text(r, "changed", "files/one.txt")  # the version keeps what it was registered with
read = lambda uri: open(os.path.join(mlflow.artifacts.download_artifacts(uri), "one.txt")).read()
assert (read("models:/Fraude/1"), read(f"runs:/{r}/files")) == ("one", "changed")
client.delete_run(r)
assert client.get_model_version("Fraude", "1").run_id == r
client.restore_run(r)
assert client.get_registered_model("Fraude").tags == {}
"""

PROMPTS = """
client.create_prompt("bare", "d", {"a": "b"})
client.create_prompt_version("bare", "Hi {{x}}")
prompt = client.register_prompt("hello", "Hello {{name}}")
assert client.load_prompt("prompts:/hello/1").template == "Hello {{name}}"
client.set_prompt_alias("hello", "blue", 1)
assert client.parse_prompt_uri("prompts:/hello@blue") == ("hello", "1")
assert client.get_prompt_version_by_alias("hello", "blue").version == 1
client.delete_prompt_alias("hello", "blue")
client.link_prompt_version_to_run(r, "prompts:/hello/1")
assert "hello" in client.get_run(r).data.tags["mlflow.linkedPrompts"]
client.set_prompt_version_tag("hello", 1, "mlflow.prompt.associatedRunIds", r)  # the older way, which the next two still go
assert names(client.list_logged_prompts(r)) == ["hello"]
client.detach_prompt_from_run(r, "prompts:/hello/1")
client.link_prompt_version_to_model("hello", "1", model.model_id)
client.set_prompt_tag("hello", "k", "v")
client.delete_prompt_tag("hello", "k")
client.set_prompt_version_tag("hello", 1, "k", "v")
client.delete_prompt_version_tag("hello", 1, "k")
assert client.get_prompt("hello").name == "hello" and client.get_prompt_version("hello", 1).version == 1
assert sorted(names(client.search_prompts())) == ["bare", "hello"]
assert len(client.search_prompt_versions("hello")) == 1
client.delete_prompt_version("hello", "1")
client.delete_prompt("hello")
"""

WEBHOOKS = """
hook = client.create_webhook("ci", "http://127.0.0.1:9/", ["model_version.created"])
assert names(client.list_webhooks()) == ["ci"] and client.get_webhook(hook.webhook_id).name == "ci"
assert client.update_webhook(hook.webhook_id, name="cd").name == "cd"
assert not client.test_webhook(hook.webhook_id).success
client.delete_webhook(hook.webhook_id)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without approvals, as MLflow's is."""
    made = Server(
        tmp_path_factory.mktemp("off") / "home",
        SIGNOFF_APPROVALS="off",
        SIGNOFF_WEBHOOK_ALLOW_PRIVATE="on",
        SIGNOFF_WEBHOOK_ALLOWED_SCHEMES="https,http",
    )
    yield made
    made.end()


def test_every_method_of_the_client_does_what_it_does_on_mlflows_server(client: Client, server: Server) -> None:
    token = server.django(MIA).strip()
    tell = "\nprint(json.dumps([sorted(called), every]))"
    script = RECORD + RUNS + SINCE_3 + REGISTRY + PROMPTS + WEBHOOKS + tell
    called, every = json.loads(client.run("mia", script, MLFLOW_TRACKING_TOKEN=token).splitlines()[-1])
    left_out = set().union(*LEFT_OUT.values()) | {name for name in every if TOOL_SERVERS in name}
    assert set(every) - set(called) - left_out == set(), "drive them above, or say why not"
    assert left_out & set(called) == set()
    assert left_out <= set(every)

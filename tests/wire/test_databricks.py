"""The unmodified Databricks SDK drives the sign-off: ask, discuss, approve, move; and is refused as it expects."""

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server
from tests.wire.test_client import TRAIN

pytestmark = pytest.mark.wire

TOKEN = """
import django
django.setup()
from accounts import tokens
from accounts.actors import COMMAND
from accounts.models import User
from accounts.permissions import Scope
print(tokens.mint(User.objects.get(username=NAME), label="sdk", scopes=list(Scope), days=1, actor=COMMAND, fresh=True)[1])
"""
SDK = """
from databricks.sdk import WorkspaceClient
from databricks.sdk import errors
from databricks.sdk.service.ml import ActivityAction, ActivityType, CommentActivityAction, PermissionLevel

def of(name):
    return WorkspaceClient(host=os.environ["MLFLOW_TRACKING_URI"], token=os.environ[name]).model_registry

def turned_down(kind, deed, *args, **named):
    try:
        deed(*args, **named)
    except kind as why:
        return str(why)
    raise AssertionError("it was not refused")

dana, rita = of("DANA"), of("RITA")
"""


@pytest.fixture
def tokens(server: Server) -> dict[str, str]:
    return {name.upper(): server.django(TOKEN, NAME=name).strip().splitlines()[-1] for name in ("dana", "rita")}


def test_a_version_goes_to_production_by_the_sdk_alone(client: Client, server: Server, tokens: dict[str, str]) -> None:
    people = {**tokens, "MLFLOW_TRACKING_TOKEN": tokens["DANA"]}
    client.run(
        "dana",
        TRAIN
        + SDK
        + """
log("Credit")
model = dana.get_model("Credit").registered_model_databricks
assert (model.name, model.permission_level, len(model.id)) == ("Credit", PermissionLevel.CAN_EDIT, 36), model
assert "Credit" in [one.name for one in dana.list_models()]

refused = turned_down(errors.PermissionDenied, dana.transition_stage, "Credit", "1", "Production", False)
assert "/approvals/" in refused, refused
[waiting] = dana.list_transition_requests("Credit", "1")
dana.delete_transition_request("Credit", "1", "Production", "dana", comment="once more, with words")
assert not list(dana.list_transition_requests("Credit", "1"))

asked = dana.create_transition_request("Credit", "1", "Production", comment="better on every metric").request
assert (asked.to_stage, asked.user_id, asked.available_actions) == (
    "Production", "dana", [ActivityAction.CANCEL_TRANSITION_REQUEST]), asked
again = dana.create_transition_request("Credit", "1", "Production", comment="again").request
assert again.creation_timestamp == asked.creation_timestamp, again

said = rita.create_comment("Credit", "1", "on which data?").comment
assert said.available_actions == [CommentActivityAction.EDIT_COMMENT, CommentActivityAction.DELETE_COMMENT], said
assert rita.update_comment(said.id, "on which data set?").comment.comment == "on which data set?"
turned_down(errors.PermissionDenied, dana.update_comment, said.id, "x")
rita.delete_comment(said.id)

turned_down(errors.PermissionDenied, dana.approve_transition_request, "Credit", "1", "Production", True, comment="mine")
[waiting] = rita.list_transition_requests("Credit", "1")
assert (waiting.activity_type, waiting.from_stage) == (ActivityType.REQUESTED_TRANSITION, "None"), waiting
turned_down(errors.InvalidParameterValue, rita.approve_transition_request, "Credit", "1", "Production", True)
signed = rita.approve_transition_request("Credit", "1", "Production", True, comment="Read it, fine.").activity
assert (signed.activity_type, signed.user_id) == (ActivityType.APPROVED_REQUEST, "rita"), signed
turned_down(errors.NotFound, rita.reject_transition_request, "Credit", "1", "Production", comment="too late")

moved = dana.transition_stage("Credit", "1", "Production", True, comment="go").model_version_databricks
assert (moved.current_stage, moved.user_id) == ("Production", "dana"), moved
assert [one.version for one in dana.get_latest_versions("Credit", stages=["Production"])] == ["1"]
assert [one.version for one in dana.search_model_versions(filter="name = 'Credit'")] == ["1"]
""",
        **people,
    )


def test_a_rejected_request_stays_rejected(client: Client, server: Server, tokens: dict[str, str]) -> None:
    client.run(
        "dana",
        TRAIN
        + SDK
        + """
log("Debit")
dana.create_transition_request("Debit", "1", "Production")
said = rita.reject_transition_request("Debit", "1", "Production", comment="leaks the label").activity
assert (said.activity_type, said.comment) == (ActivityType.REJECTED_REQUEST, "leaks the label"), said
turned_down(errors.PermissionDenied, dana.transition_stage, "Debit", "1", "Production", True)
dana.set_model_version_tag("Debit", "1", "checked", "no")
dana.delete_model_version_tag("Debit", "1", "checked")
dana.delete_transition_request("Debit", "1", "Production", "dana")
dana.delete_model_version("Debit", "1")
dana.delete_model("Debit")
turned_down(errors.NotFound, dana.get_model, "Debit")
""",
        **{**tokens, "MLFLOW_TRACKING_TOKEN": tokens["DANA"]},
    )

"""transition-requests/* and comments/* as a Databricks workspace answers them."""

from typing import Any

import pytest

from accounts.actors import Actor
from accounts.permissions import Scope
from audit.models import Event
from registry import discussion, requests, subjects
from registry.models import ApprovalRequest, Comment, ModelVersion
from registry.models.approvals import RequestState
from registry.policy import StageMove
from registry.stages import Stage
from tests.factories import make_model, make_version
from tests.web.mlflow.conftest import Api, refused

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
V1 = {"name": "Fraud-Detection", "version": "1"}
ASKED = {**V1, "stage": "Production"}


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    return make_version(make_model(dana), dana, metrics={"auc": 0.9})


@pytest.fixture
def judge(rita: Actor) -> Api:
    """Rita, with a token that decides."""
    return Api(rita, Scope.READ, Scope.WRITE, Scope.DECIDE)


def ask(api: Api, **more: Any) -> ApprovalRequest:
    assert api.post("transition-requests/create", {**ASKED, **more}).status_code == 200
    return ApprovalRequest.objects.latest("pk")


def approve(judge: Api, **more: Any) -> Any:
    body = {**ASKED, "archive_existing_versions": True, "comment": "Read it, fine.", **more}
    return judge.post("transition-requests/approve", body)


def test_a_request_is_opened_listed_signed_and_the_move_made(version: ModelVersion, api: Api, judge: Api) -> None:
    said = api.post("transition-requests/create", {**ASKED, "comment": "better"}).json()["request"]
    row = ApprovalRequest.objects.get()
    assert (said["to_stage"], said["user_id"], said["comment"]) == ("Production", "dana", "better")
    assert said["available_actions"] == ["CANCEL_TRANSITION_REQUEST"]
    listed = judge.get("transition-requests/list", **V1).json()["requests"]
    assert [(one["activity_type"], one["id"], one["from_stage"]) for one in listed] == [
        ("REQUESTED_TRANSITION", str(row.pk), "None")
    ]
    assert row.subject_digest in listed[0]["system_comment"]
    assert f"/approvals/{row.pk}" in listed[0]["system_comment"]
    warned = [check.name for check in row.checks.filter(status="warn")]
    assert not warned, warned
    done = approve(judge).json()["activity"]
    assert (done["activity_type"], done["user_id"], done["comment"]) == ("APPROVED_REQUEST", "rita", "Read it, fine.")
    assert judge.get("transition-requests/list", **V1).json()["requests"] == []
    moved = api.post(
        "databricks/model-versions/transition-stage", {**ASKED, "archive_existing_versions": True, "comment": "now"}
    ).json()["model_version_databricks"]
    assert (moved["current_stage"], moved["permission_level"]) == ("Production", "CAN_EDIT")
    assert b'"comment":"now"' in bytes(Event.objects.get(action="version.stage.changed").body)


def test_warnings_are_accepted_with_the_whole_and_named(dana: Actor, api: Api, judge: Api) -> None:
    make_version(make_model(dana), dana, mlmodel="flavors: {python_function: {python_version: 3.11.7}}")
    ask(api)
    said = approve(judge).json()["activity"]["system_comment"]
    assert "Accepted with it: " in said
    accepted = Event.objects.get(action="request.decided")
    assert b'"accepted_warnings":["' in bytes(accepted.body)


def test_without_a_signature_the_move_is_refused_with_its_link(version: ModelVersion, api: Api) -> None:
    answer = api.post("databricks/model-versions/transition-stage", {**ASKED, "archive_existing_versions": True})
    refused(answer, 403, "PERMISSION_DENIED", "/approvals/")


def test_four_eyes_hold_and_a_decision_needs_words(
    version: ModelVersion, dana: Actor, rita: Actor, judge: Api, api: Api
) -> None:
    ask(api)
    both = Api(dana, Scope.READ, Scope.WRITE, Scope.DECIDE)
    refused(approve(both), 403, "PERMISSION_DENIED")
    refused(approve(judge, comment=""), 400, "INVALID_PARAMETER_VALUE", "needs a comment")
    refused(approve(Api(rita)), 403, "PERMISSION_DENIED", "decide")
    assert ApprovalRequest.objects.get().state == RequestState.OPEN


def test_what_is_signed_is_what_was_asked(version: ModelVersion, api: Api, judge: Api) -> None:
    ask(api)
    refused(approve(judge, archive_existing_versions=False), 409, "RESOURCE_CONFLICT", "archives the other versions")
    refused(judge.post("transition-requests/approve", {**ASKED, "comment": "x"}), 400, "INVALID_PARAMETER_VALUE")
    ask(api, archive_existing_versions=False)
    assert approve(judge, archive_existing_versions=False).status_code == 200
    assert {row.move_key: row.state for row in ApprovalRequest.objects.all()} == {
        "stage:Production:archive": "open",
        "stage:Production": "approved",
    }


def test_of_several_the_reviewer_chooses_by_link(version: ModelVersion, api: Api, judge: Api) -> None:
    first, second = ask(api), ask(api, archive_existing_versions=False)
    answer = judge.post("transition-requests/reject", {**ASKED, "comment": "no"})
    refused(answer, 409, "RESOURCE_CONFLICT", f"/approvals/{first.pk}")
    assert f"/approvals/{second.pk}" in answer.json()["message"]


def test_a_request_that_deploys_too_is_decided_on_its_page(version: ModelVersion, dana: Actor, judge: Api) -> None:
    version.environment = {**version.environment, "lock": "ab" * 32}
    version.save(update_fields=["environment"])
    plan = {"strategy": "all-at-once"}
    deployment: subjects.Deployment = {
        "endpoint": "fraud", "environment": "production", "target": "local", "plan": plan,
    }  # fmt: skip
    move = StageMove(Stage.NONE, Stage.PRODUCTION, archive_existing=True)
    requests.open_request(
        version,
        move,
        reason="",
        actor=dana,
        deployment=deployment,
    )
    refused(approve(judge), 409, "RESOURCE_CONFLICT", "deployment to fraud")
    assert ApprovalRequest.objects.get().state == RequestState.OPEN


def test_rejected_and_withdrawn_requests_are_gone(version: ModelVersion, api: Api, judge: Api) -> None:
    row = ask(api)
    done = judge.post("transition-requests/reject", {**ASKED, "comment": "leaks"}).json()["activity"]
    assert (done["activity_type"], done["id"]) == ("REJECTED_REQUEST", str(row.pk))
    refused(judge.post("transition-requests/reject", {**ASKED, "comment": "leaks"}), 404, "RESOURCE_DOES_NOT_EXIST")
    ask(api)
    query = "transition-requests/delete?name=Fraud-Detection&version=1&stage=Production"
    refused(api.http.delete(f"/api/2.0/mlflow/{query}&creator=eli"), 404, "RESOURCE_DOES_NOT_EXIST")
    done = api.http.delete(f"/api/2.0/mlflow/{query}&creator=dana&comment=later").json()["activity"]
    assert (done["activity_type"], done["comment"]) == ("CANCELLED_REQUEST", "later")
    assert ApprovalRequest.objects.latest("pk").state == RequestState.WITHDRAWN


def test_comments_are_written_changed_and_taken_back_by_their_author(
    version: ModelVersion, api: Api, judge: Api
) -> None:
    refused(
        api.post("comments/create", {**V1, "comment": "hm"}), 409, "RESOURCE_CONFLICT", "transition-requests/create"
    )
    ask(api)
    made = judge.post("comments/create", {**V1, "comment": "which data?"}).json()["comment"]
    assert made["available_actions"] == ["EDIT_COMMENT", "DELETE_COMMENT"]
    changed = judge.patch("comments/update", id=made["id"], comment="which data set?").json()["comment"]
    assert (changed["id"], changed["comment"]) == (made["id"], "which data set?")
    refused(api.patch("comments/update", id=made["id"], comment="x"), 403, "PERMISSION_DENIED")
    for _ in range(2):
        assert judge.http.delete(f"/api/2.0/mlflow/comments/delete?id={made['id']}").status_code == 200
    row = Comment.objects.get()
    assert (row.body, [old.body for old in row.earlier.all()]) == ("", ["which data?", "which data set?"])
    assert Event.objects.filter(action="request.comment.taken_back").count() == 1
    refused(judge.patch("comments/update", id=made["id"], comment="x"), 409, "RESOURCE_CONFLICT", "taken back")
    for wrong in ("0", "x", "9" * 30):
        refused(judge.patch("comments/update", id=wrong, comment="x"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_restricted_models_comment_is_nobodys_to_find(
    version: ModelVersion, api: Api, dana: Actor, eli: Actor
) -> None:
    row = discussion.add_comment(ask(api), body="secret", actor=dana)
    version.model.restricted = True
    version.model.save(update_fields=["restricted"])
    refused(Api(eli).patch("comments/update", id=str(row.pk), comment="x"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_delete_names_what_goes_in_its_query_or_its_body(version: ModelVersion, api: Api) -> None:
    assert api.http.delete("/api/2.0/mlflow/model-versions/delete?name=Fraud-Detection&version=1").status_code == 200
    assert api.delete("registered-models/delete", name="Fraud-Detection").status_code == 200


def test_a_model_has_an_id_and_says_what_the_caller_may(version: ModelVersion, api: Api) -> None:
    said = api.get("databricks/registered-models/get", name="Fraud-Detection").json()["registered_model_databricks"]
    assert (said["name"], said["permission_level"]) == ("Fraud-Detection", "CAN_EDIT")
    assert said["id"] == str(version.model.uuid)
    assert [one["name"] for one in api.get("registered-models/list").json()["registered_models"]] == ["Fraud-Detection"]

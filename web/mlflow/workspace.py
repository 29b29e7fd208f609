"""transition-requests/*, comments/*, databricks/*: the workspace registry, as the Databricks SDK calls it.

A transition request is an approval request for a stage alone. Approving signs it and moves nothing: whoever asked
repeats the move. One that also asks for a deployment is decided on its page, which shows the plan.
"""

from django.conf import settings
from django.http import HttpResponseBase

from core.refusals import Conflict, NotFound
from registry import decisions, discussion, requests, transitions
from registry.access import named_model, named_version
from registry.models import ApprovalRequest, Check, Decision, ModelVersion
from registry.models.approvals import RequestState
from registry.policy import StageMove
from registry.requests import ApprovalRequired
from registry.stages import ACTIVE, Stage, parse_stage
from web.mlflow import approvals, workspace_render
from web.mlflow.fields import Fields, missing
from web.mlflow.model_versions import number_of
from web.mlflow.wire import Call, Json
from web.mlflow.workspace_render import stage_move


def create_request(call: Call) -> Json:
    """Ask for a stage. The others of Staging or Production are to be archived, unless the body says otherwise."""
    version, stage = _version(call), _stage(call.fields)
    says = call.fields.said.get("archive_existing_versions") is not None
    archive = call.fields.flag("archive_existing_versions") if says else stage in ACTIVE
    move = StageMove(Stage(version.stage), stage, archive_existing=archive)
    asked = requests.open_request(version, move, reason=call.fields.text("comment"), actor=call.actor)
    return {"request": workspace_render.transition_request(asked.request, call.actor)}


def list_requests(call: Call) -> Json:
    """Return what is asked for the version and waits for a decision."""
    rows = _waiting(_version(call), call)
    return {"requests": [workspace_render.asked(row, _link(call, row)) for row in rows]}


def approve(call: Call) -> Json:
    """Sign the request as it stands now."""
    if call.fields.said.get("archive_existing_versions") is None:
        raise missing("archive_existing_versions")
    row = _one(call)
    _check_archive(call, row)
    return _decided(call, row, Decision.Verdict.APPROVE)


def reject(call: Call) -> Json:
    """Reject the request."""
    return _decided(call, _one(call), Decision.Verdict.REJECT)


def delete_request(call: Call) -> Json:
    """Withdraw the request that `creator` opened."""
    row = _one(call, creator=call.fields.need("creator"))
    comment = call.fields.text("comment")
    requests.withdraw(row, comment=comment, actor=call.actor)
    return {"activity": workspace_render.cancelled(row, comment, call.actor)}


def transition_stage(call: Call) -> Json | HttpResponseBase:
    """Move a version to a stage with a comment, or open the approval request that the move needs."""
    archive = call.fields.flag("archive_existing_versions")
    version, stage = _version(call), _stage(call.fields)
    done = transitions.transition(
        version, to=stage, archive_existing=archive, comment=call.fields.text("comment"), actor=call.actor
    )
    if isinstance(done, ApprovalRequired):
        return approvals.needed(call.request, done)
    shown = [workspace_render.asked(row, _link(call, row)) for row in _waiting(done.version, call)]
    return {"model_version_databricks": workspace_render.version(done.version, shown, call.actor)}


def get_model(call: Call) -> Json:
    """Return a model with its id and what the caller may do with it."""
    row = named_model(call.fields.need("name"), actor=call.actor)
    return {"registered_model_databricks": workspace_render.model(row, call.actor)}


def create_comment(call: Call) -> Json:
    """Add to the discussion of the version's newest request."""
    version, text = _version(call), call.fields.need("comment")
    newest = ApprovalRequest.objects.filter(version=version).order_by("-pk").first()
    if newest is None:
        raise Conflict(
            f"Nothing is asked for {version} yet, so there is nothing to discuss.",
            next_step="Ask with transition-requests/create, or add a note to the version.",
        )
    return _comment(call, discussion.add_comment(newest, body=text, actor=call.actor).pk)


def update_comment(call: Call) -> Json:
    """Change one's own comment; the earlier text is kept."""
    found = discussion.comment_seen(_comment_id(call.fields), actor=call.actor)
    return _comment(call, discussion.edit_comment(found, body=call.fields.need("comment"), actor=call.actor).pk)


def delete_comment(call: Call) -> Json:
    """Take one's own comment back."""
    discussion.take_back(discussion.comment_seen(_comment_id(call.fields), actor=call.actor), actor=call.actor)
    return {}


def _version(call: Call) -> ModelVersion:
    return named_version(call.fields.need("name"), number_of(call.fields), actor=call.actor)


def _stage(fields: Fields) -> Stage:
    return parse_stage(fields.need("stage"))


def _waiting(version: ModelVersion, call: Call) -> list[ApprovalRequest]:
    """Return the version's open requests for a stage, the oldest first; those that time or the registry ended go."""
    rows = ApprovalRequest.objects.visible_to(call.actor).pending().select_related("requester", "model", "version")
    found = rows.filter(version=version, state=RequestState.OPEN, move_key__startswith="stage:").order_by("pk")
    return [requests.find_request(row.pk, actor=call.actor) for row in found]


def _one(call: Call, *, creator: str = "") -> ApprovalRequest:
    """Return the open request for the stage named; of several, the archiving that was said, or the creator, tells."""
    version, stage = _version(call), _stage(call.fields)
    found = [row for row in _waiting(version, call) if stage_move(row).to_stage == stage]
    if creator:
        found = [row for row in found if row.requester.username == creator]
    if len(found) > 1 and call.fields.said.get("archive_existing_versions") is not None:
        archive = call.fields.flag("archive_existing_versions")
        found = [row for row in found if stage_move(row).archive_existing == archive] or found
    if not found:
        raise NotFound(f"Nobody waits for {version} to go to {stage}.")
    if len(found) > 1:
        links = ", ".join(_link(call, row) for row in found)
        raise Conflict(f"{len(found)} requests wait for {version} to go to {stage}.", next_step=f"Choose: {links}")
    return found[0]


def _decided(call: Call, row: ApprovalRequest, verdict: Decision.Verdict) -> Json:
    if deployment := requests.deployment_asked(row):
        raise Conflict(
            f"Request #{row.pk} also asks for a deployment to {deployment['endpoint']}.",
            next_step=f"Read its plan and decide here: {_link(call, row)}",
        )
    warnings = list(row.checks.filter(status=Check.Status.WARN))
    accepted = [check.pk for check in warnings]  # this API has no ticks: what is accepted with the whole is told
    choice = decisions.Choice(verdict, row.subject_digest, call.fields.text("comment"), accepted)
    done = decisions.decide(row, choice, actor=call.actor)
    if isinstance(done, decisions.Moved):
        raise Conflict(done.past.why, next_step="Ask anew where it is still wanted.")
    names = [check.name for check in warnings] if verdict is Decision.Verdict.APPROVE else []
    return {"activity": workspace_render.decided(row, done, names, _link(call, row))}


def _check_archive(call: Call, row: ApprovalRequest) -> None:
    asked, said = stage_move(row).archive_existing, call.fields.flag("archive_existing_versions")
    if asked != said:
        words = "archives" if asked else "keeps"
        raise Conflict(
            f"Request #{row.pk} {words} the other versions in {stage_move(row).to_stage}; that is what is signed.",
            next_step=f"Approve with archive_existing_versions={str(asked).lower()}, or reject it.",
        )


def _link(call: Call, row: ApprovalRequest) -> str:
    base = settings.PUBLIC_URL or call.request.build_absolute_uri("/").rstrip("/")
    return f"{base}/approvals/{row.pk}"


def _comment_id(fields: Fields) -> int:
    text = fields.need("id")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(2**63)) - 1:
        raise NotFound(f"There is no comment {text[:40]}.")
    return int(text)


def _comment(call: Call, number: int) -> Json:
    return {"comment": workspace_render.comment(discussion.comment_seen(number, actor=call.actor), call.actor)}

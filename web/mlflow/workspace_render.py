"""What the Databricks SDK reads of requests, decisions, comments, versions and models."""

from accounts.actors import Actor
from accounts.permissions import Permission
from core.clock import millis
from registry import access, decisions, discussion, reads, requests
from registry.models import ApprovalRequest, Comment, Decision, ModelVersion, RegisteredModel
from registry.policy import StageMove, permission_for
from web.mlflow import render
from web.mlflow.render import shape
from web.mlflow.wire import Json

VERDICTS = {Decision.Verdict.APPROVE: "APPROVED_REQUEST", Decision.Verdict.REJECT: "REJECTED_REQUEST"}
LEVELS = [  # the highest that holds is told
    (Permission.STAGE_PRODUCTION, "CAN_MANAGE_PRODUCTION_VERSIONS"),
    (Permission.STAGE_STAGING, "CAN_MANAGE_STAGING_VERSIONS"),
    (Permission.MODEL_WRITE, "CAN_EDIT"),
]


def transition_request(row: ApprovalRequest, actor: Actor) -> Json:
    """Return a request as its creation answers it."""
    return shape(
        to_stage=stage_move(row).to_stage,
        user_id=row.requester.username,
        comment=row.reason or None,
        creation_timestamp=millis(row.created_at),
        available_actions=_actions(row, actor),
    )


def asked(row: ApprovalRequest, link: str) -> Json:
    """Return a request as one activity among others."""
    return _activity(row, "REQUESTED_TRANSITION", row.requester.username, row.reason, millis(row.created_at), link)


def decided(row: ApprovalRequest, decision: Decision, accepted: list[str], link: str) -> Json:
    """Return a decision, with the warnings that were accepted by it."""
    kind = VERDICTS[Decision.Verdict(decision.verdict)]
    told = _activity(row, kind, decision.person.username, decision.comment, millis(decision.at), link)
    if accepted:
        told["system_comment"] = f"{told['system_comment']}. Accepted with it: {', '.join(accepted)}"
    return told


def cancelled(row: ApprovalRequest, comment: str, actor: Actor) -> Json:
    """Return a withdrawal."""
    row.refresh_from_db(fields=["ended_at"])
    return _activity(row, "CANCELLED_REQUEST", actor.name, comment, millis(row.ended_at or row.created_at), "")


def comment(row: Comment, actor: Actor) -> Json:
    """Return a comment."""
    return shape(
        id=str(row.pk),
        comment=row.body,
        user_id=row.author.username,
        creation_timestamp=millis(row.created_at),
        last_updated_timestamp=millis(row.edited_at or row.created_at),
        available_actions=["EDIT_COMMENT", "DELETE_COMMENT"] if discussion.may_rewrite(row, actor=actor) else [],
    )


def version(row: ModelVersion, open_requests: list[Json], actor: Actor) -> Json:
    """Return a version with what is asked for it."""
    plain = render.model_version(reads.version_now(row))
    return {**plain, **shape(open_requests=open_requests, permission_level=_level(row.model, actor))}


def model(row: RegisteredModel, actor: Actor) -> Json:
    """Return a model."""
    plain = render.registered_models([row])[0]
    return {**plain, "id": str(row.uuid), "permission_level": _level(row, actor)}


def _activity(row: ApprovalRequest, kind: str, who: str, words: str, at_ms: int, link: str) -> Json:
    move = stage_move(row)
    told = f"Request #{row.pk}, subject sha256:{row.subject_digest}"
    return shape(
        activity_type=kind,
        id=str(row.pk),
        user_id=who,
        comment=words or None,
        system_comment=f"{told}: {link}" if link else told,
        from_stage=move.from_stage,
        to_stage=move.to_stage,
        creation_timestamp=at_ms,
        last_updated_timestamp=at_ms,
    )


def _actions(row: ApprovalRequest, actor: Actor) -> list[str]:
    may = actor.holds(Permission.REQUEST_DECIDE) and not decisions.conflict_of_interest(row, actor)
    may_end = row.requester == actor.user or access.may(actor, permission_for(stage_move(row), row.model), row.model)
    deciding = ["APPROVE_TRANSITION_REQUEST", "REJECT_TRANSITION_REQUEST"] if may else []
    return deciding + (["CANCEL_TRANSITION_REQUEST"] if may_end else [])


def _level(row: RegisteredModel, actor: Actor) -> str:
    held = (word for permission, word in LEVELS if access.may(actor, permission, row))
    return next(held, "CAN_READ")


def stage_move(row: ApprovalRequest) -> StageMove:
    """Return the move of a request for a stage."""
    move = requests.move_of(row)
    assert isinstance(move, StageMove), row.move_key  # noqa: S101 - a request for an alias never comes here
    return move

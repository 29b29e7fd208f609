"""What people say about a request: added by those who may discuss, changed by its author while it is open.

Nothing said is lost: an earlier text stays with its comment, and one that was taken back is a comment without a text.
"""

from datetime import timedelta

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from core.words import written
from registry import access
from registry.models import ApprovalRequest, Comment, CommentRevision
from registry.models.approvals import RequestState
from registry.requests import COMMENT_MAX, locked, request_subject

DOUBLE_CLICK = timedelta(seconds=30)


def add_comment(request: ApprovalRequest, *, body: str, actor: Actor) -> Comment:
    """Add to the discussion; possible in every state, so that a rejection can be answered. A double click adds once."""
    deed = f"comment on request #{request.pk}"
    access.require(actor, Permission.REQUEST_DISCUSS, request.model, deed, about=request_subject(request))
    text = _checked(body)
    with transaction.atomic():
        row = locked(request)
        if again := Comment.objects.filter(
            request=row, author=actor.person, body=text, created_at__gt=clock.now() - DOUBLE_CLICK
        ).first():
            return again
        comment = Comment.objects.create(request=row, author=actor.person, body=text)
        change = Change(comment=comment.body, after={"comment": comment.pk})
        record("request.commented", request_subject(row), actor=actor, change=change)
    return comment


def find_comment(request: ApprovalRequest, number: int) -> Comment:
    """Return a comment of the request; raise NotFound where there is none."""
    comment = Comment.objects.select_related("request__model").filter(request=request, pk=number).first()
    if comment is None:
        raise NotFound(f"Request #{request.pk} has no comment {number}.")
    return comment


def comment_seen(number: int, *, actor: Actor) -> Comment:
    """Return a comment by its own number; raise NotFound where its request may not be seen."""
    seen = ApprovalRequest.objects.visible_to(actor)
    comment = Comment.objects.select_related("request__model", "author").filter(request__in=seen, pk=number).first()
    if comment is None:
        raise NotFound(f"There is no comment {number}.")
    return comment


def edit_comment(comment: Comment, *, body: str, actor: Actor) -> Comment:
    """Change one's own comment while the request is open; the earlier text is kept."""
    return _rewrite(comment, _checked(body), "request.comment.edited", actor)


def take_back(comment: Comment, *, actor: Actor) -> Comment:
    """Empty one's own comment while the request is open; its text is kept as an earlier one. Again changes nothing."""
    return _rewrite(comment, "", "request.comment.taken_back", actor)


def may_rewrite(comment: Comment, *, actor: Actor) -> bool:
    """Whether the actor wrote the comment and may still change it."""
    is_hers = actor.user is not None and comment.author_id == actor.user.pk
    return is_hers and actor.holds(Permission.REQUEST_DISCUSS) and comment.request.state == RequestState.OPEN


def _rewrite(comment: Comment, text: str, event: str, actor: Actor) -> Comment:
    if comment.author_id != (actor.user.pk if actor.user else None) or not actor.holds(Permission.REQUEST_DISCUSS):
        raise Denied("Only its author can change a comment.", about=request_subject(comment.request))
    with transaction.atomic():
        request = locked(comment.request)
        if request.state != RequestState.OPEN:
            raise Conflict(
                "The request is no longer open, so its discussion stays as it is.", next_step="Add another comment."
            )
        row = Comment.objects.select_for_update().get(pk=comment.pk)
        if not row.body and text:
            raise Conflict("This comment was taken back.", next_step="Add another comment.")
        if row.body != text:
            CommentRevision.objects.create(comment=row, body=row.body)
            change = Change({"body": row.body}, {"body": text, "comment": row.pk})
            row.body, row.edited_at = text, clock.now()
            row.save(update_fields=["body", "edited_at"])
            record(event, request_subject(request), actor=actor, change=change)
    return row


def _checked(body: str) -> str:
    text = written(body)
    if not text or len(text) > COMMENT_MAX:
        raise Invalid(f"A comment has 1 to {COMMENT_MAX:,} characters.", field="comment")
    return text

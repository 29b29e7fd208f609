"""What needs a person or concerns her, read from the rows that are there: no second table to keep true.

Each kind is one query of (kind, key, moment); their union is counted on every page in one query. What came after
`User.notices_seen_at` is unread.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Cast

from accounts.actors import Actor
from accounts.models import AccessRequest, ApiToken, User
from accounts.permissions import Permission
from accounts.preferences import preferences_of
from accounts.roles import Role
from audit.models import Mismatch
from audit.replay import mismatches
from core import clock
from deployments.alerts import looking
from deployments.models import Alert, Rollout
from registry import history
from registry.models import ApprovalRequest, BrokenGlass, Comment, Decision, PolicyVersion, RegisteredModel
from registry.models.approvals import RequestState
from web.pages import labels
from web.pages.drift import address

NEWS_DAYS = 30
ENDING = timedelta(days=7)
COUNT_UP_TO = 99
ENDED_WORDS = {
    RequestState.EXPIRED: "Your request expired",
    RequestState.SUPERSEDED: "The registry moved past your request",
    RequestState.EXECUTED: "Your request was carried out",
}
VERDICT_WORDS = {"approve": "approved", "reject": "rejected", "request_changes": "asks for changes to"}
ROLLOUT_WORDS = {
    "rollout.failed": "Your deployment failed",
    "rollout.rolled_back": "Your deployment was rolled back",
    "rollout.needs_operator": "A deployment needs an operator",
}


@dataclass(frozen=True)
class Notice:
    """One line: what, about what, where it stands. `needs` where something waits for the person herself."""

    kind: str
    key: int
    at: datetime
    words: str
    about: str
    href: str
    detail: str = ""
    needs: bool = False
    unread: bool = False

    @property
    def anchor(self) -> str:
        """The id of its line."""
        return f"{self.kind}-{self.key}"


def _to_decide(actor: Actor) -> QuerySet[Any]:
    return ApprovalRequest.objects.waiting_for(actor).annotate(moment=F("created_at"))


def _decided(actor: Actor) -> QuerySet[Any]:
    mine = ApprovalRequest.objects.visible_to(actor).filter(requester=actor.user)
    return Decision.objects.filter(request__in=mine).exclude(person=actor.user).annotate(moment=F("at"))


def _ended(actor: Actor) -> QuerySet[Any]:
    by_time = Q(state__in=[RequestState.EXPIRED, RequestState.SUPERSEDED])
    by_another = Q(state=RequestState.EXECUTED) & ~Q(executed_by=actor.user)
    mine = ApprovalRequest.objects.visible_to(actor).filter(by_time | by_another, requester=actor.user)
    return mine.annotate(moment=F("ended_at"))


def _comments(actor: Actor) -> QuerySet[Any]:
    part = ApprovalRequest.objects.discussed_by(actor)
    said = Comment.objects.filter(request__in=part).exclude(author=actor.user).exclude(body="")
    return said.annotate(moment=F("created_at"))


def _rollouts(actor: Actor) -> QuerySet[Any]:
    mine = Rollout.objects.filter(created_by=actor.user).values(text=Cast("pk", CharField()))
    whose = Q(object_id__in=mine)
    if actor.holds(Permission.DEPLOY_PRODUCTION):
        whose |= Q(action="rollout.needs_operator")
    rows = history.events_visible_to(actor).order_by().filter(whose, action__in=ROLLOUT_WORDS, object_kind="rollout")
    return rows.annotate(moment=F("at"))


def _drifted(actor: Actor) -> QuerySet[Any]:
    """Return alarms of features: of one's own models, and all for those who deploy to production."""
    rows = history.events_visible_to(actor).order_by().filter(action="feature.drifted").annotate(moment=F("at"))
    if actor.holds(Permission.DEPLOY_PRODUCTION):
        return rows
    return rows.filter(model_uuid__in=RegisteredModel.objects.live().filter(owner=actor.user).values("uuid"))


def _alerts(actor: Actor) -> QuerySet[Any]:
    """Return alerts that began: of one's own models, and all for those who deploy to production."""
    rows = history.events_visible_to(actor).order_by().filter(action="alert.fired").annotate(moment=F("at"))
    if actor.holds(Permission.DEPLOY_PRODUCTION):
        return rows
    return rows.filter(model_uuid__in=RegisteredModel.objects.live().filter(owner=actor.user).values("uuid"))


def _alert_reviews(actor: Actor) -> QuerySet[Any]:
    return looking.for_reviewers(actor).annotate(moment=F("began_at"))


def _tokens(actor: Actor) -> QuerySet[Any]:
    soon = clock.now() + ENDING
    rows = ApiToken.objects.filter(user=actor.user, revoked_at=None, expires_at__gt=clock.now(), expires_at__lte=soon)
    begins = ExpressionWrapper(F("expires_at") - ENDING, output_field=DateTimeField())
    return rows.order_by().annotate(moment=begins)


def _wishes(actor: Actor) -> QuerySet[Any]:
    rows = AccessRequest.objects.filter(settled_at=None)
    return (rows if actor.holds(Permission.USER_MANAGE) else rows.none()).annotate(moment=F("created_at"))


def _glass(actor: Actor) -> QuerySet[Any]:
    return BrokenGlass.objects.waiting_for(actor).annotate(moment=F("opened_at"))


def _mismatches(actor: Actor) -> QuerySet[Any]:
    rows = mismatches.unsettled()
    return (rows if actor.holds(Permission.MODEL_READ_RESTRICTED) else rows.none()).annotate(moment=F("found_at"))


def _proposals(actor: Actor) -> QuerySet[Any]:
    return PolicyVersion.objects.waiting_for(actor).annotate(moment=F("created_at"))


STANDING: dict[str, Callable[[Actor], QuerySet[Any]]] = {
    "request": _to_decide, "glass": _glass, "policy": _proposals, "token": _tokens, "access": _wishes,
    "mismatch": _mismatches, "alert_review": _alert_reviews,
}  # fmt: skip
NEWS: dict[str, Callable[[Actor], QuerySet[Any]]] = {
    "decision": _decided, "ended": _ended, "comment": _comments, "rollout": _rollouts,
    "drift": _drifted, "alert": _alerts,
}  # fmt: skip


def _all(actor: Actor, since: datetime | None = None) -> QuerySet[Any]:
    """Return (kind, key, moment) of everything, of what came after `since` where it is given."""
    fresh = clock.now() - timedelta(days=NEWS_DAYS)
    parts = [rows(actor).annotate(notice=Value(kind)) for kind, rows in STANDING.items()]
    parts += [rows(actor).annotate(notice=Value(kind)).filter(moment__gt=fresh) for kind, rows in NEWS.items()]
    if since is not None:
        parts = [rows.filter(moment__gt=since) for rows in parts]
    first, *rest = [rows.order_by().values_list("notice", "pk", "moment") for rows in parts]
    united: QuerySet[Any] = first.union(*rest, all=True)
    return united


def unread(actor: Actor) -> QuerySet[Any]:
    """Return what the person has not seen, as (kind, key, moment)."""
    return _all(actor, actor.person.notices_seen_at)


def mark_read(user: User, *, until: datetime) -> None:
    """Count as seen what was there at `until`; what came since stays unread. Her own mark, so no event tells of it."""
    until = min(until, clock.now())
    User.objects.filter(Q(notices_seen_at=None) | Q(notices_seen_at__lt=until), pk=user.pk).update(
        notices_seen_at=until
    )


def notices(actor: Actor) -> list[Notice]:
    """Return the newest notices of the person, newest first, as many as she likes on a page."""
    found = list(_all(actor).order_by("-moment")[: preferences_of(actor.user).rows])
    keys = {kind: [key for k, key, _ in found if k == kind] for kind in TELL}
    told = {kind: tell(keys[kind], actor) for kind, tell in TELL.items() if keys[kind]}
    lines = [told[kind][key] for kind, key, _ in found if key in told[kind]]
    seen = actor.person.notices_seen_at
    return [Notice(**{**vars(line), "unread": seen is None or line.at > seen}) for line in lines]


def _about(request: ApprovalRequest) -> str:
    move = labels.move_words(request)
    return f"#{request.pk} {request.model.name} v{request.version.version} → {move['target']}"


def _requests(keys: Iterable[int]) -> dict[int, ApprovalRequest]:
    return ApprovalRequest.objects.select_related("model", "version", "requester").in_bulk(list(keys))


def _tell_requests(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "request", key, row.created_at, f"{row.requester.username} asks for your decision", _about(row),
            f"/approvals/{key}", row.reason, needs=True,
        )
        for key, row in _requests(keys).items()
    }  # fmt: skip


def _tell_glass(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    rows = BrokenGlass.objects.select_related("person").in_bulk(keys)
    requests = _requests({row.request_id for row in rows.values()})
    return {
        key: Notice(
            "glass", key, row.opened_at, f"{row.person.username} broke the glass: review it",
            _about(requests[row.request_id]), f"/approvals/{row.request_id}#glass", row.reason, needs=True,
        )
        for key, row in rows.items()
    }  # fmt: skip


def _tell_proposals(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "policy", key, row.created_at, f"{row.author.username} proposes a policy",
            f"{row.policy.name} v{row.number}", f"/policies/{row.policy.name}/versions/{row.number}", row.reason,
            needs=True,
        )
        for key, row in PolicyVersion.objects.select_related("policy", "author").in_bulk(keys).items()
    }  # fmt: skip


def _tell_ended(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "ended", key, row.ended_at or row.created_at, ENDED_WORDS[RequestState(row.state)], _about(row),
            f"/approvals/{key}", row.ended_why,
        )
        for key, row in _requests(keys).items()
    }  # fmt: skip


def _tell_decisions(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    rows = Decision.objects.select_related("person").in_bulk(keys)
    requests = _requests({row.request_id for row in rows.values()})
    return {
        key: Notice(
            "decision", key, row.at, f"{row.person.username} {VERDICT_WORDS[row.verdict]} your request{row.reach}",
            _about(requests[row.request_id]), f"/approvals/{row.request_id}#decision-{key}", row.comment,
            needs=requests[row.request_id].state == RequestState.APPROVED,
        )
        for key, row in rows.items()
    }  # fmt: skip


def _tell_comments(keys: list[int], actor: Actor) -> dict[int, Notice]:
    rows = Comment.objects.select_related("author").in_bulk(keys)
    requests = _requests({row.request_id for row in rows.values()})
    return {
        key: Notice(
            "comment", key, row.created_at,
            f"{row.author.username} {'named you' if f'@{actor.name}' in row.body else 'commented'} on",
            _about(requests[row.request_id]), f"/approvals/{row.request_id}#comment-{key}", row.body,
        )
        for key, row in rows.items()
    }  # fmt: skip


def _tell_rollouts(keys: list[int], actor: Actor) -> dict[int, Notice]:
    events = [history.tell(row) for row in history.events_visible_to(actor).filter(pk__in=keys)]
    return {
        told.id: Notice(
            "rollout", told.id, told.at, ROLLOUT_WORDS[told.action], told.label, f"/deployments/{told.object_id}",
            told.comment, needs=told.action == "rollout.needs_operator",
        )
        for told in events
    }  # fmt: skip


def _tell_drifted(keys: list[int], actor: Actor) -> dict[int, Notice]:
    events = [history.tell(row) for row in history.events_visible_to(actor).filter(pk__in=keys)]
    return {
        told.id: Notice(
            "drift", told.id, told.at, f"{told.after['feature']} drifted at", told.label,
            address(told.object_id, str(told.after["version"]), str(told.after["feature"])),
            f"Version {told.after['version']}, {told.after['severity']}: {told.after['distance']} from its reference",
        )
        for told in events
    }  # fmt: skip


def _tell_alerts(keys: list[int], actor: Actor) -> dict[int, Notice]:
    events = [history.tell(row) for row in history.events_visible_to(actor).filter(pk__in=keys)]
    return {
        told.id: Notice(
            "alert", told.id, told.at, f"Alert {told.after['alert']} at", told.label,
            f"/endpoints/{told.object_id}/alerts", told.comment,
        )
        for told in events
    }  # fmt: skip


def _tell_alert_reviews(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "alert_review", key, row.began_at, "An alert waits for a reviewer at", row.endpoint.name,
            f"/endpoints/{row.endpoint.name}/alerts#alert-{key}", row.words, needs=True,
        )
        for key, row in Alert.objects.select_related("endpoint").in_bulk(keys).items()
    }  # fmt: skip


def _tell_tokens(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "token", key, row.expires_at - ENDING, f"An API token of yours ends in {_left(row.expires_at)}", row.label,
            "/account/tokens", needs=True,
        )
        for key, row in ApiToken.objects.in_bulk(keys).items()
    }  # fmt: skip


def _tell_mismatches(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "mismatch", key, row.found_at, "A row differs from the ledger: the deploy gate is shut", row.label,
            f"/audit/mismatches/{key}", needs=True,
        )
        for key, row in Mismatch.objects.in_bulk(keys).items()
    }  # fmt: skip


def _left(moment: datetime) -> str:
    days = (moment - clock.now()).days
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


def _tell_wishes(keys: list[int], actor: Actor) -> dict[int, Notice]:
    del actor
    return {
        key: Notice(
            "access", key, row.created_at, f"{row.user.username} asks for the role", Role(row.role).label,
            "/admin/accounts/accessrequest/?settled_at__isempty=1", row.reason, needs=True,
        )
        for key, row in AccessRequest.objects.select_related("user").in_bulk(keys).items()
    }  # fmt: skip


TELL: dict[str, Callable[[list[int], Actor], dict[int, Notice]]] = {
    "request": _tell_requests, "glass": _tell_glass, "policy": _tell_proposals, "token": _tell_tokens,
    "access": _tell_wishes, "decision": _tell_decisions, "ended": _tell_ended, "comment": _tell_comments,
    "rollout": _tell_rollouts, "mismatch": _tell_mismatches, "drift": _tell_drifted,
    "alert": _tell_alerts, "alert_review": _tell_alert_reviews,
}  # fmt: skip

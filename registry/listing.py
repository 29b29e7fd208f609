"""What the lists of models and requests narrow by, the same on their pages and in own REST."""

import re
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.wide_search import models_like

OPERATOR = re.compile(r"[=<>]|\b(?:I?LIKE|IN)\s*['\"(]", re.IGNORECASE)
ONLY_MARKS = re.compile(r"[\s(),]+\Z")
DONE = [
    RequestState.EXECUTED,
    RequestState.REJECTED,
    RequestState.CHANGES_REQUESTED,
    RequestState.WITHDRAWN,
    RequestState.EXPIRED,
    RequestState.SUPERSEDED,
]


@dataclass(frozen=True)
class ModelFilter:
    """Empty means all. `q` is a part of the name or description, or a filter (`registry.wide_search`)."""

    q: str = ""
    owner: str = ""
    stage: str = ""
    risk: str = ""

    def apply(self, rows: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
        """Return `rows` narrowed; raises Invalid for a filter that cannot be read."""
        exact = {"owner__username": self.owner, "risk_tier": self.risk}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.stage:
            rows = rows.filter(pk__in=ModelVersion.objects.live().filter(stage=self.stage).values("model"))
        return self._searched(rows) if self.q else rows

    def _searched(self, rows: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
        if not OPERATOR.search(self.q) and not ONLY_MARKS.match(self.q):
            return rows.filter(Q(name__icontains=self.q) | Q(description__icontains=self.q))
        return models_like(self.q, rows)


class Box(StrEnum):
    """One of the lists of requests."""

    WAITING = ""
    MINE = "mine"
    ALL = "all"
    DONE = "done"


def requests_in(box: Box, *, actor: Actor) -> QuerySet[ApprovalRequest]:
    """Return the requests of a list; what waits for whoever decides nothing is her approved ones, to carry out."""
    rows = ApprovalRequest.objects.select_related("model", "version", "requester")
    if box is Box.WAITING:
        return rows.waiting_for(actor) if actor.holds(Permission.REQUEST_DECIDE) else rows.usable_by(actor)
    rows = rows.visible_to(actor)
    if box is Box.MINE:
        return rows.filter(requester=actor.user)
    return rows.filter(state__in=DONE) if box is Box.DONE else rows

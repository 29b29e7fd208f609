"""Who has a role since a short while, and from whom: so that a person made for one signature is seen."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from audit.models import Event
from core import clock

NEW = timedelta(days=1)
When = tuple[int, datetime]  # a person's key, and the moment that she is looked at


def newly_given(asked: Collection[When]) -> dict[When, str]:
    """Return, by one statement, which roles each person had since less than a day then, and from whom; others not."""
    if not asked:
        return {}
    rows = Event.objects.filter(
        object_kind="user", object_id__in={str(key) for key, _ in asked},
        action__in=["user.created", "user.roles.changed"],
        at__gt=min(moment for _, moment in asked) - NEW, at__lte=max(moment for _, moment in asked),
    ).order_by("id")  # fmt: skip
    found: dict[When, str] = {}
    for event in rows:
        body = json.loads(bytes(event.body))
        given = sorted(set(body["after"]["roles"]) - set(body["before"].get("roles", [])))
        for key, moment in asked if given else ():
            if str(key) == event.object_id and moment - NEW < event.at <= moment:
                words = f"{', '.join(given)} since {clock.minute(event.at)}, given by {event.actor_name}"
                found[key, moment] = words
    return found

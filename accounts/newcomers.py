"""Who has a role since a short while, and from whom: so that a person made for one signature is seen."""

import json
from datetime import datetime, timedelta

from accounts.models import User
from audit.models import Event
from core import clock

NEW = timedelta(days=1)


def newly_given(user: User, moment: datetime) -> str:
    """Return which roles the person had since less than a day at `moment`, and from whom; empty where none."""
    rows = Event.objects.filter(
        object_kind="user", object_id=str(user.pk), action__in=["user.created", "user.roles.changed"],
        at__gt=moment - NEW, at__lte=moment,
    ).order_by("-id")  # fmt: skip
    for event in rows:
        body = json.loads(bytes(event.body))
        if given := sorted(set(body["after"]["roles"]) - set(body["before"].get("roles", []))):
            return f"{', '.join(given)} since {clock.minute(event.at)}, given by {event.actor_name}"
    return ""

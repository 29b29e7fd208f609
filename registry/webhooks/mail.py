"""Mail: a webhook whose address is `mailto:`, to the address named there or to those whom a request concerns."""

import json
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from accounts.actors import Via, person
from accounts.models import User
from accounts.permissions import Permission, roles_with
from core import home
from core.refusals import Invalid
from registry.delegations import had_part
from registry.models import ApprovalRequest
from registry.webhooks.models import Delivery, Webhook

SCHEME = "mailto:"
TIMEOUT_S, MOST = 10, 50
Body = dict[str, Any]


def is_mail(url: str) -> bool:
    """Whether an address is one of mail."""
    return url.startswith(SCHEME)


def check_address(url: str) -> str:
    """Return `url`; raise Invalid where mail is not set up, or it names what is no mail address."""
    if not settings.MAIL_FROM:
        raise Invalid("Mail is not set up: set SIGNOFF_MAIL_URL and SIGNOFF_MAIL_FROM.", field="url")
    for one in _named(url):
        try:
            validate_email(one)
        except ValidationError as why:
            raise Invalid(f"{one} is no mail address; {SCHEME} alone writes to those concerned.", field="url") from why
    return url


def _named(url: str) -> list[str]:
    return [one.strip() for one in url.removeprefix(SCHEME).split(",") if one.strip()]


def told(webhook: Webhook, seq: int, body: Body) -> str | None:
    """Return the mail of an event, as a delivery keeps it; None where it is for nobody."""
    to = _named(webhook.url) or _concerned(body)
    if not to:
        return None
    who, about, said = body["actor"]["name"], body["object"], str(body["comment"])
    lines = [f"{who}: {body['action']}", f"{about['label']}", "", said, "", _link(about, seq)]
    subject = " ".join(f"[Signoff] {body['action']}: {about['label']}".split())[:200]
    return json.dumps({"to": to, "subject": subject, "text": "\n".join(lines)})


def example(webhook: Webhook, event: str) -> str:
    """Return a test. Without a named address it goes to whoever made the webhook."""
    to = _named(webhook.url) or [webhook.created_by.email]
    return json.dumps({"to": [one for one in to if one], "subject": f"[Signoff] {event}: a test", "text": "A test.\n"})


def _link(about: Body, seq: int) -> str:
    path = f"/approvals/{about['id']}" if about["kind"] == "approval_request" else f"/audit/{seq}"
    return f"{home.server_url()}{path}"


def _concerned(body: Body) -> list[str]:
    """Return the addresses of those whom an event of a request concerns, never of whoever did it."""
    if body["object"]["kind"] != "approval_request":
        return []
    rows = ApprovalRequest.objects.select_related("requester", "version")
    request = rows.filter(pk=body["object"]["id"]).first()
    if request is None:
        return []
    people = _deciders(request) if body["action"] == "request.opened" else [request.requester]
    others = (one for one in people if one.email and one.is_active and one.pk != body["actor"]["id"])
    return [one.email for one in others if _sees(one, request)][:MOST]


def _sees(user: User, request: ApprovalRequest) -> bool:
    return ApprovalRequest.objects.visible_to(person(user, Via.SYSTEM)).filter(pk=request.pk).exists()


def _deciders(request: ApprovalRequest) -> Collection[User]:
    groups = request.rules.values("group")
    rows = User.objects.filter(groups__name__in=roles_with(Permission.REQUEST_DECIDE)).filter(groups__name__in=groups)
    return rows.exclude(pk__in=had_part(request)).order_by("username").distinct()


def send(delivery: Delivery) -> None:
    """Send the mail. Raises OSError (SMTP's own errors are such) where the server does not take it.

    Its Message-ID is the delivery's, so that one sent twice is seen to be one.
    """
    said = json.loads(delivery.body)
    if not said["to"]:
        raise Invalid("Nobody to write to has a mail address.")
    head = {"Message-ID": f"<{delivery.pk}@signoff>"}
    with get_connection(timeout=TIMEOUT_S) as server:
        EmailMessage(
            said["subject"], said["text"], settings.MAIL_FROM, bcc=said["to"], headers=head, connection=server
        ).send()

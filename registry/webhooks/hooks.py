"""Writes of webhooks. Who may: admins, by the permission table. A secret goes in and never comes out again."""

import base64
import binascii
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require as require_role
from audit.record import Change, Subject, record
from core import canonical, clock, outbound, secret_text
from core.refusals import Invalid, NotFound
from registry.webhooks import events, mail
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook

NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z", re.IGNORECASE)
DESCRIPTION_MAX, SECRET_MAX, MANY = 1000, 1000, 200
MARK, KEY_BYTES = "whsec_", range(24, 65)


@dataclass(frozen=True)
class Wish:
    """What a caller wants of a webhook; None leaves a part as it is."""

    name: str | None = None
    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    secret: str | None = None
    active: bool | None = None
    test_only: bool | None = None
    authorization: str | None = None
    model_uuid: uuid.UUID | None = None


def subject(webhook: Webhook) -> Subject:
    """Return `webhook` as the ledger names it."""
    return Subject("webhook", str(webhook.pk), webhook.name)


def of(actor: Actor, channel: Channel | None = None) -> QuerySet[Webhook]:
    """Return the live webhooks of `channel`, or all, the newest first; raise Denied for others than admins."""
    require_role(actor, Permission.WEBHOOK_MANAGE, "see or change webhooks")
    rows = Webhook.objects.live().order_by("-created_at", "-pk")
    return rows.filter(channel=channel) if channel else rows


def find(webhook_id: str, *, actor: Actor, channel: Channel | None = None) -> Webhook:
    """Return the live webhook; raise NotFound where `channel` has none of that id."""
    rows = of(actor, channel)
    try:
        found = rows.filter(pk=uuid.UUID(webhook_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"Webhook with ID {webhook_id[:80]} not found.")
    return found


def create(channel: Channel, wish: Wish, *, actor: Actor) -> tuple[Webhook, str]:
    """Make a webhook; return it and its secret as the caller may still see it, this once.

    A webhook of the ledger's events without a secret gets one made up; MLflow's then go out unsigned, as there.
    """
    require_role(actor, Permission.WEBHOOK_MANAGE, "make webhooks", about=Subject("webhook", "", wish.name or ""))
    said = _checked(channel, wish, whole=True)
    secret = wish.secret or (new_secret() if channel == Channel.SIGNOFF else "")
    moment = clock.now()
    row = Webhook(channel=channel, created_by=actor.person, created_at=moment, updated_at=moment, **said)
    row.secret, row.authorization = secret_text.hide(secret), secret_text.hide(wish.authorization or "")
    row.model_uuid = wish.model_uuid
    with transaction.atomic():
        if Webhook.objects.live().count() >= MANY:
            raise Invalid(f"There are {MANY} webhooks already.", next_step="Delete one first.")
        row.save(force_insert=True)
        record("webhook.created", subject(row), actor=actor, change=Change(after=_shown(row)))
    return row, secret


def update(webhook: Webhook, wish: Wish, *, actor: Actor) -> Webhook:
    """Change what `wish` names. The ledger says that a secret was changed, not to what."""
    require_role(actor, Permission.WEBHOOK_MANAGE, "change webhooks", about=subject(webhook))
    said = _checked(Channel(webhook.channel), wish, whole=False)
    with transaction.atomic():
        row = _locked(webhook)
        before = _shown(row)
        for name, value in said.items():
            setattr(row, name, value)
        for name in HIDDEN:
            if (text := getattr(wish, name)) is not None:
                setattr(row, name, secret_text.hide(text))
        if wish.url is not None:
            row.resting_until = None
        after = {**_shown(row), **{name: "changed" for name in HIDDEN if getattr(wish, name) is not None}}
        changed = [name for name in after if after[name] != before.get(name)]
        if changed:
            row.updated_at = clock.now()
            row.save()
            change = Change({n: before[n] for n in changed if n in before}, {n: after[n] for n in changed})
            record("webhook.updated", subject(row), actor=actor, change=change)
    return row


def delete(webhook: Webhook, *, actor: Actor) -> None:
    """End the webhook: what still waits is dropped, its secret is gone, its log stays as long as others'."""
    require_role(actor, Permission.WEBHOOK_MANAGE, "delete webhooks", about=subject(webhook))
    with transaction.atomic():
        row = _locked(webhook)
        moment, before = clock.now(), _shown(row)
        row.deleted_at = row.updated_at = moment
        row.active, row.secret, row.authorization = False, b"", b""
        row.save()
        waiting = Delivery.objects.filter(webhook=row, state=DeliveryState.WAITING)
        dropped = waiting.update(state=DeliveryState.DROPPED, ended_at=moment)
        record("webhook.deleted", subject(row), actor=actor, change=Change(before, facts={"dropped": dropped}))


def host_of(webhook: Webhook) -> str:
    """Return host and port of its address; the path may be as good as a password."""
    return "mail" if mail.is_mail(webhook.url) else urlsplit(webhook.url).netloc


def new_secret() -> str:
    """Return a secret in the form of Standard Webhooks."""
    return MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes that sign, of a secret in the form of Standard Webhooks; raise Invalid where it is another."""
    try:
        key = base64.b64decode(secret.removeprefix(MARK), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(MARK) or len(key) not in KEY_BYTES:
        raise Invalid(f"The secret is {MARK} and base64 of 24 to 64 bytes; left out, one is made.", field="secret")
    return key


def _locked(webhook: Webhook) -> Webhook:
    row = Webhook.objects.live().select_for_update().filter(pk=webhook.pk).first()
    if row is None:
        raise NotFound(f"Webhook with ID {webhook.pk} not found.")
    return row


def _shown(row: Webhook) -> dict[str, object]:
    """Return what the ledger keeps: of the address the host and a digest, for a path may be as good as a password."""
    said = {"name": row.name, "host": host_of(row), "address": canonical.digest(row.url)[:16]}
    facts = {"events": row.events, "description": row.description, "active": row.active, "channel": str(row.channel)}
    of_one = {"model": str(row.model_uuid)} if row.model_uuid else {}
    return {**said, **facts, **of_one, **({"test_only": True} if row.test_only else {})}


def _checked(channel: Channel, wish: Wish, *, whole: bool) -> dict[str, object]:
    """Return the columns that `wish` sets, each held to its rule; `whole` asks for all that a webhook needs."""
    said: dict[str, object] = {}
    for name, check in CHECKS.items():
        value = getattr(wish, name)
        if value is not None or (whole and name in NEEDED):
            said[name] = check(value or "")
    if wish.events is not None or whole:
        said["events"] = events.check_patterns(wish.events or []) if channel == Channel.SIGNOFF else _some(wish.events)
    said |= {name: value for name in SWITCHES if (value := getattr(wish, name)) is not None}
    for name in HIDDEN:
        if len(getattr(wish, name) or "") > SECRET_MAX:
            raise Invalid(f"The {name} is over {SECRET_MAX} characters.", field=name)
    if mail.is_mail(wish.url or "") and channel != Channel.SIGNOFF:
        raise Invalid("Mail is for Signoff's own webhooks.", field="url")
    if channel == Channel.SIGNOFF and (wish.secret or (wish.secret is not None and not whole)):
        key_of(wish.secret)
    return said


def _some(found: list[str] | None) -> list[str]:
    if not found:
        raise Invalid("Webhook events must be a non-empty list.", field="events")
    return list(dict.fromkeys(found))


def _name(name: str) -> str:
    if not NAME.match(name):
        raise Invalid(
            f"Webhook name '{name[:80]}' is invalid. It must start and end with a letter or digit, have 1 to 63 "
            "characters, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
            field="name",
        )
    return name


def _description(text: str) -> str:
    if len(text) > DESCRIPTION_MAX:
        raise Invalid(f"The description is over {DESCRIPTION_MAX} characters.", field="description")
    return text


def check_address(url: str) -> str:
    """Return `url` where it may be told of events, over the network or by mail; else raise Invalid."""
    return mail.check_address(url) if mail.is_mail(url) else outbound.check_address(url)


CHECKS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "url": check_address,
    "description": _description,
}
NEEDED = frozenset({"name", "url"})
HIDDEN, SWITCHES = ("secret", "authorization"), ("active", "test_only")

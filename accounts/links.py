"""Sign-in links made on the host: for a first sign-in, for a person without a password, for the demo."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from accounts.models import SignInLink, User
from accounts.tokens import digest
from accounts.users import subject_of
from audit.record import Change, Subject, record
from core import clock
from core.refusals import Denied

LIFE = timedelta(minutes=15)
DEMO_LIFE = timedelta(days=1)


def make_link(user: User | None, *, actor: Actor, demo_run: str = "") -> str:
    """Return the secret part of a new link. `user` None makes the set-up link of an empty installation."""
    secret = secrets.token_urlsafe(32)
    life = DEMO_LIFE if demo_run else LIFE
    about = subject_of(user) if user else Subject("user", "", "the first admin")
    with transaction.atomic():
        SignInLink.objects.create(user=user, sha256=digest(secret), expires_at=clock.now() + life, demo_run=demo_run)
        record("link.created", about, actor=actor, change=Change(facts={"demo": bool(demo_run)}))
    return secret


def find_link(secret: str, *, demo_run: str) -> SignInLink:
    """Return the link while it can be used; raise Denied otherwise."""
    usable = Q(demo_run="", used_at=None) | (Q(demo_run=demo_run) if demo_run else Q(pk=None))
    link = (
        SignInLink.objects.select_related("user")
        .filter(usable, sha256=digest(secret), expires_at__gt=clock.now())
        .first()
    )
    if link is None or (link.user and not link.user.is_active):
        raise Denied(
            "This link was used, has expired or never was.",
            next_step="Ask whoever runs this host for a new one.",
        )
    return link


def use_link(secret: str, *, demo_run: str) -> SignInLink:
    """Mark the link used and return it; of two at once, one wins. A demo's link stays usable while its run lasts."""
    link = find_link(secret, demo_run=demo_run)
    if not link.demo_run and not SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=clock.now()):
        raise Denied("This link was used.", next_step="Ask whoever runs this host for a new one.")
    return link

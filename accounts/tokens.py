"""API tokens: minted once, kept as a hash, looked up at every call."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from accounts.actors import Actor, Via
from accounts.models import ApiToken, User
from accounts.permissions import Scope
from audit.record import Change, Subject, record
from core import clock
from core.refusals import Denied, Invalid, NotFound

MARK = "so_"
USE_EVERY = timedelta(minutes=1)
PERSON = ("id", "username", "is_active")  # the rest of her row is read when somebody asks for it
# Every call of a program asks this: one statement, a line for each of her groups.
WHO = """
    SELECT t.id, t.prefix, t.scopes, t.last_used_at IS NULL OR t.last_used_at < %s,
        u.id, u.username, u.is_active, g.name
    FROM accounts_apitoken t JOIN accounts_user u ON u.id = t.user_id
    LEFT JOIN accounts_user_groups ug ON ug.user_id = u.id LEFT JOIN auth_group g ON g.id = ug.group_id
    WHERE t.sha256 = %s AND t.revoked_at IS NULL AND t.expires_at > %s AND u.is_active"""


def digest(token: str) -> str:
    """Return what is stored of `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def fingerprint_of(sha256: str) -> str:
    """Return what the ledger says of a token's hash, so that another hash is noticed and no token can be looked for."""
    return digest(sha256)


def mint(
    user: User, *, label: str, scopes: Iterable[Scope], days: int, actor: Actor, fresh: bool = False
) -> tuple[ApiToken, str]:
    """Make a token for `user` and return it with its text, which is shown this once.

    Raises Invalid for no scope or a life over the limit, Denied where someone else asks for it (the host's
    operator may) or where `decide` is asked for without a fresh sign-in.
    """
    wanted = sorted(set(scopes))
    if not wanted:
        raise Invalid("A token needs at least one scope.", field="scopes")
    if not label.strip():
        raise Invalid("Give the token a name, such as the notebook it is for.", field="label")
    if not 1 <= days <= settings.TOKEN_TTL_DAYS:
        raise Invalid(f"A token lives from 1 to {settings.TOKEN_TTL_DAYS} days.", field="days")
    if actor.via is not Via.COMMAND and actor.user != user:
        raise Denied("Only the person herself makes her tokens.")
    if Scope.DECIDE in wanted and not fresh:
        raise Denied("A token that may decide needs a fresh sign-in.", next_step="Give your password again.")
    prefix = secrets.token_hex(4)
    text = f"{MARK}{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        expires = clock.now() + timedelta(days=days)
        row = ApiToken.objects.create(
            user=user, label=label.strip()[:80], prefix=prefix, sha256=digest(text), scopes=wanted, expires_at=expires
        )
        after: dict[str, object] = {"scopes": wanted, "expires_at": clock.iso(expires), "user": user.username}
        change = Change(after=after, facts={"fingerprint": fingerprint_of(row.sha256)})
        record("token.created", Subject("token", prefix, str(row)), actor=actor, change=change)
    return row, text


def revoke(user: User, *, token_id: int, actor: Actor) -> None:
    """End one of `user`'s tokens; the next call with it is refused. Doing it again changes nothing."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update().filter(pk=token_id, user=user).first()
        if row is None:
            raise NotFound("There is no such token.")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            record("token.revoked", Subject("token", row.prefix, str(row)), actor=actor)


def actor_by(token: str, *, address: str, request_id: str) -> Actor | None:
    """Return the person `token` stands for, or None where it is unknown, expired, revoked or hers no more."""
    moment = clock.now()
    said = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(WHO, [said(moment - USE_EVERY), digest(token), said(moment)])
        rows = cursor.fetchall()
    if not rows:
        return None
    key, prefix, scopes, is_stale, *person, _ = rows[0]
    if is_stale:
        ApiToken.objects.filter(pk=key).update(last_used_at=moment)
    user = User.from_db("default", PERSON, person)
    groups = frozenset(row[-1] for row in rows if row[-1])
    return Actor(user, Via.TOKEN, frozenset(map(Scope, json.loads(scopes))), prefix, address, request_id, groups)

"""Who is calling: by session on pages, by token or password on the APIs."""

import base64
import binascii
import hmac
import time
from dataclasses import replace
from typing import cast

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts import tokens
from accounts.actors import Actor, Via, person
from accounts.models import User
from accounts.permissions import Scope
from core.refusals import Unauthenticated

METHOD_KEY = "signed_in_via"
REMEMBER_S = 60
REMEMBER_MAX = 1_000
BY_PASSWORD = frozenset({Scope.READ, Scope.WRITE})  # what stands in a notebook decides nothing
_remembered: dict[bytes, tuple[int, str, float]] = {}


def address_of(request: HttpRequest) -> str:
    """Return the caller's address: the connection's, or the nearest proxy's word where TLS ends at a proxy."""
    if settings.TLS_PROXY and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id_of(request: HttpRequest) -> str:
    """Return the id that the request context gave this request."""
    return str(getattr(request, "request_id", ""))


def session_actor(request: HttpRequest) -> Actor | None:
    """Return the person signed in by session, or None."""
    if not request.user.is_authenticated:
        return None
    via = Via(request.session.get(METHOD_KEY, Via.PASSWORD))
    return person(request.user, via, address=address_of(request), request_id=request_id_of(request))


def actor_of(request: HttpRequest) -> Actor:
    """Return the actor of a page; raise Unauthenticated where nobody is signed in."""
    actor = cast("Actor | None", getattr(request, "actor", None))
    if actor is None:
        raise Unauthenticated("Sign in first.")
    return actor


def api_actor(request: HttpRequest) -> Actor:
    """Return whoever the Authorization header names; raise Unauthenticated where it is missing or wrong."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    actor = None
    if kind.lower() == "bearer":
        actor = tokens.actor_by(value.strip(), address=address_of(request), request_id=request_id_of(request))
    elif kind.lower() == "basic":
        actor = _basic(request, value.strip())
    if actor is None:
        step = "Set MLFLOW_TRACKING_TOKEN to an API token; you make one under Account, API tokens."
        raise Unauthenticated("The credentials are missing, wrong or expired.", next_step=step)
    return actor


def _basic(request: HttpRequest, value: str) -> Actor | None:
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if "\0" in name:
        return None  # no database keeps it
    where = {"address": address_of(request), "request_id": request_id_of(request)}
    if secret.startswith(tokens.MARK):
        actor = tokens.actor_by(secret, **where)
        return actor if actor and actor.name == name else None
    user = _by_password(request, name, secret)
    return replace(person(user, Via.BASIC, **where), scopes=BY_PASSWORD) if user else None


def _by_password(request: HttpRequest, name: str, secret: str) -> User | None:
    """Check a password at most once a minute: a client sends it with every call, and hashing is slow on purpose."""
    key = hmac.digest(settings.SECRET_KEY.encode(), f"{name}\0{secret}".encode(), "sha256")
    user_id, hashed, until = _remembered.get(key, (0, "", 0.0))
    if until > time.monotonic():
        return User.objects.filter(pk=user_id, is_active=True, username=name, password=hashed).first()
    user = authenticate(request, username=name, password=secret)
    if getattr(request, "axes_locked_out", False):
        minutes = round(settings.AXES_COOLOFF_TIME * 60)
        step = "Use an API token, or wait."
        raise Unauthenticated(f"Too many wrong passwords: passwords of {name} wait {minutes} minutes.", next_step=step)
    if user:
        if len(_remembered) >= REMEMBER_MAX:
            _remembered.clear()
        _remembered[key] = (user.pk, user.password, time.monotonic() + REMEMBER_S)
    return user

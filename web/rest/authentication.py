"""Own REST's door: a token or a password names the actor, for reading a session too; without a role no further."""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.actors import Actor
from core.refusals import Denied
from web.actors import api_actor, session_actor

READING = frozenset({"GET", "HEAD"})


class ActorAuthentication(BaseAuthentication):
    """Puts the actor on the request as `auth`, and on Django's request for the error table."""

    def authenticate(self, request: Request) -> tuple[Any, Actor]:
        """Return (user, actor); raises Unauthenticated. A session reads only: a page of another site could send it."""
        asked = request._request
        by_session = asked.method in READING and "Authorization" not in asked.headers
        actor = (session_actor(asked) if by_session else None) or api_actor(asked)
        request._request.actor = actor  # type: ignore[attr-defined]
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        del request
        return 'Bearer realm="signoff"'


class HasRole(BasePermission):
    """Lets in whoever has a role; each service function then decides for itself."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise Denied for a person without a role."""
        del view
        if not actor_of(request).roles:
            raise Denied("You have no role here.", next_step="Ask an admin under Account, Request access.")
        return True


def actor_of(request: Request) -> Actor:
    """Return the actor of an authenticated call."""
    return cast("Actor", request.auth)


class ActorScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it ships no such types
    """How OpenAPI describes the door."""

    target_class = "web.rest.authentication.ActorAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        del auto_schema
        return {"type": "http", "scheme": "bearer"}

"""Reads what a caller of own REST sends."""

from datetime import UTC, datetime
from typing import Any, cast

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from core.refusals import Invalid

LIMIT, LIMIT_MAX = 50, 250


def checked(shape: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body checked against `shape`; raises DRF's ValidationError, which the error table renders."""
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return cast("dict[str, Any]", serializer.validated_data)


def limit_of(request: Request) -> int:
    """Return how many rows the caller wants, 1 to 250."""
    return min(whole(request, "limit") or LIMIT, LIMIT_MAX)


def whole(request: Request, name: str) -> int | None:
    """Return a query parameter as a whole number, or None where it is absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:  # noqa: PLR2004 - fits 64 bits
        raise Invalid(f"{name} must be a whole number.", field=name)
    return int(text)


def text_of(request: Request, name: str) -> str:
    """Return a query parameter without spaces around it, empty where it is absent; no database takes NUL."""
    return request.query_params.get(name, "").replace("\0", "").strip()


def moment_of(request: Request, name: str) -> datetime | None:
    """Return a query parameter as a moment, in UTC where it names no zone, or None where it is absent."""
    text = text_of(request, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as why:
        raise Invalid(f"{name} must be a moment such as 2026-11-24T15:00:00Z.", field=name) from why
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""Reads what a caller of own REST sends."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import (
    BaseSerializer,
    BooleanField,
    CharField,
    Field,
    FloatField,
    IntegerField,
    ListField,
    ListSerializer,
    Serializer,
)

from core import clock
from core.refusals import Invalid

JSON_TYPES: tuple[tuple[Any, Callable[[object], bool]], ...] = (
    (CharField, lambda value: isinstance(value, str)),
    (BooleanField, lambda value: isinstance(value, bool)),
    (IntegerField, lambda value: type(value) is int or (type(value) is float and value.is_integer())),
    (FloatField, lambda value: type(value) in {int, float}),
)
LIMIT, LIMIT_MAX, WHOLE_MAX = 50, 250, 10**15 - 1


def checked(shape: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body checked against `shape`; raises DRF's ValidationError, which the error table renders."""
    serializer = shape(data=request.data)
    if wrong := misfits(serializer, request.data):
        raise ValidationError(wrong)
    serializer.is_valid(raise_exception=True)
    return cast("dict[str, Any]", serializer.validated_data)


def misfits(field: Field[Any, Any, Any, Any], value: object) -> Any:
    """Return what is wrong, by name, with a value as it was sent: DRF takes 1 for "1" and trims before it measures."""
    if isinstance(field, Serializer) and isinstance(value, dict):
        found = {name: misfits(part, value[name]) for name, part in field.fields.items() if name in value}
        return {name: why for name, why in found.items() if why}
    if isinstance(field, (ListField, ListSerializer)) and isinstance(value, list) and field.child is not None:
        return next((why for part in value if (why := misfits(field.child, part))), None)
    if isinstance(field, CharField) and isinstance(value, str) and len(value) > (field.max_length or len(value)):
        return [field.error_messages["max_length"].format(max_length=field.max_length)]
    known = next((fits for kind, fits in JSON_TYPES if isinstance(field, kind)), None)
    return None if value is None or known is None or known(value) else ["This value is of another type."]


def limit_of(request: Request) -> int:
    """Return how many rows the caller wants, 50 where she does not say; raise Invalid outside 1 to 250."""
    asked = whole(request, "limit")
    if asked is not None and not 1 <= asked <= LIMIT_MAX:
        raise Invalid(f"limit is 1 to {LIMIT_MAX}.", field="limit")
    return asked or LIMIT


def whole(request: Request, name: str) -> int | None:
    """Return a query parameter as a whole number, or None where it is absent; raise Invalid for any other."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:20]) > WHOLE_MAX:
        raise Invalid(f"{name} must be a whole number.", field=name)
    return int(text)


def text_of(request: Request, name: str) -> str:
    """Return a query parameter without spaces around it, empty where it is absent; no database takes NUL."""
    return request.query_params.get(name, "").replace("\0", "").strip()


def one_of(request: Request, name: str, choices: Iterable[str]) -> str:
    """Return a query parameter that is one of `choices`, empty where it is absent; raise Invalid for other."""
    text = text_of(request, name)
    known = [str(choice) for choice in choices]
    if text and text not in known:
        raise Invalid(f"{name} is one of {', '.join(known)}.", field=name)
    return text


def moment_of(request: Request, name: str) -> datetime | None:
    """Return a query parameter as a moment, in UTC where it names no zone, or None where it is absent."""
    text = text_of(request, name)
    if not text:
        return None
    try:
        return clock.told(text)
    except ValueError as why:
        raise Invalid(f"{name} must be a moment such as 2026-11-24T15:00:00Z.", field=name) from why

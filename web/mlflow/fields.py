"""Reads what an MLflow client sends: JSON bodies and query strings, with the two sentences its callers look for."""

import json
import math
import re
from collections.abc import Mapping

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError

from core.refusals import Invalid, TooLarge
from web.strict_json import check_values, parse

SHOWN = 200
INT64 = 2**63
WHOLE = re.compile(r"-?[0-9]{1,19}\Z")
NUMBER_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def missing(name: str) -> Invalid:
    """Return the refusal of a call that lacks `name`."""
    return Invalid(f"Missing value for required parameter '{name}'", field=name)


def invalid(name: str, value: object) -> Invalid:
    """Return the refusal of a value that is of another type."""
    return Invalid(
        f"Invalid value {json.dumps(value, default=str)[:SHOWN]} for parameter '{name}' supplied", field=name
    )


class Fields:
    """The fields of one message. Null means absent, as in protobuf's JSON; unknown fields are ignored."""

    def __init__(self, said: Mapping[str, object]) -> None:
        self.said = said

    def value(self, name: str) -> object:
        """Return what was said, None where nothing was."""
        return self.said.get(name)

    def text(self, name: str, *, required: bool = False, default: str = "") -> str:
        """Return a string; an empty one is missing where it is required."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, value)
        if required and not value:
            raise missing(name)
        return default if value is None else value

    def need(self, name: str) -> str:
        """Return a string that must be there."""
        return self.text(name, required=True)

    def whole(self, name: str, *, required: bool = False) -> int | None:
        """Return a 64-bit whole number, sent as a number or as text, or None where it is absent."""
        value = self.value(name)
        if value is None or value == "":
            if required:
                raise missing(name)
            return None
        if isinstance(value, float) and value.is_integer() and abs(value) < INT64:
            value = int(value)
        if isinstance(value, str) and WHOLE.match(value):
            value = int(value)
        if type(value) is not int or not -INT64 <= value < INT64:
            raise invalid(name, value)
        return value

    def needed(self, name: str) -> int:
        """Return a 64-bit whole number that must be there."""
        value = self.whole(name)
        if value is None:
            raise missing(name)
        return value

    def number(self, name: str) -> float:
        """Return a number that must be there; NaN and infinities come as words."""
        value = self.value(name)
        if value is None:
            raise missing(name)
        try:
            if isinstance(value, str):
                return NUMBER_WORDS[value] if value in NUMBER_WORDS else float(value)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
        except (ValueError, OverflowError) as why:
            raise invalid(name, value) from why
        raise invalid(name, value)

    def flag(self, name: str) -> bool:
        """Return a JSON true or false; False where it is absent."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name, value)
        return bool(value)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise invalid(name, value)
        return value

    def parts(self, name: str) -> list["Fields"]:
        """Return a list of messages."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise invalid(name, value)
        return [Fields(part) for part in value]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Return a list of key and value messages."""
        return [(part.need("key"), part.text("value")) for part in self.parts(name)]

    def tags(self, name: str = "tags") -> dict[str, str]:
        """Return key and value messages by key; the last of a key wins."""
        return dict(self.pairs(name))


class QueryFields(Fields):
    """Fields of a query string: every value is text, a list is a repeated key, and no other key is repeated."""

    def __init__(self, query: QueryDict, named: Mapping[str, object]) -> None:
        super().__init__({**query.dict(), **named})
        self.query, self.named = query, named

    def value(self, name: str) -> object:
        """Return what was said once; raise Invalid where it stands several times, as it is not told which counts."""
        if name not in self.named and len(self.query.getlist(name)) > 1:
            raise Invalid(f"The parameter '{name}' stands more than once.", field=name)
        return super().value(name)

    def flag(self, name: str) -> bool:
        """Return true or false by word."""
        word = self.text(name)
        if word.lower() not in {"", "true", "false"}:
            raise invalid(name, word)
        return word.lower() == "true"

    def texts(self, name: str) -> list[str]:
        """Return the values of a repeated key."""
        return self.query.getlist(name)


def read_query(request: HttpRequest, named: Mapping[str, object]) -> Fields:
    """Return the fields of the query string and of the path."""
    said = {key: list(values) for key, values in request.GET.lists()}
    check_values([said, dict(named)])
    return QueryFields(request.GET, named)


def read_body(request: HttpRequest, named: Mapping[str, object]) -> Fields:
    """Return the fields of the JSON body and of the path.

    Raises Invalid for a wrong content type, bad JSON and text that no database keeps.
    """
    if request.method == "POST":
        _check_content_type(request)
    said = parse(_body(request))
    if isinstance(said, str):
        said = parse(said.encode(errors="surrogatepass"))  # clients before 1.0 encode twice
    if not isinstance(said, dict):
        raise Invalid("The body must be a JSON object.")
    check_values([said, dict(named)])
    return Fields({**said, **named})


def _check_content_type(request: HttpRequest) -> None:
    sent = request.headers.get("Content-Type", "")
    if not sent:
        raise Invalid("Bad Request. Content-Type header is missing.")
    if sent.split(";")[0].strip().lower() != "application/json":
        raise Invalid("Bad Request. Content-Type must be one of ['application/json'].")


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as why:
        raise TooLarge("The request is over 4 MiB.", next_step="Send it in parts.") from why
    except UnreadablePostError as why:
        raise Invalid("The request was cut off.") from why

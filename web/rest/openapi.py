"""OpenAPI of own REST says what every call may answer and how far its numbers go, once for all of them."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import CharField

from web.rest.reading import LIMIT, LIMIT_MAX, WHOLE_MAX
from web.rest.shapes import Refused

PAGE_SIZE = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT})


def place(name: str, description: str = "") -> OpenApiParameter:
    """Return a query parameter that says where a page begins: a whole number, as `reading.whole` takes it."""
    return OpenApiParameter(name, {"type": "integer", "minimum": 0, "maximum": WHOLE_MAX}, description=description)


class RefusingSchema(AutoSchema):
    """Adds the refusals that a call may always meet to those it names itself, and says which texts cannot be empty."""

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:  # noqa: FBT001, FBT002 - its signature
        described: Any = super()._map_serializer_field
        said = described(field, direction, bypass_extensions)
        if direction == "request" and isinstance(field, CharField) and not field.allow_blank:
            said = {"minLength": 1, **said}
        return said

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        named: dict[str, Any] = super()._get_response_bodies(direction)
        missing = {code for code in self._refusals() if code not in named}
        describe: Any = self._get_response_for_code
        refused = {code: describe(Refused, code, direction=direction) for code in missing}
        return dict(sorted({**named, **refused}.items()))

    def _refusals(self) -> list[str]:
        """401 and 403 stand at the door, 404 behind each name in the address, 400 behind all else that is sent."""
        return ["400", "401", "403", *(["404"] if "{" in self.path else [])]

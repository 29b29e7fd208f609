"""Reads the JSON bodies of our own REST."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from web.strict_json import check_values, parse


class StrictJSONParser(BaseParser):
    """JSON whose every key stands once and whose texts any database keeps; raises Invalid for other."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says."""
        del media_type, parser_context
        said = parse(stream.read())
        check_values(said)
        return said

"""Reads the JSON bodies of our own REST."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from core.refusals import TooLarge
from web.strict_json import check_values, parse


def whole_of(stream: IO[Any]) -> bytes:
    """Return the body; raise TooLarge where it is over what is read at once, of which no more is read."""
    most = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
    body: bytes = stream.read(most + 1)
    if len(body) > most:
        raise TooLarge(f"The body is over {most >> 20} MiB.", next_step="Send it in parts.")
    return body


class StrictJSONParser(BaseParser):
    """JSON whose every key stands once and whose texts any database keeps; raises Invalid for other."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says."""
        del media_type, parser_context
        said = parse(whole_of(stream))
        check_values(said)
        return said

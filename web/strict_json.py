"""JSON as every surface takes it: a key once, nesting with a limit, and no text that a database cannot keep."""

import json
from collections.abc import Iterator

from core.refusals import Invalid

DEPTH_MAX, SHOWN = 40, 200


def parse(body: bytes) -> object:
    """Return what `body` says, an empty object for nothing; raise Invalid for bad JSON and a key that stands twice."""
    try:
        return json.loads(body, object_pairs_hook=_once) if body.strip() else {}
    except (ValueError, RecursionError) as why:
        raise Invalid("The body is not valid JSON.") from why


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a key that stands twice: whoever reads the message elsewhere may have taken the other."""
    said = dict(pairs)
    if len(said) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise Invalid(f"The key {json.dumps(twice)[:SHOWN]} stands twice in one object.")
    return said


def check_values(said: object) -> None:
    """Refuse nesting over the limit, NUL and lone surrogates anywhere."""
    level, depth = [said], 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise Invalid(f"The body is nested over {DEPTH_MAX} levels deep.")
        level = [inner for value in level for inner in _inside(value)]


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Invalid("Text must not hold NUL characters or lone surrogates.")
    elif isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value

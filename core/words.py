"""What people write as a reason, and what a program keeps, in words."""

import unicodedata
from collections.abc import Mapping

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
SEEN = frozenset("LNPS")  # letters, numbers, punctuation, symbols


def written(text: str) -> str:
    """Return `text` without blanks around it; empty where nothing of it can be seen, zero-width characters too."""
    return text.strip() if any(map(_shows, text)) else ""


def _shows(letter: str) -> bool:
    return letter not in BLANK and unicodedata.category(letter)[0] in SEEN


def told(value: object) -> str:
    """Return a plain JSON value as a person would write it down: `name: value, …`, lists by commas, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')}: {_inner(part)}" for key, part in value.items()) or "nothing"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_inner, value)) or "none"
    return "nothing" if value is None else str(value)


def _inner(value: object) -> str:
    return f"({told(value)})" if isinstance(value, (Mapping, list, tuple)) and value else told(value)

"""What people write as a reason."""

import unicodedata

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
SEEN = frozenset("LNPS")  # letters, numbers, punctuation, symbols


def written(text: str) -> str:
    """Return `text` without blanks around it; empty where nothing of it can be seen, zero-width characters too."""
    return text.strip() if any(map(_shows, text)) else ""


def _shows(letter: str) -> bool:
    return letter not in BLANK and unicodedata.category(letter)[0] in SEEN

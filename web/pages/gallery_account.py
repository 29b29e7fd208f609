"""Made-up data of a person's own pages, by template and state."""

from typing import Any

from accounts.preferences import DENSITIES, ROWS, THEMES, TIMES
from web.pages.gallery_stock import Context


def options(words: dict[Any, str]) -> list[Context]:
    """Return the choices of a select."""
    return [{"value": value, "label": label} for value, label in words.items()]


def field(value: object = "", *errors: str) -> Context:
    """Return one field of a form."""
    return {"value": value, "errors": list(errors)}


SETTINGS: Context = {
    "form": {
        "theme": field(), "density": field("compact"), "times": field("local"), "rows": field(50),
        "single_keys": field(value=True),
    },
    "themes": options(THEMES), "densities": options(DENSITIES), "times": options(TIMES),
    "rows": options({size: f"{size} rows" for size in ROWS}), "has_password": True,
}  # fmt: skip
PASSWORD: Context = {"form": {}, "refused": "", "has_password": True, "may_set": True, "stale": ""}

PAGES: dict[str, dict[str, Context]] = {
    "account/settings": {
        "usual": SETTINGS,
        "compact, local, no single keys": {
            **SETTINGS, "density": "compact", "local_times": True, "single_keys": False, "has_password": False,
        },
        "refused": {
            **SETTINGS,
            "form": {
                **SETTINGS["form"],
                "rows": field(0, "Choose one of the values offered."),
                "errors": [{"field": "id_rows", "message": "Choose one of the values offered."}],
            },
        },
    },
    "account/password": {
        "usual": PASSWORD,
        "first": {**PASSWORD, "has_password": False},
        "stale": {**PASSWORD, "has_password": False, "may_set": False, "stale": "Sign in by a new link first."},
        "wrong": {**PASSWORD, "refused": "That is not your present password."},
        "throttled": {**PASSWORD, "refused": "Too many wrong passwords: it can be tried again in 15 minutes."},
        "weak": {
            **PASSWORD,
            "form": {"new_password2": field("", "This password is too short. It must contain at least 12 characters.")},
        },
    },
}  # fmt: skip

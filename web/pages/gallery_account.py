"""Made-up data of a person's own pages, by template and state."""

from types import SimpleNamespace
from typing import Any

from accounts.preferences import DENSITIES, ROWS, THEMES, TIMES
from web.pages import help as help_pages
from web.pages.gallery_stock import Context, at
from web.pages.notices import Notice


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
    "rows": options({size: f"{size} rows" for size in ROWS}), "has_password": True, "may_decide": True,
}  # fmt: skip
NOBODY = {"to": field(""), "ends_at": field(""), "reason": field("")}
PASSWORD: Context = {"form": {}, "refused": "", "needs_present": True, "may_set": True, "stale": ""}
ABOUT = "#128 credit-risk v5 → Production"
NOTICES = [
    Notice(
        "request",
        128,
        at(24, 15),
        "dana asks for your decision",
        ABOUT,
        "/approvals/128",
        "Better recall on thin files.",
        needs=True,
        unread=True,
    ),
    Notice(
        "comment",
        7,
        at(24, 14),
        "eli named you on",
        ABOUT,
        "/approvals/128#comment-7",
        "@ada, which hold-out set?",
        unread=True,
    ),
    Notice("token", 2, at(24, 9), "An API token of yours ends in 6 days", "notebook", "/account/tokens", needs=True),
    Notice(
        "rollout",
        57,
        at(23),
        "Your deployment failed",
        "deployment #57 of churn version 2",
        "/deployments/57",
        "The model server did not start.",
    ),
    Notice(
        "decision", 9, at(22), "rita approved your request", ABOUT, "/approvals/97#decision-9", "Checked.", needs=True
    ),
]
NOTIFICATIONS: Context = {
    "notices": NOTICES,
    "unread_here": 2,
    "until": "2026-11-24T15:00:00Z",
    "days": 30,
    "most": 100,
}

PAGES: dict[str, dict[str, Context]] = {
    "help/keys": {"usual": {}, "single keys off": {"single_keys": False}},
    "help/start": {"usual": help_pages.steps("https://signoff.example.org", "credit-risk")},
    "account/notifications": {
        "usual": {**NOTIFICATIONS, "unread": 2},
        "all read": {**NOTIFICATIONS, "notices": NOTICES[2:], "unread_here": 0},
        "empty": {**NOTIFICATIONS, "notices": [], "unread_here": 0},
        "many": {**NOTIFICATIONS, "unread": 99},
    },
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
    "account/delegation": {
        "usual": {"form": NOBODY, "people": [], "given": None, "received": []},
        "away": {
            "form": NOBODY, "people": options({"ravi": "ravi"}),
            "given": SimpleNamespace(to=SimpleNamespace(username="ravi"), ends_at=at(30), reason="On leave."),
            "received": [SimpleNamespace(person=SimpleNamespace(username="eva"), ends_at=at(28), reason="Ill.")],
        },
    },
    "account/password": {
        "usual": PASSWORD,
        "first": {**PASSWORD, "needs_present": False},
        "stale": {**PASSWORD, "needs_present": False, "may_set": False, "stale": "Sign in by a new link first."},
        "wrong": {**PASSWORD, "refused": "That is not your present password."},
        "throttled": {**PASSWORD, "refused": "Too many wrong passwords: it can be tried again in 15 minutes."},
        "weak": {
            **PASSWORD,
            "form": {"new_password2": field("", "This password is too short. It must contain at least 12 characters.")},
        },
    },
}  # fmt: skip

"""Made-up data for the gallery: one dictionary for the components, one for each page and state."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

Context = dict[str, Any]

DIGEST = "9f3c1d0a77e05b2c4be1c2aa5520f7d1c9a05f5b86a1e4d33cc0f1f7a8e9d0b2"
PLAN = "77aa01c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccdd01"


def at(day: int, hour: int = 9, minute: int = 14, second: int = 3) -> datetime:
    """Return a moment of November 2026."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


DIFFERENCE = [
    {"name": "auc", "before": 0.89, "after": 0.9300000000000001, "direction": "higher", "changed": True},
    {"name": "p95 latency", "unit": "ms", "before": 41, "after": 48, "direction": "lower", "limit": 50, "changed": True},
    {"name": "fairness gap", "before": 0.021, "after": 0.034, "direction": "lower", "limit": 0.03, "changed": True},
    {"name": "rows", "before": 41200, "after": 51877, "direction": "", "changed": True},
    {"name": "brier", "before": None, "after": 0.0712, "direction": "lower", "changed": True},
    {"name": "recall at 5 %", "before": 0.61, "after": None, "direction": "higher", "changed": True},
    {"name": "ks", "before": 0.44, "after": 0.44, "direction": "higher", "changed": False},
    {"name": "calibration", "before": 0.98, "after": 0.98, "direction": "higher", "changed": False},
]
CHECKS = [
    {"name": "Four eyes", "status": "passed", "measured": "dana asked", "expected": "someone else decides", "why": ""},
    {
        "name": "p95 latency under 50 ms",
        "status": "warn",
        "measured": "48 ms",
        "expected": "under 45 ms, at most 50 ms",
        "why": "Within the limit by less than a tenth.",
        "accept_name": "accept_p95",
    },
    {
        "name": "Fairness gap",
        "status": "failed",
        "measured": "0.034",
        "expected": "under 0.030",
        "why": "Measured between age groups on the hold-out set of run 4be1c2.",
    },
    {"name": "Artifact scan", "status": "pending", "measured": None, "expected": "no findings", "why": "Runs now."},
]
STEPS = [
    {"label": "None", "state": "done", "at": at(20, 8), "by": "ci-bot"},
    {"label": "Staging", "state": "now", "at": at(22), "by": "rita"},
    {"label": "Production", "state": "next", "note": "needs 1 reviewer"},
    {"label": "Archived", "state": "later"},
]
FACTS = [
    {"label": "Registered", "at": at(20, 8)},
    {"label": "By", "value": "ci-bot"},
    {"label": "Run", "value": "4be1c2aa5520", "href": "/runs/4be1c2aa5520"},
    {"label": "Manifest", "digest": DIGEST},
    {"label": "Flavor", "code": "sklearn"},
    {"label": "Licence", "value": ""},
]
DECISION: Context = {
    "action": "/approvals/128/decide",
    "object": "v5 for Production",
    "digest": DIGEST,
    "facts": [{"label": "Artifact", "digest": DIGEST}, {"label": "Subject", "digest": PLAN}],
    "key": "0d3c1f",
    "may_decide": True,
    "may_approve": True,
    "may_ask_changes": True,
    "comment": "",
    "errors": {},
    "next_approvers": ["rita", "ravi"],
}
COMMENTS = [
    {
        "id": 1,
        "author": "dana",
        "body": "Better recall on thin files.\nThe fairness gap grew; see the notebook.",
        "created_at": at(24, 15, 0, 35),
        "edited_at": at(24, 15, 4),
        "earlier": [{"body": "Better recall.", "replaced_at": at(24, 15, 4)}],
    },
    {"id": 2, "author": "eli", "body": "Which hold-out set?", "created_at": at(24, 15, 20)},
]
DECISIONS = [
    {
        "person": "rita",
        "verdict": "approve",
        "comment": "Checked the notebook and the limits.",
        "at": at(24, 16),
        "via": "page",
    },
    {
        "person": "ravi",
        "verdict": "reject",
        "comment": "The gap is over the limit.",
        "at": at(24, 16, 20),
        "via": "token",
    },
]
PYTHON = 'import mlflow\n\nmodel = mlflow.pyfunc.load_model("models:/credit-risk@champion")\nmodel.predict(frame)'
REGISTER = (
    'import mlflow\n\nmlflow.set_tracking_uri("http://127.0.0.1:8000")\n'
    'with mlflow.start_run():\n    mlflow.sklearn.log_model(model, name="model", registered_model_name="credit-risk")'
)

COMPONENTS: Context = {
    "stages": ["None", "Staging", "Production", "Archived"],
    "statuses": ["passed", "warn", "failed", "pending"],
    "states": ["open", "approved", "rejected", "changes_requested", "withdrawn", "expired", "superseded", "executed"],
    "kinds": ["neutral", "info", "ok", "warn", "bad", "special"],
    "moment": at(24, 15, 0, 35),
    "digest_text": DIGEST,
    "steps": STEPS,
    "checks": CHECKS,
    "difference": DIFFERENCE,
    "facts": FACTS,
    "decision": DECISION,
    "decision_failed": {
        **DECISION,
        "may_approve": False,
        "approve_blocked": "1 hard check failed: approve is off.",
        "errors": {"comment": "Say why: the comment is kept in the ledger."},
    },
    "decision_blocked": {
        **DECISION,
        "may_decide": False,
        "blocked": "You asked for this yourself. Someone else decides.",
    },
    "comments": COMMENTS,
    "decisions": DECISIONS,
    "columns": [{"label": "File"}, {"label": "Size", "num": True}],
    "rows": [[{"text": "MLmodel", "href": "#"}, "1.2 kB"], ["model.pkl", "4.81 MB"]],
    "tabs": [
        {"label": "Overview", "href": "#", "current": True},
        {"label": "Artifacts", "href": "#files", "count": 4},
        {"label": "History", "href": "#history"},
    ],
    "chips": [{"label": "owner: dana", "remove_href": "?"}, {"label": "stage: Production", "remove_href": "?"}],
    "code": PYTHON,
    "errors": [
        {"field": "comment-try", "message": "A comment is required."},
        {"field": "", "message": "The request changed while you read it."},
    ],
    "icons": [
        "check",
        "x",
        "triangle-alert",
        "lock",
        "archive",
        "clock",
        "flag",
        "history",
        "shield-check",
        "git-compare",
    ],
    "seal_shown": {"size": 48212, "last": 48211, "root": PLAN, "at": at(24, 15, 2, 10)},
    "empty_link": {"label": "Your first model, step by step", "href": "/help/start"},
}


def person(username: str) -> SimpleNamespace:
    """Return a stand-in for a user."""
    return SimpleNamespace(username=username)


ERROR: Context = {"request_id": "3f6c2f2e9b0d4f0c8f5e6f1d2a3b4c5d", "near": [], "next_step": ""}
TOKENS = [
    {
        "id": 1,
        "label": "notebook",
        "prefix": "1f0c9a2b",
        "scopes": ["read", "write"],
        "created_at": at(2),
        "expires_at": at(30),
        "last_used_at": at(24, 14),
        "revoked_at": None,
    },
    {
        "id": 2,
        "label": "ci",
        "prefix": "88ab01cd",
        "scopes": ["read"],
        "created_at": at(1),
        "expires_at": at(29),
        "last_used_at": None,
        "revoked_at": at(3),
    },
]

PAGES: dict[str, dict[str, Context]] = {
    "errors/400": {
        "usual": {**ERROR, "title": "That does not fit", "message": "The address has a stage nobody knows: Prod."}
    },
    "errors/403": {
        "usual": {
            **ERROR,
            "title": "You may not do this",
            "message": "Deciding on a request needs a role you do not hold.",
            "needed_role": "Reviewer",
            "who_can_grant": ["ada", "amir"],
            "request_access_url": "/account/access?role=reviewer",
        }
    },
    "errors/404": {
        "usual": {
            **ERROR,
            "title": "There is nothing here",
            "message": "No page has this address.",
            "next_step": "Search for the model, or start from home.",
            "near": [{"label": "credit-risk", "href": "/models/credit-risk"}],
        }
    },
    "errors/409": {
        "usual": {
            **ERROR,
            "title": "Not in this state",
            "message": "Request #128 was withdrawn by dana.",
            "next_step": "Open the request.",
        }
    },
    "errors/429": {"usual": {**ERROR, "title": "Too many tries", "message": "Wait 15 minutes."}},
    "errors/500": {
        "usual": {
            **ERROR,
            "title": "Something broke on our side",
            "message": "The request failed. Nothing was half done.",
        }
    },
    "errors/503": {"usual": {**ERROR, "title": "Not ready", "message": "The database is being migrated."}},
    "errors/csrf": {
        "usual": {
            **ERROR,
            "title": "This form is out of date",
            "message": "You signed in since you opened it.",
            "next_step": "Go back and reload.",
        }
    },
    "account/login": {
        "usual": {
            "form": {"username": {"value": "", "errors": []}, "password": {"errors": []}},
            "next": "/models",
            "throttled": False,
            "me": None,
            "nav": [],
        },
        "refused": {
            "form": {
                "non_field_errors": ["That name and password do not fit together."],
                "username": {"value": "dana", "errors": []},
                "password": {"errors": []},
            },
            "next": "/",
            "throttled": False,
            "me": None,
            "nav": [],
        },
        "throttled": {"form": {}, "next": "/", "throttled": True, "me": None, "nav": []},
    },
    "account/sign_in_link": {"usual": {"person": person("dana"), "me": None, "nav": []}},
    "account/tokens": {
        "usual": {"tokens": TOKENS, "new_token": None, "fresh": False, "form": {}, "max_days": 90},
        "minted": {
            "tokens": TOKENS,
            "new_token": "so_1f0c9a2b_Zk3vQmB0e8nq7yWc2Jd5xTt1uR9pLh4sGfAa6oKiEiY",
            "fresh": True,
            "form": {},
            "max_days": 90,
        },
        "empty": {"tokens": [], "new_token": None, "fresh": True, "form": {}, "max_days": 90},
    },
}


def addresses() -> list[Context]:
    """Return the address of each page and state."""
    return [
        {"label": f"{name}, {state}", "href": "?" + urlencode({"show": name, "state": state})}
        for name, states in PAGES.items()
        for state in states
    ]

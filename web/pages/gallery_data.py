"""Made-up data for the gallery: one dictionary for the components, one for each page and state."""

from types import SimpleNamespace
from urllib.parse import urlencode

from web.pages import (
    gallery_account,
    gallery_charts,
    gallery_deployments,
    gallery_pages,
    gallery_policies,
    gallery_states,
)
from web.pages.gallery_stock import (
    CHECKS,
    COMMENTS,
    DECISION,
    DECISIONS,
    DIFFERENCE,
    DIGEST,
    FACTS,
    PLAN,
    PYTHON,
    STEPS,
    Context,
    at,
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
        "approve_blocked": ["'auc >= 0.9' failed: it must pass first."],
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
    "seal_shown": {
        "size": 48212,
        "last": 48211,
        "root": PLAN,
        "at": at(24, 15, 2, 10),
        "outside_at": at(24, 15, 2, 10),
    },
    "chart": gallery_charts.LATENCY,
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

PAGES |= gallery_account.PAGES | gallery_pages.PAGES | gallery_deployments.PAGES | gallery_policies.PAGES
for name, states in gallery_states.STATES.items():
    PAGES[name] = {**PAGES[name], **states}


def addresses() -> list[Context]:
    """Return the address of each page and state."""
    return [
        {"label": f"{name}, {state}", "href": "?" + urlencode({"show": name, "state": state})}
        for name, states in PAGES.items()
        for state in states
    ]

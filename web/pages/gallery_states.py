"""The rarer states of pages, one made from the usual one each: what a request, a version, a list can come to."""

from typing import Any

from web.pages.gallery_pages import (
    APPROVAL,
    APPROVAL_PAGE,
    AUDIT,
    DIFFERS,
    MODEL,
    PAGES,
    REQUEST_ROWS,
    SETTLED,
    VERSION,
    event,
)
from web.pages.gallery_pages import VERSION_PAGE as USUAL
from web.pages.gallery_stock import DECISION, DECISIONS, Context, at
from web.pages.gallery_stock import DIFFERENCE as STOCK

DIFFERENCE: Any = STOCK
LIST_PAGE: dict[str, Any] = dict(PAGES["models/list"]["usual"])
COMPARE: dict[str, Any] = dict(PAGES["models/compare"]["usual"])
MODEL_PAGE: dict[str, Any] = dict(PAGES["models/detail"]["usual"])


def ended(state: str, why: str = "", **more: Any) -> Context:
    """Return the review page of a request that is over."""
    return {
        **APPROVAL_PAGE,
        "approval": {**APPROVAL, "state": state, "ended_at": at(25), "ended_why": why},
        "strip": "",
        "decision": {**DECISION, "may_decide": False, "blocked": f"Request #128 is {state}. {why}".strip()},
        "comment_form": None,
        **more,
    }


STATES: dict[str, dict[str, Context]] = {
    "approvals/detail": {
        "one of two": {
            **APPROVAL_PAGE,
            "approval": {**APPROVAL, "approvals": 1, "approvals_needed": 2},
            "decisions": [{"id": 7, **DECISIONS[0]}],
            "conditions": [{"name": "2 from reviewer", "status": "pending", "measured": "rita", "why": "1 missing"}],
            "decision": DECISION,
        },
        "asks for less": {
            **APPROVAL_PAGE,
            "weakened": [
                {"who": "rob", "words": "lowered the risk tier from high to medium", "event": "1", "at": at(22)},
                {
                    "who": "ravi", "words": "loosened validation_accuracy >= 0.95 to nothing", "event": "2",
                    "at": at(23),
                },
            ],
            "decision": DECISION,
        },
        "no role": {
            **APPROVAL_PAGE,
            "decision": {**DECISION, "may_decide": False, "blocked": "Deciding needs the role Reviewer."},
            "comment_form": None,
        },
        "expired": ended("expired", "Its time is over."),
        "superseded": ended(
            "superseded", "A required threshold was changed.",
            changed=[{"name": "auc", "before": "> 0.9", "after": "> 0.95", "changed": True}],
        ),
        "rejected": ended(
            "rejected", "",
            decisions=[{"id": 8, **DECISIONS[0], "verdict": "reject", "comment": "The fairness gap grew."}],
        ),
        "withdrawn": ended(
            "withdrawn", "dana: trained on the wrong month."
        ),
        "in doubt": {
            **APPROVAL_PAGE,
            "doubts": [DIFFERS, SETTLED],
            "decision": {**DECISION, "may_decide": False, "blocked": "Rows of request #128 differ from the ledger."},
        },
        "executed": ended(
            "executed", "", decisions=[{"id": 7, **DECISIONS[0]}]
        ),
    },
    "approvals/list": {
        "overdue": {
            "tabs": PAGES["approvals/list"]["usual"]["tabs"],
            "rows": [{**REQUEST_ROWS[1], "number": number} for number in (131, 130, 129)],
            "shown": "3 requests",
        },
        "done": {
            "tabs": PAGES["approvals/list"]["usual"]["tabs"],
            "rows": [
                {**REQUEST_ROWS[0], "number": 120 + place, "state": state}
                for place, state in enumerate(("executed", "rejected", "withdrawn", "superseded", "expired"))
            ],
            "shown": "5 requests",
        },
    },
    "audit/list": {
        "verify runs": {**AUDIT, "verify": {"state": "running"}},
        "denied": {
            **AUDIT,
            "filter": {**AUDIT["filter"], "denied": True},
            "chips": [{"label": "denied only", "remove_href": "/audit"}],
            "events": [
                event(
                    48190 + place, "otto", "auditor", "access.denied", "credit-risk version 5",
                    "may not move credit-risk version 5 to Production", "denied",
                )
                for place in range(2)
            ],
            "older": "",
        },
    },
    "models/list": {
        "restricted": {
            **LIST_PAGE,
            "rows": [
                {**LIST_PAGE["rows"][0], "restricted": True},
                {**LIST_PAGE["rows"][1], "name": "A-name-that-has-no-end-" * 10},
            ],
        },
    },
    "models/version": {
        "no champion": {
            **USUAL,
            "compare_href": "",
            "difference": {
                "old_label": "", "new_label": "v5", "lines": DIFFERENCE[:4], "hint": "no champion to compare with",
            },
        },
        "no signature": {**USUAL, "signature": None},
        "upload pending": {
            **USUAL,
            "version": {**VERSION, "status": "PENDING_REGISTRATION"},
            "moves": [],
            "no_move": "Its files are not here yet.",
        },
        "validation failed": {
            **USUAL,
            "version": {**VERSION, "status": "FAILED_REGISTRATION"},
            "moves": [],
            "no_move": "Registering it failed: register it again.",
        },
    },
    "models/compare": {
        "identical": {
            **COMPARE,
            "identical": True,
            "metrics": [{**line, "after": line["before"], "changed": False} for line in DIFFERENCE[:3]],
            "params": [{**line, "after": line["before"], "changed": False} for line in COMPARE["params"]],
            "files": [{**COMPARE["files"][0], "after": COMPARE["files"][0]["before"], "changed": False}],
            "signature": {"verdict": "same", "reasons": []},
        },
        "nothing in common": {
            **COMPARE,
            "metrics": [{**line, "after": None} for line in DIFFERENCE[:3]],
            "signature": {"verdict": "unknown", "reasons": ["version 5 has no signature"]},
        },
    },
    "models/detail": {
        "archived": {
            **MODEL_PAGE,
            "model": {**MODEL, "description": "Retired in favour of credit-risk-eu."},
            "live": None,
            "versions": [
                {**line, "stage": "Archived", "aliases": []} for line in MODEL_PAGE["versions"]
            ],
        },
    },
}  # fmt: skip

"""Made-up data of the pages of policies, by template and state."""

from types import SimpleNamespace

from registry.policies.documents import parse
from web.pages.forms import Form
from web.pages.gallery_stock import DIGEST, Context, at
from web.pages.policy_words import difference, numbered

TEXT = """type: signoff.policy/1
policy: credit-high
order: 10
about: What grants credit is signed by two reviewers and by the committee.
match:
  models: [credit-*]
  risk: [high]
  actions:
    - stage: Production
    - deploy: production
      begins_above_pct: 10
checks:
  - metric: auc
    at_least: 0.8
  - environment: locked
approvals:
  - group: reviewer
    count: 2
  - group: credit-committee
    count: 1
wait: 4h
freeze:
  - {from: 2026-12-20 18:00, until: 2027-01-03, zone: Europe/Paris, why: year end}
"""
SAID = parse(TEXT)
BAD = TEXT.replace("order: 10", "order: ten")


def version(number: int, state: str, **more: object) -> SimpleNamespace:
    """Return a stand-in for a policy's version."""
    usual = {
        "policy": SimpleNamespace(name="credit-high"), "number": number, "state": state, "text": TEXT,
        "get_state_display": state, "digest": DIGEST, "author": SimpleNamespace(username="rita"), "reason": "",
        "created_at": at(20, 9), "decided_by": SimpleNamespace(username="ada"), "decided_at": at(20, 11),
        "comment": "Agreed in the committee of 19 November.",
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **more})


WAITING = version(
    3, "proposed", decided_by=None, decided_at=None, comment="", reason="Two incidents in November began at 50 %."
)
ROW = {
    "name": "credit-high", "version": 2, "state": "active", "waiting": 3, "order": 10, "models": "credit-*",
    "risk": ["high"], "actions": [str(one) for one in SAID.actions], "rules": [str(one) for one in SAID.rules],
    "checks": 2,
}  # fmt: skip
FACTS = [
    {"label": "Order", "value": "10"},
    {"label": "For", "value": "Production, deployment to production that begins above 10 %"},
    {"label": "Models", "value": "credit-*"},
    {"label": "Approvals", "value": "2 from reviewer, 1 from credit-committee"},
    {"label": "Wait", "value": "4 h"},
    {"label": "Text", "digest": DIGEST},
]
OUTCOMES = [
    SimpleNamespace(
        request=SimpleNamespace(pk=128, state="executed", version="credit-risk version 5"),
        sentences=[
            "Held to credit-high v3 instead of credit-high v2.",
            "It was approved; 1 from credit-committee would have been missing.",
        ],
    )
]
VERSION: Context = {
    "version": WAITING,
    "facts": FACTS,
    "lines": difference(TEXT.replace("wait: 4h\n", "").replace("count: 2", "count: 1"), TEXT),
    "against": "against v2, which is in force",
    "outcomes": OUTCOMES,
    "looked_at": "the last 50 requests",
    "accept": {"action": "#", "digest": DIGEST, "comment": "", "error": ""},
    "turn_down": {"action": "#", "label": "Refuse the proposal"},
    "blocked": "",
    "errors": [],
}
FREEZE: Context = {
    "start": at(23), "end": at(24, 23, 59), "why": "the audit's own week", "holds": True, "policy": "credit-high",
    "actions": ["deployment to production"], "models": "credit-*", "risk": ["high"],
}  # fmt: skip
YEAR_END: Context = {
    **FREEZE, "start": at(28), "end": at(30), "why": "no change over the year's end", "holds": False, "risk": [],
    "models": "all", "actions": ["Production", "@champion", "deployment to production"], "policy": "year-end",
}  # fmt: skip
PAGES: dict[str, dict[str, Context]] = {
    "policies/list": {
        "usual": {"rows": [ROW, {"name": "churn", "waiting": 1}], "fallback": ["1 from reviewer"], "may_propose": True},
        "frozen": {"rows": [ROW], "fallback": ["1 from reviewer"], "freezes": [FREEZE, YEAR_END]},
        "none": {"rows": [], "fallback": ["1 from reviewer"], "may_propose": False},
    },
    "policies/detail": {
        "usual": {
            "policy": SimpleNamespace(name="credit-high"),
            "current": {"number": 2, "state": "active"},
            "about": SAID.about,
            "facts": FACTS,
            "lines": numbered(TEXT),
            "versions": [WAITING, version(2, "active"), version(1, "replaced")],
            "may_propose": True,
        }
    },
    "policies/version": {
        "usual": VERSION,
        "own": {
            **VERSION,
            "accept": None,
            "blocked": "You proposed this, so somebody else accepts it.",
            "turn_down": {"action": "#", "label": "Withdraw the proposal"},
        },
        "replaced": {
            **VERSION, "version": version(1, "replaced"), "lines": numbered(TEXT), "against": "", "outcomes": None,
            "accept": None, "turn_down": None,
        },
    },
    "policies/new": {
        "usual": {"form": Form(text=TEXT, reason=""), "errors": [], "lines": [], "name": "credit-high"},
        "errors": {
            "errors": [{"field": "line-3", "message": "Line 3, column 1: 'order' has to be a whole number, not text"}],
            "form": Form(text=BAD, reason="Two incidents."),
            "lines": numbered(BAD, {3: "'order' has to be a whole number, not text"}),
            "name": "",
        },
    },
}  # fmt: skip

"""Made-up data of the registry's pages, by template and state."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from deployments.history import Serving
from deployments.plans import Plan
from registry import history
from registry.cards import Card, Section
from registry.comparison import Row
from registry.models import CardState, VersionFact
from web.pages import gantt
from web.pages.gallery_stock import (
    CHECKS,
    COMMENTS,
    CONDITIONS,
    DECISION,
    DECISIONS,
    DIFFERENCE,
    DIGEST,
    FACTS,
    FURTHER,
    PLAN,
    PYTHON,
    REACHES,
    REGISTER,
    STEPS,
    Context,
    at,
)
from web.pages.plan_picture import planned

EXAMINED = [
    VersionFact(kind="artifact", good=True, words="Signed by dana.", by="keys 4f1c", at=at(24)),
    VersionFact(
        kind="scan", good=False, words="1 of 4 files may run something when loaded.", by="picklescan 1.0.5, list 1",
        found=[["model.pkl", "loading it runs cloudpickle.cloudpickle._make_function, not on the list"]], at=at(24),
    ),
]  # fmt: skip
SECTIONS = [
    Section("purpose", "What it is for.", "Scores retail loan applications for the EU.", "description"),
    Section("users", "Who uses it.", "", ""),
    Section("limits", "Where it is weak.", "Thin files, and incomes above 400,000 EUR.", "written"),
    Section("data", "What it was trained on.", "loans-2026 (abc123)", "data logged by the run"),
    Section("ethics", "Which harms were considered.", "", ""),
]
GAPS = Card(SECTIONS, [("auc", "region:eu", 0.91), ("auc", "region:uk", 0.88)], CardState.DRAFT)
WRITTEN = Card(
    [replace(part, text=part.text or "Clerks of the branch, and applicants.", source="written") for part in SECTIONS],
    GAPS.slices,
    CardState.DRAFT,
    SimpleNamespace(  # type: ignore[arg-type]  # a stand-in for the row
        edited_by=SimpleNamespace(username="dana"), edited_at=at(20), words="Say who is affected.",
        reviewed_by=SimpleNamespace(username="rita"), reviewed_at=at(21),
    ),
)  # fmt: skip
CARD_PAGE: Context = {
    "model": {"name": "credit-risk", "risk_tier": "high"},
    "version": {"version": 5},
    "card": GAPS,
    "sections": [{"part": part, "value": part.text} for part in SECTIONS],
    "write_action": "",
    "review_action": "",
    "errors": [],
}
CHAMPION = {"name": "champion", "protected": True}
CHALLENGER = {"name": "challenger", "protected": False}
COUNTS = {"passed": 4, "warn": 1, "failed": 1, "pending": 0}
CLEAN = {"passed": 6, "warn": 0, "failed": 0, "pending": 0}


def event(
    number: int, actor: str, role: str, action: str, label: str, comment: str = "", outcome: str = "done"
) -> history.Told:
    """Return an event as the ledger is told."""
    return history.Told(
        id=number, seq=number, at=at(24, 15, 0, number % 60), actor=actor, roles=[role], via="page",
        address="192.0.2.17", request_id="3f6c2f2e9b0d4f0c8f5e6f1d2a3b4c5d", action=action, outcome=outcome,
        words=f"{actor}: {action} on {label}", kind="model_version", object_id="", label=label, comment=comment,
        before={}, after={}, facts={}, leaf=DIGEST,
        body='{"action":"' + action + '","at":"2026-11-24T15:00:35Z","object":{"kind":"version"}}',
    )  # fmt: skip


EVENTS = [
    event(
        48211,
        "dana",
        "Data scientist",
        "request.opened",
        "credit-risk version 5",
        "Better recall on thin files, same latency.",
    ),
    event(48210, "rita", "Reviewer", "request.approved", "churn version 2", "Checked against the hold-out set."),
    event(48207, "otto", "no role", "version.stage.changed", "churn version 2", "Needs Ops.", "denied"),
    event(48199, "ci-bot", "ML engineer", "version.registered", "credit-risk version 5"),
]

MODEL = {
    "name": "credit-risk",
    "owner": "risk-team",
    "description": "Probability that a consumer loan defaults within a year.\nNot for business loans.",
    "risk_tier": "high",
    "restricted": False,
    "strict_sources": True,
    "created_at": at(1),
    "updated_at": at(24),
}
LIVE = {"version": 3, "since": at(2), "by": "olga", "approved_by": "rita", "approval_href": "/approvals/97"}
VERSIONS = [
    {
        "version": 5,
        "stage": "Staging",
        "aliases": [CHALLENGER],
        "registered_by": "ci-bot",
        "created_at": at(20, 8),
        "verified": True,
        "description": "More thin files.",
        "waiting_href": "/approvals/128",
    },
    {
        "version": 4,
        "stage": "Archived",
        "aliases": [],
        "registered_by": "dana",
        "created_at": at(12),
        "verified": False,
        "description": "",
    },
    {
        "version": 3,
        "stage": "Production",
        "aliases": [CHAMPION],
        "registered_by": "ci-bot",
        "created_at": at(1),
        "verified": True,
        "description": "First with the bureau features.",
    },
]
ROWS = [
    {
        "name": "credit-risk",
        "champion": 3,
        "production": [3],
        "staging": [5],
        "latest": 5,
        "owner": "risk-team",
        "risk_tier": "high",
        "restricted": False,
        "updated_at": at(24),
        "waiting": 1,
    },
    {
        "name": "churn",
        "champion": 2,
        "production": [2],
        "staging": [],
        "latest": 2,
        "owner": "dana",
        "risk_tier": "medium",
        "restricted": False,
        "updated_at": at(20),
        "waiting": 0,
    },
    {
        "name": "salary-bands",
        "champion": None,
        "production": [],
        "staging": [],
        "latest": 1,
        "owner": "eli",
        "risk_tier": "low",
        "restricted": True,
        "updated_at": at(3),
        "waiting": 0,
    },
]
VERSION = {
    "version": 5,
    "stage": "Staging",
    "status": "READY",
    "description": "Gradient boosting on the bureau features, refitted with thin files.",
    "registered_by": "ci-bot",
    "created_at": at(20, 8),
    "run_id": "4be1c2aa5520",
    "source": "mlflow-artifacts:/1/4be1c2aa5520/artifacts/model",
}
MOVE = {
    "to": "Production",
    "label": "Request Production",
    "action": "/models/credit-risk/versions/5/stage",
    "needs_approval": True,
    "archive": True,
    "archive_label": "Archive version 3, which is live now",
    "key": "0d3c1f",
    "effect": "One reviewer decides. Version 3 stays live until then.",
}
SIGNATURE = {
    "inputs": [
        {"name": "income", "type": "double", "required": True},
        {"name": "age", "type": "long", "required": False},
    ],
    "outputs": [{"name": "", "type": "double"}],
}
MANY: Context = {
    "columns": [
        {
            "version": {**VERSION, "version": number, "semver": semver, "stage": stage, "framework": "sklearn"},
            "title": f"Signature of version {number}",
            "digest": DIGEST,
            "aliases": aliases,
            "signature": {"verdict": verdict, "reasons": reasons},
        }
        for number, semver, stage, aliases, verdict, reasons in (
            (3, "2.3.0", "Production", ["champion"], "same", []),
            (4, "", "Archived", [], "breaking", ["input age became required", "output score is gone"]),
            (5, "2.4.0", "Staging", ["challenger"], "compatible", ["new optional input region (string)"]),
        )
    ],
    "metrics": [Row("auc", [0.91, 0.87, 0.93]), Row("brier", [0.07, None, 0.06])],
    "params": [Row("max_depth", ["6", "6", "6"]), Row("learning_rate", ["0.1", "0.05", "0.05"])],
    "tags": [Row("team", ["risk", None, "risk"])],
}
NUMBERING: Context = {
    "action": "/models/credit-risk/versions/5/semver",
    "value": "2.3.0",
    "error": "2.3.0 is version 3 of credit-risk. A number stands for one version.",
    "hint": "Callers of 2.3.0 can go on as they are: a minor step. Such as 2.3.1, 2.4.0, 3.0.0.",
    "offered": [
        {"number": "2.3.1", "part": "patch", "fitting": False},
        {"number": "2.4.0", "part": "minor", "fitting": True},
        {"number": "3.0.0", "part": "major", "fitting": False},
    ],
}
VERSION_PAGE: Context = {
    "model": MODEL,
    "version": VERSION,
    "aliases": [CHALLENGER],
    "digest": DIGEST,
    "verification": "held",
    "damaged": [],
    "steps": STEPS,
    "moves": [MOVE],
    "no_move": "",
    "open_request": None,
    "compare_href": "/models/credit-risk/compare?v=3&v=5",
    "difference": {"old_label": "v3", "new_label": "v5", "lines": DIFFERENCE},
    "facts": FACTS,
    "params": [{"key": "learning_rate", "value": "0.05"}, {"key": "max_depth", "value": "6"}],
    "version_tags": [{"key": "team", "value": "risk"}],
    "signature": SIGNATURE,
    "files": [
        {"path": "MLmodel", "size": 1200, "sha256": DIGEST},
        {"path": "model.skops", "size": 4_810_000, "sha256": PLAN},
    ],
    "examined": EXAMINED,
    "card": GAPS,
    "may_write_card": True,
    "lineage": [
        {"label": "Commit", "text": "4be1c2 (main)", "href": ""},
        {"label": "Run", "text": "4be1c2aa5520", "href": "/runs/4be1c2aa5520"},
        {"label": "Data", "text": "loans-2026-10", "digest": PLAN},
    ],
    "environment": [{"key": "python", "value": "3.11.9"}, {"key": "scikit-learn", "value": "1.7.2"}],
    "annotations": [
        {
            "id": 1,
            "title": "Training data",
            "body": "Loans from 2019 to 2026.\nWithout business loans.",
            "author": "dana",
            "created_at": at(21),
        }
    ],
    "annotate": {"action": "/models/credit-risk/versions/5/annotations", "title": "", "body": "", "errors": {}},
    "snippets": [
        {"label": "Python", "code": PYTHON},
        {
            "label": "curl",
            "code": "curl -H 'Authorization: Bearer $TOKEN' http://127.0.0.1:8000/api/v1/models/credit-risk",
        },
    ],
    "events": EVENTS[:2],
}
HELD: dict[str, Any] = {
    "approved_by": ["rita", "rob for ruth"],
    "metrics": {"auc": 0.93, "brier": 0.0712, "ks": 0.44, "recall at 5 %": 0.61, "rows": 51877},
}
SPANS = [
    history.Span(5, "Staging", at(22), None, "rita", "", EVENTS[3], "not needed"),
    history.Span(3, "@champion", at(10), None, "olga", "", EVENTS[1], 97, **HELD),
    history.Span(3, "Production", at(10), None, "olga", "Better calibrated.", EVENTS[1], 97, **HELD),
    history.Span(1, "Production", at(1), at(10), "olga", "", EVENTS[0], 12),
]
SERVINGS = [
    Serving(3, "risk", at(11), None, "olga", "", EVENTS[1], 97, **HELD, share_pct=95.0),
    Serving(5, "risk", at(11), None, "olga", "", EVENTS[1], 101, approved_by=["rita"], share_pct=5.0),
    Serving(3, "risk", at(10), at(11), "olga", "", EVENTS[1], 97, share_pct=100.0),
]
LINES = [
    {"name": "max_depth", "before": "4", "after": "6", "changed": True},
    {"name": "learning_rate", "before": "0.05", "after": "0.05", "changed": False},
]
FILES = [
    {"name": "model.skops", "before": "77aa…01", "after": "9f3c…b2", "changed": True},
    {"name": "conda.yaml", "before": None, "after": "1b2c…33", "changed": True},
]
APPROVAL = {
    "number": 128,
    "object": "credit-risk v5",
    "model": "credit-risk",
    "version": 5,
    "target": "Production",
    "action": "Staging → Production",
    "state": "open",
    "requester": "dana",
    "requester_roles": ["Data scientist"],
    "reason": "Better recall on thin files, same latency.\nThe fairness gap grew; see the notebook.",
    "created_at": at(24, 15, 0, 35),
    "expires_at": at(30, 15),
    "ended_at": None,
    "ended_why": "",
    "approvals": 0,
    "approvals_needed": 1,
    "policy": "Default policy v1",
    "subject_digest": DIGEST,
}
APPROVAL_PAGE: Context = {
    "approval": APPROVAL,
    "strip": "A decision here is about what may be in production.",
    "checks": CHECKS,
    "conditions": CONDITIONS,
    "check_summary": COUNTS,
    "difference": {"old_label": "v3", "new_label": "v5", "lines": DIFFERENCE},
    "params": LINES,
    "files": FILES,
    "signature": {"verdict": "compatible", "reasons": ["new optional input age (long)"]},
    "picture": planned(Plan.of({"strategy": "canary", "shares": [5, {"pct": 25, "gate": True}, 50]})),
    "effects_title": "What happens then",
    "effects": ["Version 5 goes to Production and @champion points at it.", "Version 3 goes to Archived."],
    "decision": {
        **DECISION,
        "may_approve": False,
        "approve_blocked": ["'fairness_gap < 0.03' failed: it must pass first."],
    },
    "decisions": [],
    "discussion": [
        {"comment": COMMENTS[0], "earlier": COMMENTS[0]["earlier"], "edit_action": ""},
        {"comment": COMMENTS[1], "earlier": [], "edit_action": "/approvals/128/comments/2"},
    ],
    "comment_form": {"action": "/approvals/128/comments", "value": "", "error": ""},
    "withdraw": None,
    "glass": None,
    "emergency": None,
    "execute": None,
    "changed": [],
    "errors": [],
    "events": EVENTS[:1],
    "examined": EXAMINED,
    "subject": '{"type":"signoff.subject/1","model":"credit-risk","version":5}',
}
BROKEN = SimpleNamespace(
    person=SimpleNamespace(username="olga"),
    reason="Version 3 declines every application since 14:50; nobody else answers the phone.",
    overridden=["It waits for 2 from reviewer.", "It can be approved from 2026-11-24 19:00 UTC on."],
    opened_at=at(24, 15, 20),
    ends_at=at(24, 19, 20),
    reviewed_at=None,
)
OWN = {"may_decide": False, "blocked": "You asked for this yourself. Someone else decides."}
REQUEST_ROWS = [
    {**APPROVAL, "risk_tier": "high", "checks": COUNTS, "overdue": False},
    {
        **APPROVAL,
        "number": 127,
        "object": "churn v2",
        "state": "open",
        "risk_tier": "medium",
        "checks": CLEAN,
        "overdue": True,
        "due_at": at(25, 15),
        "approvals": 1,
        "approvals_needed": 2,
    },
]
TABS = [
    {"label": "Waiting for me", "href": "/approvals", "current": True, "count": 2},
    {"label": "By me", "href": "/approvals?tab=mine", "current": False},
    {"label": "All", "href": "/approvals?tab=all", "current": False},
    {"label": "Done", "href": "/approvals?tab=done", "current": False},
]
MODEL_TABS = [
    {"label": "Versions", "href": "/models/credit-risk", "current": True},
    {"label": "History", "href": "/models/credit-risk/history", "current": False},
]
HISTORY_TABS = [{**tab, "current": not tab["current"]} for tab in MODEL_TABS]
OWNERS = [{"value": "", "label": "anyone"}, {"value": "dana", "label": "dana"}]
CHIPS = [{"label": "owner: dana", "remove_href": "/models"}]
FILTER = {"person": "", "action": "", "model": "", "since": "", "until": "", "denied": False}
AUDIT: Context = {
    "filter": FILTER,
    "people": OWNERS,
    "actions": [{"value": "", "label": "any"}, {"value": "request.opened", "label": "request.opened"}],
    "chips": [],
    "clear_href": "/audit",
    "events": EVENTS,
    "newer": "",
    "older": "/audit?before=48199",
    "shown": "50 per page",
    "verify": None,
    "verify_action": "/audit/verify",
    "exports": [{"label": "CSV", "href": "/audit.csv"}, {"label": "Zip with checkpoint", "href": "/audit.zip"}],
}

DIFFERS = SimpleNamespace(
    pk=2, kind="stage", key="0b6d9a2e-58d4-4b3f-8f0e-2f3f5f1c7a11/14", label="stage of credit-default-eu version 14",
    said="Staging", found="Production", found_at=at(24, 15), settled_at=None, settled_by="", reason="",
)  # fmt: skip
SETTLED = SimpleNamespace(
    pk=1, kind="roles", key="7", label="roles of user otto", said="none", found="admin", found_at=at(20, 9),
    settled_at=at(20, 11), settled_by="ada", reason="Taken away again; the database's password was changed.",
)  # fmt: skip
POSITION = SimpleNamespace(seq=48212, caught_up_at=at(24, 15))
MISMATCH: Context = {
    "row": DIFFERS,
    "now": "Production",
    "sides": [
        {"label": "The ledger says", "value": "Staging"},
        {"label": "The row said when it was found", "value": "Production"},
        {"label": "The row says now", "value": None},
    ],
    "event": EVENTS[0],
    "action": "",
    "errors": [],
}

PAGES: dict[str, dict[str, Context]] = {
    "home/index": {
        "usual": {
            "needs_you": [
                {
                    "label": "Approve credit-risk v5 → Production",
                    "detail": "asked by dana",
                    "href": "/approvals/128",
                    "action": "Review",
                    "due_at": at(30),
                    "checks": COUNTS,
                },
                {
                    "label": "Approve churn v2 → Production",
                    "detail": "asked by eli",
                    "href": "/approvals/127",
                    "action": "Review",
                    "due_at": at(29),
                    "checks": CLEAN,
                },
                {
                    "label": "churn v2 on prod-us",
                    "detail": "The model server did not start.",
                    "href": "/deployments/57",
                    "state": "needs_operator",
                    "at": at(24),
                },
                {
                    "label": "API token notebook",
                    "detail": "make another before it ends",
                    "href": "/account/tokens",
                    "action": "Renew",
                    "due_at": at(28),
                },
            ],
            "live": [
                {
                    "number": 58,
                    "model": "credit-risk",
                    "version": 5,
                    "endpoint": "prod-eu",
                    "environment": "production",
                    "state": "running",
                    "done": 2,
                    "steps": 4,
                    "step": "Watch",
                    "since": at(24, 14),
                },
                {
                    "number": 59,
                    "model": "churn",
                    "version": 3,
                    "endpoint": "churn-staging",
                    "environment": "staging",
                    "state": "queued",
                    "done": 0,
                    "steps": 0,
                    "step": "",
                    "since": at(24),
                },
            ],
            "production": [
                {"model": "credit-risk", "aliases": [CHAMPION], **LIVE},
                {
                    "model": "churn",
                    "version": 2,
                    "aliases": [],
                    "since": at(9),
                    "by": "olga",
                    "approved_by": "",
                    "approval_href": "",
                },
            ],
            "production_total": "2 versions",
            "events": EVENTS,
            "first_run": None,
        },
        "first run": {
            "needs_you": [],
            "production": [],
            "production_total": "",
            "events": [],
            "first_run": [{"label": "Python", "code": REGISTER}],
        },
    },
    "models/list": {
        "usual": {
            "rows": ROWS,
            "any": True,
            "q": "",
            "owners": OWNERS,
            "owner": "",
            "chips": [],
            "shown": "3 models",
            "newer": "",
            "older": "",
            "may_create": False,
        },
        "no match": {
            "rows": [],
            "any": True,
            "q": "zebra",
            "owners": OWNERS,
            "owner": "dana",
            "chips": CHIPS,
            "clear_href": "/models",
            "shown": "no model",
        },
        "empty": {"rows": [], "any": False, "q": "", "chips": [], "empty_snippet": REGISTER},
    },
    "models/detail": {
        "usual": {
            "model": MODEL,
            "live": LIVE,
            "versions": VERSIONS,
            "tabs": MODEL_TABS,
            "tags": [{"key": "team", "value": "risk"}],
            "thresholds": [],
            "edit": {
                "action": "/models/credit-risk",
                "description": MODEL["description"],
                "risk_tier": "high",
                "risks": [{"value": "high", "label": "high"}],
                "strict": True,
                "errors": {},
            },
            "snippet": PYTHON,
        },
        "empty": {
            "model": {**MODEL, "description": ""},
            "live": None,
            "versions": [],
            "tabs": MODEL_TABS,
            "edit": None,
            "register_snippet": REGISTER,
        },
    },
    "models/version": {
        "usual": VERSION_PAGE,
        "numbered": {**VERSION_PAGE, "version": {**VERSION, "semver": "2.4.0"}, "numbering": NUMBERING},
        "damaged": {**VERSION_PAGE, "damaged": ["model.skops"]},
        "unverified": {
            **VERSION_PAGE,
            "digest": None,
            "verification": "unverified",
            "files": [],
            "moves": [],
            "no_move": "Production needs bytes that Signoff holds.",
            "signature": None,
            "difference": {"old_label": "", "new_label": "v5", "lines": DIFFERENCE[:3]},
        },
        "waiting": {
            **VERSION_PAGE,
            "moves": [],
            "open_request": {
                "title": "A request is open",
                "number": 128,
                "href": "/approvals/128",
                "to": "Production",
                "state": "open",
            },
        },
    },
    "models/compare": {
        "usual": {
            "model": MODEL,
            "old": {"version": 3, "stage": "Production", "label": "v3"},
            "new": {"version": 5, "stage": "Staging", "label": "v5"},
            "choices": [{"value": 3, "label": "Version 3"}, {"value": 5, "label": "Version 5"}],
            "swap_href": "?v=5&v=3",
            "csv_href": "?v=3&v=5&format=csv",
            "metrics": DIFFERENCE,
            "params": LINES,
            "files": FILES,
            "signature": {"verdict": "breaking", "reasons": ["input age became required"]},
        }
    },
    "models/compare_many": {"usual": {"model": MODEL, **MANY}},
    "models/card": {
        "draft": {**CARD_PAGE, "write_action": "#"},
        "to review": {**CARD_PAGE, "card": replace(WRITTEN, state=CardState.IN_REVIEW), "review_action": "#"},
        "approved": {**CARD_PAGE, "card": replace(WRITTEN, state=CardState.APPROVED)},
        "refused": {
            **CARD_PAGE,
            "write_action": "#",
            "errors": [{"field": "id_users", "message": "The card has gaps: users, ethics."}],
        },
    },
    "models/history": {
        "usual": {
            "model": MODEL,
            "at": at(12),
            "at_text": "2026-11-12",
            "live": SPANS[1:3],
            "served": SERVINGS[:2],
            "spans": SPANS,
            "servings": SERVINGS,
            "gantt": gantt.layout([*SPANS, *(one.lane for one in SERVINGS)], now=at(24)),
            "tabs": HISTORY_TABS,
            "events": EVENTS,
        },
        "deleted": {
            "model": {"name": "credit-risk", "deleted_at": at(23)},
            "at": at(12),
            "at_text": "2026-11-12",
            "live": [replace(span, exists=False) for span in SPANS[1:3]],
            "served": [replace(span, exists=False) for span in SERVINGS[:1]],
            "spans": SPANS,
            "servings": SERVINGS,
            "gantt": gantt.layout([*SPANS, *(one.lane for one in SERVINGS)], now=at(23)),
            "tabs": [],
        },
        "before": {
            "model": MODEL,
            "at": at(1, 0),
            "at_text": "soon",
            "at_error": "Write it as 2026-11-24T15:00.",
            "live": [],
            "spans": [],
            "gantt": None,
            "tabs": HISTORY_TABS,
        },
    },
    "approvals/list": {
        "usual": {"tabs": TABS, "rows": REQUEST_ROWS, "shown": "2 requests", "newer": "", "older": ""},
        "empty": {
            "tabs": TABS,
            "rows": [],
            "empty_sentence": "Nothing waits for you. Requests you may decide on appear here.",
        },
    },
    "approvals/detail": {
        "usual": APPROVAL_PAGE,
        "clean": {**APPROVAL_PAGE, "checks": CHECKS[:2], "check_summary": CLEAN, "decision": DECISION},
        "own": {
            **APPROVAL_PAGE,
            "decision": {**DECISION, **OWN},
            "withdraw": {"action": "/approvals/128/withdraw", "key": "1", "errors": {}},
        },
        "stale": {
            **APPROVAL_PAGE,
            "changed": FILES,
            "errors": [{"field": "", "message": "The request changed while you read it. Look again, then decide."}],
        },
        "approved": {
            **APPROVAL_PAGE,
            "approval": {**APPROVAL, "state": "approved", "approvals": 1},
            "decisions": [{"id": 7, **DECISIONS[0]}],
            "decision": {**DECISION, "may_decide": False, "blocked": "It is decided. Ops carries it out."},
            "execute": {"action": "/approvals/128/execute", "label": "Move v5 to Production", "key": "2"},
            "comment_form": None,
        },
        "approved in part": {
            **APPROVAL_PAGE,
            "approval": {**APPROVAL, "state": "approved", "approvals": 1, "limit": "up to 5 %"},
            "conditions": [*APPROVAL_PAGE["conditions"], FURTHER],
            "decisions": [{"id": 7, **DECISIONS[0], "reach": " up to 5 %"}],
            "decision": {**DECISION, "may_refuse": False, "shares": REACHES[:-1], "up_to": "100"},
        },
        "how far": {**APPROVAL_PAGE, "decision": {**DECISION, "shares": REACHES, "up_to": "5"}},
        "emergency": {**APPROVAL_PAGE, "emergency": {"action": "#", "digest": DIGEST, "name": "credit-risk"}},
        "let through": {
            **APPROVAL_PAGE,
            "approval": {**APPROVAL, "state": "executed"},
            "glass": {"broken": BROKEN, "review_action": "/approvals/128/glass-review"},
            "decision": {**DECISION, "may_decide": False, "blocked": "Request #128 is done."},
        },
    },
    "audit/list": {
        "usual": AUDIT,
        "verified": {**AUDIT, "verify": {"state": "ok", "size": 48212, "root": PLAN, "at": at(24)}},
        "verifying": {**AUDIT, "verify": {"state": "running", "size": 10**7, "checked": 4_200_000, "pct": 42}},
        "check ended": {**AUDIT, "verify": {"state": "silent", "size": 10**7, "checked": 4_200_000}},
        "broken": {
            **AUDIT,
            "verify": {"state": "broken", "broken_at": 47120, "why": "Its leaf does not fit its body."},
        },
        "no match": {**AUDIT, "events": [], "chips": CHIPS, "older": ""},
    },
    "audit/event": {
        "usual": {
            "event": EVENTS[0],
            "changes": [{"name": "stage", "before": "Staging", "after": "Production", "changed": True}],
            "facts": [{"label": "Policy", "value": "default v1"}],
            "proof": {"size": 48212, "root": PLAN, "at": at(24)},
            "newer_href": "",
            "older_href": "/audit/48210",
        },
        "sealing": {"event": replace(EVENTS[3], seq=None), "changes": [], "facts": [], "proof": None},
    },
    "audit/mismatches": {
        "shut": {"rows": [DIFFERS, SETTLED], "open": 1, "position": POSITION},
        "open": {"rows": [], "open": 0, "position": POSITION},
    },
    "audit/mismatch": {
        "open": {**MISMATCH, "action": "#"},
        "read only": MISMATCH,
        "refused": {
            **MISMATCH,
            "action": "#",
            "errors": [{"field": "reason", "message": "The row has changed since you looked. Reload the page."}],
        },
        "settled": {**MISMATCH, "row": SETTLED},
    },
    "account/access": {
        "usual": {
            "form": {"role": {"value": "reviewer", "errors": []}, "reason": {"value": "", "errors": ["Say why."]}},
            "roles": [{"value": "reviewer", "label": "Reviewer"}],
            "open": [],
            "held": ["Data scientist"],
            "admins": ["ada"],
        }
    },
}

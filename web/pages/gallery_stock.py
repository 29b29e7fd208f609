"""Made-up models, people and moments that the gallery shows."""

from datetime import UTC, datetime
from typing import Any

Context = dict[str, Any]

DIGEST = "9f3c1d0a77e05b2c4be1c2aa5520f7d1c9a05f5b86a1e4d33cc0f1f7a8e9d0b2"
PLAN = "77aa01c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccdd01"


def at(day: int, hour: int = 9, minute: int = 14, second: int = 3) -> datetime:
    """Return a moment of November 2026."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


DIFFERENCE = [
    {"name": "auc", "before": 0.89, "after": 0.9300000000000001, "direction": "higher", "changed": True},
    {
        "name": "p95 latency",
        "unit": "ms",
        "before": 41,
        "after": 48,
        "direction": "lower",
        "limit": 50,
        "changed": True,
    },
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
CONDITIONS = [
    {"name": "2 from reviewer", "status": "pending", "measured": "rita", "why": "1 missing"},
    {"name": "1 from credit-risk-committee", "status": "passed", "measured": "ravi", "why": ""},
    {
        "name": "Time to look",
        "status": "pending",
        "measured": "runs",
        "why": "It can be approved from 2026-11-24 19:00 UTC on.",
    },
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
    "may_refuse": True,
    "comment": "",
    "errors": {},
    "next_approvers": ["rita", "ravi"],
}
FURTHER = {
    "name": "All requests",
    "status": "pending",
    "measured": "up to 5 %",
    "why": "25 % waits for 1 from reviewer.",
}
REACHES = [
    {"value": "100", "label": "everything that is asked for"},
    {"value": "25", "label": "up to 25 %, and wait there"},
    {"value": "5", "label": "up to 5 %, and wait there"},
]
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

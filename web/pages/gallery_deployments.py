"""Made-up endpoints and deployments that the gallery shows, each page in each state."""

from dataclasses import asdict
from typing import Any

from deployments.models import RolloutStep
from deployments.plans import Plan
from deployments.scaling import Capacity
from deployments.states import RolloutState
from registry.data_policy import DataPolicy
from web.pages import (
    gallery_alerts,
    gallery_batch,
    gallery_beside,
    gallery_charts,
    gallery_drift,
    gallery_labels,
    plan_form,
)
from web.pages.gallery_pages import EVENTS, MODEL, event
from web.pages.gallery_stock import DIGEST, Context, at
from web.pages.plan_picture import Picture, planned, under_way

NAME = "credit-risk"
ENDPOINT = {"name": "risk", "environment": {"name": "production", "needs_approval": True}, "model": {"name": NAME}}
STAGED = {"name": "risk-staging", "environment": {"name": "staging", "needs_approval": False}, "model": {"name": NAME}}


def rollout(number: int, version: int, state: RolloutState, **more: Any) -> Context:
    """Return a deployment as the pages read it."""
    return {
        "pk": number,
        "version": {"version": version, "model": {"name": NAME}},
        "endpoint": ENDPOINT,
        "state": state,
        "shown_state": str(state),
        "get_state_display": state.label,
        "kind": "deploy",
        "plan": {"strategy": "all-at-once"},
        "get_kind_display": "Deployment",
        "created_by": {"username": "olga"},
        "created_at": at(20),
        "ended_at": at(20, 9, 15),
        "digest": DIGEST,
        "request_id": 128,
        "reason": "",
        "why": "",
        **more,
    }


def right(version: int, number: int) -> Context:
    """Return an installed right as the endpoint's page reads it."""
    return {"version": {"version": version}, "digest": DIGEST, "installed_at": at(20), "rollout_id": number}


DONE, BEFORE = rollout(7, 5, RolloutState.DONE), rollout(4, 3, RolloutState.DONE, reason="first of the year")
RUNNING = rollout(8, 6, RolloutState.RUNNING, ended_at=None)
FAILED = rollout(9, 6, RolloutState.ROLLED_BACK, why="install was tried 3 times: the model cannot be loaded")
STEPS = [("Install beside", "done"), ("Send traffic over", "now"), ("Stop the old", "later")]
FORM: Context = {name: {"value": "", "errors": []} for name in ("version", "reason", "label")}
FORM |= {name: {"value": value, "errors": []} for name, value in plan_form.EMPTY.items()}
FORM |= {"days": {"value": "30", "errors": []}, "errors": []}
CHOICES = [{"value": 6, "label": "Version 6 (None)"}, {"value": 5, "label": "Version 5 (Production)"}]
SIGNED: Context = {
    "request": {"pk": 131},
    "version": {"version": 6},
    "plan": {"words": "Requests go over as 5 % → 25 % → 100 %. Each share lasts at least 600 s."},
}
NEEDED: Context = {
    "needed_role": "Ops",
    "who_can_grant": ["ada"],
    "request_access_url": "/account/access?role=ops",
}
WITHHELD = (
    "At 14:03:22 UTC a request failed because the model was not given what it reached for: "
    "PermissionError: [Errno 13] Permission denied: '/home/models/.aws/credentials'"
)
KILLED = "It ended at 14:03:22 UTC after 51 s. The model server was killed by signal 9 (SIGKILL). It is tried again."
STAIRS = Plan.of({"strategy": "canary", "shares": [5, 10, {"pct": 25, "gate": True}, {"pct": 50, "min_s": 5400}]})
AB = Plan.of({"strategy": "a-b"})
FROZEN = "Frozen until 2027-01-02 23:00 UTC: no change over the year's end."
ENDPOINT_PAGE: Context = {
    "endpoint": ENDPOINT,
    "serving": DONE,
    "previous": BEFORE,
    "history": [{"rollout": row, "how": "all-at-once"} for row in (FAILED, DONE, BEFORE)],
    "versions": CHOICES,
    "strategies": plan_form.STRATEGIES,
    "holds": plan_form.HOLDS,
    "fails": plan_form.FAILS,
    "may_deploy": True,
    "may_ask": True,
    "rights": [
        {"right": right(5, 7), "use": "serves", "server": "ready"},
        {"right": right(3, 4), "use": "stands by"},
        {"right": right(2, 2), "use": ""},
    ],
    "tokens": [
        {
            "pk": 1,
            "label": "checkout",
            "prefix": "c0ffee00",
            "expires_at": at(28),
            "get_use_display": "Asks for predictions",
        }
    ],
    "uses": [{"value": "predict", "label": "Asks for predictions"}],
    "max_days": 90,
    "form": FORM,
    "preview_action": "/endpoints/risk/plan",
}


CAPACITY_FORM: Context = {
    name: {"value": str(value), "errors": []} for name, value in asdict(Capacity(2, 6, 8, batch_rows=64)).items()
}
CAPACITY_PAGE: Context = {
    "endpoint": {**ENDPOINT, "replicas": 3},
    "form": CAPACITY_FORM,
    "most": 32,
    "events": [
        event(48_230, "signoff", "", "endpoint.scaled", "risk", "13.2 requests in flight, 8 wanted at each."),
        event(48_225, "olga", "Ops", "endpoint.capacity.changed", "risk", "max_replicas 1 → 6"),
    ],
}


def climbed(done: int, *, failed: bool = False) -> Picture:
    """Return the picture of a plan whose first steps are done, and where it may have failed at the next."""
    specs = [spec for spec in STAIRS.steps if "share_pct" in spec.arguments]
    states = ["done"] * done + ["failed" if failed else "applied"] + ["pending"] * len(specs)
    steps = zip(specs, states, strict=False)
    return under_way(STAIRS, [RolloutStep(arguments=spec.arguments, status=state) for spec, state in steps])


def shown(found: Context, **more: Any) -> Context:
    """Return the context of a deployment's page."""
    steps = [{"label": label, "state": state, "at": at(20)} for label, state in STEPS]
    rows = [
        {"name": label, "status": state, "attempts": 1, "took_s": 4.0, "facts": "state ready"} for label, state in STEPS
    ]
    return {"rollout": found, "steps": steps, "rows": rows, "events": EVENTS, "took_s": None, **more}


SEEN = {"requests": 412, "failed": 0, "p50_ms": 4.1, "p95_ms": 9.7, "p99_ms": 21.3, "labelled": 207, "wrong": 11}
GUARD = {
    "label": "Wrong predictions", "canary": {"bad": 11, "of": 207}, "live": {"bad": 198, "of": 3_921},
    "ratio": [0.4, 2.6], "peak": 1.31, "limit": 40.0, "state": "inside",
}  # fmt: skip
CANARY: Context = {
    "verdict": "hold",
    "sentence": "Hold: 207 of 400 labelled canary predictions in this step.",
    "split": {"asked_pct": 5, "seen_pct": 4.94, "canary": 412, "all": 8_340, "width": 5},
    "guards": [{**GUARD, "label": "Failed requests", "canary": {"bad": 0, "of": 412}, "ratio": [0.0, None]}, GUARD],
    "performance": [{"share_pct": 5, "track": track, **SEEN} for track in ("canary", "live")],
    "version": 6,
    "before": 5,
}
STUCK: Context = {
    "sentence": "Hold: 207 of 400 labelled canary predictions in this step. The step's time is over: a person decides.",
    "needs_person": True,
    "paused_at": at(20),
    "paused_by": "olga",
}
CONDEMNED: Context = {
    "verdict": "rollback",
    "sentence": "Roll back: 14 of 31 canary predictions were wrong, against 22 of 611 of the live version "
    "(evidence 312, limit 40).",
    "guards": [{**GUARD, "canary": {"bad": 14, "of": 31}, "peak": 312.0, "state": "over its limit"}],
    "split": None,
}
NINE: list[tuple[str, str, object]] = [
    ("Install beside", "done", at(20)),
    ("1 % of traffic", "done", at(20)),
    ("Watch at 1 %", "done", at(20)),
    ("5 % of traffic", "done", at(20)),
    ("Watch at 5 %", "now", at(20)),
    ("25 % of traffic", "later", None),
    ("Watch at 25 %", "later", None),
    ("Send traffic over", "later", None),
    ("Stop the old", "later", None),
]
NINE_STEPS = [{"label": label, "state": state, "at": moment} for label, state, moment in NINE]
CONDEMNED_STEPS = [
    {"label": label, "state": state, "at": at(20)}
    for label, state in (("5 % of traffic", "done"), ("Watch at 5 %", "failed"), ("Send traffic back", "done"))
]

AT_GATE: Context = {
    "verdict": "hold",
    "sentence": "The gate behind 5 % waits for a person to let it go on.",
    "needs_person": True,
    "gate_pct": 5,
    "at_gate": True,
}
APART = (
    "No difference is shown in errors (0.6 to 1.9 times the live rate): 11 of 4,107 canary requests failed, against "
    "10 of 4,081 of the live version. Fewer wrong predictions (0.4 to 0.9 times the live rate): 88 of 2,020 canary "
    "predictions were wrong, against 143 of 1,998 of the live version. A person chooses: let it have all requests, or "
    "send it back."
)
CHOICE: Context = {
    **AT_GATE,
    "sentence": APART,
    "gate_pct": 50,
    "split": {"asked_pct": 50, "seen_pct": 50.2, "canary": 4_107, "all": 8_188, "width": 50},
}
SHADOW = Plan.of({"strategy": "shadow"})
ALIKE = (
    "1,942 of 2,000 copies were answered alike (96.3 to 97.7 %), 3 failed. "
    "Numbers differ by 0.0112 on average. A person chooses: let it have all requests, or send it back."
)
SHADOW_STEPS = [
    {"label": label, "state": state, "at": None if state == "later" else at(20)}
    for label, state in (("Copy requests", "done"), ("Compare answers", "done"), ("A person chooses", "now"))
]
COPIED = [
    {"request_id": f"0f8c51d2-{number}", "at": at(20), "live": "[0.912]", "copy": copy, "apart": gap, "live_ms": 4.1,
     "copy_ms": 5.2, "live_score": 0.912, "copy_score": None if gap is None else 0.912 - gap}
    for number, copy, gap in ((1, "[0.41]", 0.502), (2, "[0.874]", 0.038), (3, "failed with 500", None))
]  # fmt: skip
GATE_STEPS = [
    {"label": label, "state": state, "at": None if state == "later" else at(20)}
    for label, state in (("Watch at 5 %", "done"), ("Gate at 5 %", "now"), ("Send traffic over", "later"))
]
KEPT: Context = {
    "verdict": "rollback",
    "sentence": f"{CONDEMNED['sentence']} The plan leaves it to a person.",
    "guards": CONDEMNED["guards"],
    "needs_person": True,
    "paused_at": at(20),
    "share_pct": 5,
}

RIGHT = {"kind": "person", "name": "eli", "right": "write"}
GIVEN: Context = {"holder": {"value": "", "errors": []}, "right": {"value": "read", "errors": []}, "errors": []}
PAGES: dict[str, dict[str, Context]] = {
    "endpoints/list": {
        "usual": {
            "rows": [{"endpoint": ENDPOINT, "serving": DONE, "live": RUNNING}, {"endpoint": STAGED}],
            "may_create": True,
        },
        "empty": {"rows": [], "may_create": True},
    },
    "endpoints/detail": {
        "usual": ENDPOINT_PAGE,
        "signed": {**ENDPOINT_PAGE, "signed": [SIGNED]},
        "trouble": {
            **ENDPOINT_PAGE,
            "rights": [{"right": right(5, 7), "use": "serves", "server": "ready", "trouble": WITHHELD}],
        },
        "killed": {
            **ENDPOINT_PAGE,
            "rights": [{"right": right(5, 7), "use": "serves", "is_down": True, "server": "starting", "why": KILLED}],
        },
        "previewed": {
            **ENDPOINT_PAGE,
            "form": {**FORM, "strategy": {"value": "canary", "errors": []}},
            "picture": planned(STAIRS),
        },
        "linear": {
            **ENDPOINT_PAGE,
            "form": {**FORM, "strategy": {"value": "linear", "errors": []}},
            "picture": planned(Plan.of({"strategy": "linear", "step_pct": 5})),
        },
        "under way": {**ENDPOINT_PAGE, "live": RUNNING, "new_token": "se_c0ffee00_" + "x" * 43},
        "reader": {**ENDPOINT_PAGE, "may_deploy": False, "may_ask": False, "needed": NEEDED, "previous": None},
        "frozen": {**ENDPOINT_PAGE, "frozen": FROZEN},
        "an alert": {
            **ENDPOINT_PAGE,
            "firing": [gallery_alerts.SLOW, gallery_alerts.SEEN],
            "firing_words": "Alert slow",
        },
        "nothing yet": {
            **ENDPOINT_PAGE,
            "serving": None,
            "previous": None,
            "history": [],
            "rights": [],
            "tokens": [],
            "versions": [],
        },
    },
    "endpoints/alerts": gallery_alerts.pages(ENDPOINT),
    "endpoints/alert_rules": gallery_alerts.editors(ENDPOINT, NEEDED),
    "endpoints/drift": {
        "numbers": gallery_drift.page(gallery_drift.AGE, ENDPOINT),
        "words": gallery_drift.page(gallery_drift.CITY, ENDPOINT),
        "acknowledged": gallery_drift.page(gallery_drift.SEEN, ENDPOINT),
        "first day": gallery_drift.page(gallery_drift.INCOME, ENDPOINT),
    },
    "endpoints/beside": gallery_beside.states(ENDPOINT),
    "batch/list": gallery_batch.listing(ENDPOINT, NEEDED),
    "batch/detail": gallery_batch.page(ENDPOINT),
    "endpoints/labels": gallery_labels.listing(ENDPOINT, NEEDED),
    "endpoints/label_file": gallery_labels.report(ENDPOINT),
    "endpoints/monitoring": {state: gallery_charts.page(state, ENDPOINT) for state in gallery_charts.STATES},
    "deployments/list": {
        "usual": {"rows": [RUNNING, FAILED, DONE, BEFORE], "shown": "4 deployments"},
        "empty": {"rows": []},
    },
    "deployments/copies": {
        "usual": {"rollout": RUNNING, "words": ALIKE.partition(" A person")[0], "within": 0.01, "rows": COPIED},
        "empty": {"rollout": RUNNING, "words": "200 of 200 copies were answered alike (98.1 to 100.0 %), 0 failed."},
    },
    "deployments/detail": {
        "running": shown(RUNNING, is_live=True),
        "canary": shown(RUNNING, is_live=True, may_steer=True, canary=CANARY, steps=NINE_STEPS),
        "canary, reader": shown(RUNNING, is_live=True, needed=NEEDED, canary=CANARY, steps=NINE_STEPS),
        "canary, nothing observed": shown(RUNNING, is_live=True, canary={"version": 6, "before": 5}),
        "canary, a person decides": shown(RUNNING, is_live=True, may_steer=True, canary={**CANARY, **STUCK}),
        "canary, at a gate": shown(
            RUNNING, is_live=True, may_steer=True, canary={**CANARY, **AT_GATE}, steps=GATE_STEPS, picture=climbed(6)
        ),
        "A/B, a person chooses": shown(
            RUNNING,
            is_live=True,
            may_steer=True,
            canary={**CANARY, **CHOICE},
            steps=GATE_STEPS,
            picture=under_way(AB, [RolloutStep(arguments={"share_pct": 50}, status="applied")]),
        ),
        "shadow, a person chooses": shown(
            RUNNING,
            is_live=True,
            may_steer=True,
            steps=SHADOW_STEPS,
            canary={
                "version": 6,
                "before": 5,
                "verdict": "hold",
                "sentence": ALIKE,
                "needs_person": True,
                "at_gate": True,
                "gate_pct": 0,
                "share_pct": "",
                "has_copies": True,
            },
            picture=under_way(SHADOW, [RolloutStep(arguments={"copies_pct": 100}, status="applied")]),
        ),
        "canary, kept by its plan": shown(
            {**RUNNING, "shown_state": "paused", "paused_at": at(20)},
            is_live=True,
            may_steer=True,
            canary={**CANARY, **KEPT},
        ),
        "canary, rolled back": shown(
            FAILED,
            took_s=41.0,
            canary={**CANARY, **CONDEMNED},
            steps=CONDEMNED_STEPS,
            picture=climbed(3, failed=True),
        ),
        "done": shown(DONE, took_s=7.0, back=BEFORE),
        "rolled back": shown(FAILED, took_s=41.0, back_s=0.84),
        "queued": shown(rollout(10, 6, RolloutState.QUEUED), is_live=True, may_cancel=True),
        "signed in part": shown(
            rollout(10, 6, RolloutState.RUNNING),
            reach="Approved up to 5 %; 25 % comes next. It waits for 1 from reviewer.",
        ),
        "waits for the end of a freeze": shown(
            rollout(10, 6, RolloutState.QUEUED), is_live=True, may_cancel=True, waits=FROZEN
        ),
        "needs operator": shown(
            rollout(11, 6, RolloutState.NEEDS_OPERATOR, why="the target says no"), may_intervene=True
        ),
    },
    "models/permissions": {
        "usual": {
            "model": {**MODEL, "owner": {"username": "dana"}},
            "grants": [RIGHT, {**RIGHT, "kind": "group", "name": "reviewer", "right": "read"}],
            "may_give": True,
            "may_restrict": True,
            "path": "/models/credit-risk/permissions",
            "data_policy": DataPolicy(50.0, ("iban",), ("city",)),
            "outcome_values": [
                {"truth": "1", "said": "0", "value": -500.0},
                {"truth": "1", "said": "1", "value": 40.0},
            ],
            "form": GIVEN,
            "rights": [{"value": "read", "label": "read"}],
        },
        "reader": {
            "model": {**MODEL, "owner": {"username": "dana"}, "restricted": True},
            "grants": [],
            "data_policy": DataPolicy(),
            "form": GIVEN,
        },
    },
    "endpoints/capacity": {
        "usual": CAPACITY_PAGE,
        "never set": {**CAPACITY_PAGE, "events": []},
        "reader": {**CAPACITY_PAGE, "needed": NEEDED},
        "refused": {
            **CAPACITY_PAGE,
            "form": {
                **CAPACITY_FORM,
                "max_replicas": {"value": "1", "errors": ["The most model servers cannot be fewer than the least."]},
                "errors": [
                    {"field": "id_max_replicas", "message": "The most model servers cannot be fewer than the least."}
                ],
            },
        },
    },
    "endpoints/new": {
        "usual": {
            "form": {name: {"value": "", "errors": []} for name in ("name", "model", "environment", "pattern")},
            "models": [{"value": NAME, "label": NAME}],
            "environments": [{"value": "staging", "label": "staging"}],
            "patterns": [{"value": "rest", "label": "Requests, and files"}],
        },
    },
    "models/new_version": {
        "empty": {"form": {"name": {"value": "", "errors": []}}, "names": ["credit-risk"]},
        "no MLmodel": {
            "form": {
                "name": {"value": "credit-risk", "errors": []},
                "files": {"errors": ["There is no file MLmodel: MLflow's save_model() writes one beside the model."]},
                "errors": [{"field": "id_files", "message": "There is no file MLmodel."}],
            },
            "names": ["credit-risk"],
        },
    },
    "models/new": {
        "usual": {"form": {"name": {"value": "", "errors": []}, "description": {"value": "", "errors": []}}},
        "refused": {
            "form": {
                "name": {"value": "a/b", "errors": ["A name has no slash."]},
                "description": {"value": "", "errors": []},
                "errors": [{"field": "id_name", "message": "A name has no slash."}],
            },
        },
    },
    "home/no_role": {"usual": {}},
    "account/setup": {"usual": {"form": {"username": {"value": "", "errors": []}, "password": {"errors": []}}}},
    "runs/detail": {
        "usual": {
            "run": {"run_id": "4be1c2aa5520f7d1c9a05f5b86a1e4d3", "name": "calm-owl-417", "status": "FINISHED"},
            "started": at(19),
            "ended": at(19, 9, 40),
            "metrics": [
                {"key": "auc", "value": 0.93},
                {
                    "key": "validation_accuracy",
                    "value": 0.9999,
                    "later": [{"model": NAME, "version": 5, "kept": 0.9543}],
                },
            ],
            "params": [{"key": "depth", "value": "3"}],
            "tags": [{"key": "mlflow.runName", "value": "calm-owl-417"}],
            "versions": [{"model": NAME, "version": 5, "stage": "Production"}],
        },
        "empty": {"run": {"run_id": "4be1", "name": "wren", "status": "RUNNING"}, "started": at(19)},
    },
    "runs/experiment": {
        "usual": {
            "experiment": {"name": "Default", "experiment_id": "0"},
            "rows": [
                {
                    "run_id": "4be1c2aa5520f7d1c9a05f5b86a1e4d3",
                    "name": "calm-owl-417",
                    "status": "FINISHED",
                    "author": "dana",
                    "started": at(19),
                    "versions": [{"model": NAME, "version": 5}],
                },
                {
                    "run_id": "9be1c2aa5520f7d1c9a05f5b86a1e4d3",
                    "name": "wren-8",
                    "status": "FAILED",
                    "author": "emil",
                    "started": at(18),
                    "versions": [],
                },
            ],
            "older": "?after=x",
        },
        "empty": {"experiment": {"name": "churn", "experiment_id": "7"}, "rows": []},
    },
    "models/deleted": {
        "usual": {"model": {"name": NAME, "owner": {"username": "dana"}, "deleted_at": at(21)}, "events": EVENTS},
    },
}

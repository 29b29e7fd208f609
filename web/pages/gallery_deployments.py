"""Made-up endpoints and deployments that the gallery shows, each page in each state."""

from dataclasses import asdict
from typing import Any

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
    gallery_rollouts,
    plan_form,
)
from web.pages.gallery_pages import EVENTS, MODEL, event
from web.pages.gallery_stock import DIGEST, Context, at
from web.pages.plan_picture import planned

NAME = "credit-risk"
ENDPOINT = {
    "name": "risk",
    "environment": {"name": "production", "needs_approval": True},
    "model": {"name": NAME},
    "target": "local",
}
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
OVER = {RolloutState.DONE, RolloutState.FAILED, RolloutState.CANCELLED, RolloutState.ROLLED_BACK}
EACH = [
    rollout(
        20 - n, 20 - n, state, endpoint={**ENDPOINT, "name": f"risk-{n}"},
        **({} if state in OVER else {"ended_at": None}),
    )
    for n, state in enumerate(RolloutState)
]  # fmt: skip
EACH.append(rollout(8, 6, RolloutState.RUNNING, shown_state="paused", ended_at=None))
RUNNING = rollout(8, 6, RolloutState.RUNNING, ended_at=None)
FAILED = rollout(9, 6, RolloutState.ROLLED_BACK, why="install was tried 3 times: the model cannot be loaded")
FORM: Context = {name: {"value": "", "errors": []} for name in ("version", "reason", "label")}
FORM |= {name: {"value": value, "errors": []} for name, value in plan_form.EMPTY.items()}
FORM |= {"days": {"value": "30", "errors": []}, "errors": []}
CHOICES = [{"value": 6, "label": "Version 6 (None)"}, {"value": 5, "label": "Version 5 (Production)"}]
SIGNED: Context = {
    "request": {"pk": 131},
    "version": {"version": 6},
    "plan": {"words": "Requests go over as 5 % → 25 % → 100 %. Each share lasts at least 10 min."},
}
NEEDED = gallery_rollouts.NEEDED
WITHHELD = (
    "At 14:03:22 UTC a request failed because the model was not given what it reached for: "
    "PermissionError: [Errno 13] Permission denied: '/home/models/.aws/credentials'"
)
KILLED = "It ended at 14:03:22 UTC after 51 s. The model server was killed by signal 9 (SIGKILL). It is tried again."
STAIRS = Plan.of({"strategy": "canary", "shares": [5, 10, {"pct": 25, "gate": True}, {"pct": 50, "min_s": 5400}]})
RISING = "Each share is larger than the one before."
UNABLE = (
    "The target kubernetes cannot roll out shadow: a Gateway's HTTPRoute need not be able to copy requests; "
    "it can all-at-once, blue-green, canary, linear."
)
BAKING = gallery_rollouts.STATES["blue/green, bakes"]["rollout"]
FROZEN = gallery_rollouts.FROZEN
ENDPOINT_PAGE: Context = {
    "endpoint": ENDPOINT,
    "serving": DONE,
    "serving_since": DONE["ended_at"],
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


ALIKE = gallery_rollouts.ALIKE
COPIED = [
    {"request_id": f"0f8c51d2-{number}", "href": f"/endpoints/risk/prediction?id=0f8c51d2-{number}", "at": at(20),
     "live": "[0.912]", "copy": copy, "apart": gap, "live_ms": 4.1, "copy_ms": 5.2, "live_score": 0.912,
     "copy_score": None if gap is None else 0.912 - gap}
    for number, copy, gap in ((1, "[0.41]", 0.502), (2, "[0.874]", 0.038), (3, "failed with 500", None))
]  # fmt: skip
PREDICTION = {
    "request_id": "0f8c51d2-1", "at": at(20), "answered": True, "version": "5", "track": "stable", "step": "mirror",
    "status": 200, "latency_ms": 4.1, "attempts": 1, "counted": True,
}  # fmt: skip
COPY = {"status": 200, "version": "6", "apart": 0.502, "latency_ms": 5.2}
LABEL = {"received_at": at(21), "by": "dana", "worth": -500.0}
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
        "a field to correct": {
            **ENDPOINT_PAGE,
            "form": {
                **FORM,
                "strategy": {"value": "canary", "errors": []},
                "shares": {"value": "25, 5", "errors": [RISING]},
                "errors": [{"field": "id_shares", "message": RISING}],
            },
        },
        "refused strategy": {
            **ENDPOINT_PAGE,
            "endpoint": {**ENDPOINT, "target": "kubernetes"},
            "form": {
                **FORM,
                "strategy": {"value": "shadow", "errors": []},
                "errors": [{"field": "", "message": UNABLE}],
            },
        },
        "bakes": {
            **ENDPOINT_PAGE,
            "live": BAKING,
            "live_server": "ready",
            "history": [{"rollout": BAKING, "how": "blue-green"}, *ENDPOINT_PAGE["history"]],
            "takes_all": BAKING,
            "may_abort": True,
            "rights": [
                {"right": right(5, 7), "use": "stands by", "server": "ready"},
                {"right": right(3, 4), "use": ""},
            ],
        },
        "under way": {**ENDPOINT_PAGE, "live": RUNNING, "may_abort": True, "new_token": "se_c0ffee00_" + "x" * 43},
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
        "usual": {"rows": EACH, "shown": f"{len(EACH)} deployments"},
        "empty": {"rows": []},
    },
    "deployments/copies": {
        "usual": {
            "rollout": RUNNING,
            "words": ALIKE,
            "within": 0.01,
            "rows": COPIED,
            "older": "?before=1",
            "shown": "58 requests",
        },
        "empty": {"rollout": RUNNING, "words": "200 of 200 copies were answered alike (98.1 to 100.0 %), 0 failed."},
    },
    "endpoints/prediction": {
        "labelled": {
            "endpoint": ENDPOINT,
            "row": PREDICTION,
            "said": "[0.912]",
            "score": "0.912",
            "rollout": RUNNING,
            "correct": "wrong",
            "copy": COPY,
            "copied": "[0.41]",
            "copy_score": "0.41",
            "labels": [{"row": LABEL, "value": "0"}],
        },
        "nothing but the router's line": {
            "endpoint": ENDPOINT,
            "row": {**PREDICTION, "answered": False, "version": "", "status": 0, "latency_ms": None, "counted": None},
        },
    },
    "deployments/detail": gallery_rollouts.STATES,
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
        "with a cluster": {
            "form": {name: {"value": "", "errors": []} for name in ("name", "model", "environment", "target")},
            "models": [{"value": NAME, "label": NAME}],
            "environments": [{"value": "staging", "label": "staging"}],
            "targets": [{"value": "local", "label": "This machine"}, {"value": "kubernetes", "label": "Kubernetes"}],
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

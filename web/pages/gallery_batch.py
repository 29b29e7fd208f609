"""Made-up files that an endpoint scores, as the gallery shows them."""

from typing import Any

from deployments.states import BatchState
from web.pages.forms import Form
from web.pages.gallery_stock import DIGEST, Context, at

KINDS = [{"value": "csv", "label": "CSV"}, {"value": "parquet", "label": "Parquet"}]
BLOB = {"size": 84_120_331, "sha256": DIGEST}
REJECTED = [
    ["118", "Column 'income': expected double (a number) and got \"n/a\"."],
    ["4410", "9 cells, and the first line has 8."],
]


TOLD: Context = {
    "sentence": (
        "A sample of 14,000 rows says: 1 of 2 features are away from the version's reference by more than chance. "
        "Predictions: 5 % at most 0.02, half at most 0.114, 95 % at most 0.871."
    ),
    "features": [
        {
            "name": "income",
            "severity": "major",
            "look": ("bad", "triangle-alert"),
            "distance": 0.241,
            "signal": "value",
        },
        {"name": "age", "severity": "none", "look": "", "distance": 0.021, "signal": "value"},
    ],
}


SCHEDULES: list[Context] = [
    {
        "row": {
            "pk": 1, "address": "mlflow-artifacts:/0/5b0c41/artifacts/{date}.parquet", "cron": "15 6 * * 1-5",
            "created_by": {"username": "olga"}, "last_job_id": 12,
        },
        "next": at(25),
    },
    {
        "row": {
            "pk": 2, "address": "runs:/9d1e77/all.csv", "cron": "0 0 1 * *", "created_by": {"username": "eli"},
            "why": "No such artifact: '0/9d1e77/artifacts/all.csv'",
        },
        "next": at(25),
    },
]  # fmt: skip


def job(number: int, state: BatchState, **more: Any) -> Context:
    """Return a job as the pages read it."""
    return {
        "pk": number, "state": state, "input_name": "applications-2026-11.parquet", "version": {"version": 5},
        "rollout_id": 7, "digest": DIGEST, "created_by": {"username": "olga"}, "created_at": at(24, 9),
        "rows_read": 10_000_000, "rows_scored": 9_999_998, "rows_rejected": 2, "input": BLOB, "input_id": DIGEST,
        "rows_s": 0.0, "left_s": None, "why": "", **more,
    }  # fmt: skip


DONE = job(
    12, BatchState.DONE, result=BLOB, result_id=DIGEST, rejected=BLOB, rejected_id=DIGEST, manifest=BLOB,
    manifest_id=DIGEST,
)  # fmt: skip
RUNNING = job(
    13, BatchState.RUNNING, rows_read=4_200_000, rows_scored=4_200_000, rows_rejected=0, rows_s=810_000.0, left_s=7.2
)
QUEUED = job(14, BatchState.QUEUED, rows_read=0, rows_scored=0, rows_rejected=0)
FAILED = job(
    11, BatchState.FAILED, rows_read=0, rows_scored=0, rows_rejected=0,
    why="Column 'income' is missing: it should be double (a number). The file has age, incone, purpose.",
    input_name="a-rather-long-name-of-a-table-that-came-from-elsewhere-and-was-not-what-it-should-be.csv",
)  # fmt: skip


def listing(endpoint: Context, needed: Context) -> dict[str, Context]:
    """Return the states of the list with its form."""
    form = Form(files="", address="", cron="", result="parquet", id_column="")
    refused = Form(files="", address="runs:/", cron="", result="parquet", id_column="")
    refused["address"].errors.append("A stored file is runs:/RUN/PATH or mlflow-artifacts:/PATH.")
    usual: Context = {
        "endpoint": endpoint, "form": form, "rows": [QUEUED, RUNNING, DONE, FAILED], "shown": "4 files", "able": True,
        "schedules": SCHEDULES, "serving": {"version": {"version": 5}}, "kinds": KINDS, "most_bytes": 5 * 2**30,
    }  # fmt: skip
    return {
        "usual": usual,
        "first": {**usual, "rows": [], "schedules": []},
        "refused": {**usual, "form": refused},
        "reader": {**usual, "needed": needed},
        "serves nothing": {**usual, "rows": [], "serving": None},
    }


def page(endpoint: Context) -> dict[str, Context]:
    """Return the states of one file's page."""
    shared: Context = {"endpoint": endpoint, "events": [], "percent": 42, "doable": []}
    return {
        "done": {**shared, "job": DONE, "told": TOLD, "took_s": 14.0, "rejected": REJECTED},
        "running": {**shared, "job": RUNNING, "is_live": True, "may_cancel": True, "live_source": "#"},
        "waiting": {**shared, "job": QUEUED, "is_live": True, "live_source": "#"},
        "failed": {**shared, "job": FAILED, "took_s": 1.2},
    }

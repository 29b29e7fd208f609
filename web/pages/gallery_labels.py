"""Made-up files of labels that the gallery shows."""

from monitoring.label_files import MOST_BYTES
from monitoring.models import LabelFile
from web.pages.forms import Form
from web.pages.gallery_stock import Context, at

WHOLE = LabelFile(
    pk=12, endpoint="risk", name="chargebacks-2026-11-23.csv", by="dana", at=at(24, 9), rows=48_210, new=48_007,
    revised=112, repeated=88, waiting=31, refused=3,
    refusals=[
        [118, "5b0c41", "label is no number: NaN and infinity say nothing that could be right."],
        [4_410, "9d1e77", "at is in the future: 2027-11-23 00:00:00+0000, and it is 2026-11-24 09:00:00+0000."],
        [4_411, "", "request_id or prediction_id or client_request_id is empty."],
    ],
)  # fmt: skip
CUT = LabelFile(
    pk=11, endpoint="risk", name="a-rather-long-name-of-a-table-that-came-from-elsewhere.parquet", by="olga", at=at(23),
    rows=0, new=0, fault="The Parquet file cannot be read: Invalid Input Error: No magic bytes found at end of file.",
)  # fmt: skip


def listing(endpoint: Context, needed: Context) -> dict[str, Context]:
    """Return the states of the page that takes files."""
    refused = Form(files="")
    refused["files"].errors.append("A column label or value is missing. The file has request_id, lable.")
    shared: Context = {"endpoint": endpoint, "form": Form(files=""), "files": [WHOLE, CUT], "most_bytes": MOST_BYTES}
    return {
        "usual": shared,
        "first": {**shared, "files": []},
        "refused": {**shared, "form": refused},
        "reader": {**shared, "needed": needed},
    }


def report(endpoint: Context) -> dict[str, Context]:
    """Return the states of a file's page."""
    told: Context = {"endpoint": endpoint, "file": WHOLE, "shown": WHOLE.refusals, "kept": len(WHOLE.refusals)}
    return {"usual": told, "cut": {**told, "file": CUT, "shown": [], "kept": 0}}

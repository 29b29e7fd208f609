"""What registration fixes of a version for good, as the ledger tells of it: what is long or of many parts by digest."""

import hashlib
from collections.abc import Mapping
from typing import Any

from core import canonical, clock

COLUMNS = (
    "source", "location", "run_id", "run_link", "logged_model_id", "frozen_root", "frozen_path", "framework",
    "signature", "environment", "evidence", "created_at",
)  # fmt: skip
LATER = frozenset({"lock", "lock_tries", "lock_why"})  # of the environment: its lock has an event of its own
DIGESTED = frozenset({"signature", "environment", "evidence", "created_at"})


def frozen(columns: Mapping[str, Any]) -> dict[str, object]:
    """Return what the ledger keeps of a version's `COLUMNS`; what is empty is left out."""
    declared = {name: value for name, value in columns["environment"].items() if name not in LATER}
    told: dict[str, object] = {name: columns[name] for name in COLUMNS if name not in DIGESTED and columns[name]}
    return told | {
        "signature": canonical.digest(columns["signature"]),
        "environment": canonical.digest(declared),
        "evidence": hashlib.sha256(bytes(columns["evidence"])).hexdigest(),
        "created_at": clock.iso(columns["created_at"]),
    }

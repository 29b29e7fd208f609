"""Canonical JSON: one byte form for one value, so that it can be hashed, signed and kept."""

import hashlib
import json


def dump(value: object) -> bytes:
    """Return UTF-8 JSON with sorted keys and no spaces.

    Raises ValueError for NaN and infinities, TypeError for values JSON does not have. Numbers print as
    Python's shortest form, so bytes are kept as stored and never made again to verify them.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(dump(value)).hexdigest()

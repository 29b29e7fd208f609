"""What may be told of the values that a model's callers send: a setting of each model, whichever endpoint serves it."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from core.refusals import Invalid
from registry.models import RegisteredModel

MOST, LONGEST = 1_000, 250  # columns, and characters of a name
WHOLE = 100.0  # percent
FIELD = "data_policy"


@dataclass(frozen=True)
class DataPolicy:
    """Of `share_pct` of the rows values are told: of dropped columns none, of hashed ones a digest, others as sent."""

    share_pct: float = WHOLE
    dropped: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """As it is kept, and told in the ledger."""
        return {**asdict(self), "dropped": list(self.dropped), "hashed": list(self.hashed)}


def policy_of(model: RegisteredModel) -> DataPolicy:
    """Return the model's policy; where nobody said anything, all values are told."""
    said = model.data_policy
    return DataPolicy(**{**said, **{name: tuple(said[name]) for name in ("dropped", "hashed") if name in said}})


def checked(said: object) -> dict[str, Any]:
    """Return a policy as it is kept, names once and in order; raise Invalid where it is none."""
    if not isinstance(said, Mapping) or said.keys() - {"share_pct", "dropped", "hashed"}:
        raise Invalid("A data policy is an object with share_pct, dropped and hashed.", field=FIELD)
    share = said.get("share_pct", WHOLE)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= WHOLE:
        raise Invalid("share_pct is a number from 0 to 100.", field=FIELD)
    dropped, hashed = (_names(said.get(name, ()), name) for name in ("dropped", "hashed"))
    if both := set(dropped) & set(hashed):
        raise Invalid(f"{min(both)} cannot be both dropped and hashed.", field=FIELD)
    return DataPolicy(float(share), dropped, hashed).document


def _names(said: object, which: str) -> tuple[str, ...]:
    if not isinstance(said, list | tuple) or len(said) > MOST:
        raise Invalid(f"{which} is a list of {MOST:,} columns at most.", field=FIELD)
    if not all(isinstance(name, str) and 0 < len(name) <= LONGEST for name in said):
        raise Invalid(f"A column's name in {which} is a text of 1 to {LONGEST} characters.", field=FIELD)
    return tuple(sorted(set(said)))


def salt_of(model: RegisteredModel) -> str:
    """Return the secret under which the model's hashed columns are told: its own; it stays while the home's does."""
    key, text = settings.SECRET_KEY.encode(), f"signoff hashed columns {model.uuid}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

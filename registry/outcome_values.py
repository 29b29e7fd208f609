"""What each outcome of a model is worth to the business: by what was true and what it said."""

from collections.abc import Mapping
from typing import Any

from core.refusals import Invalid
from registry.models import RegisteredModel

FIELD = "outcome_values"
MOST, LONGEST = 400, 64  # cells, and characters of a class
DEAREST = 1e12
PARTS = ("truth", "said", "value")


def values_of(model: RegisteredModel) -> dict[tuple[str, str], float]:
    """Return the worth of each (truth, said); empty where nobody said any. Cells that are left out are worth 0."""
    return {(cell["truth"], cell["said"]): cell["value"] for cell in model.outcome_values}


def checked(said: object) -> list[dict[str, Any]]:
    """Return cells as they are kept, in order; raise Invalid where they are none. An empty list takes them away."""
    if not isinstance(said, list | tuple) or len(said) > MOST:
        raise Invalid(f"{FIELD} is a list of {MOST} cells at most.", field=FIELD)
    cells = {(cell["truth"], cell["said"]): cell for cell in map(_cell, said)}
    if len(cells) < len(said):
        raise Invalid("A cell is there twice: each pair of truth and answer has one value.", field=FIELD)
    return [cells[key] for key in sorted(cells)]


def _cell(said: object) -> dict[str, Any]:
    if not isinstance(said, Mapping) or set(said) != set(PARTS):
        raise Invalid(f"A cell is an object with {', '.join(PARTS)}.", field=FIELD)
    for name in ("truth", "said"):
        if not isinstance(said[name], str) or not 0 < len(said[name]) <= LONGEST:
            raise Invalid(f"{name} is a class, a text of 1 to {LONGEST} characters.", field=FIELD)
    value = said["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not -DEAREST <= value <= DEAREST:
        raise Invalid("value is a number.", field=FIELD)
    return {"truth": said["truth"], "said": said["said"], "value": float(value)}

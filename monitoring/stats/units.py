"""Sticky units: a unit that comes again is in the arm it was in, so it may prove each thing once."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum


class Proof(StrEnum):
    """What a unit proves once."""

    SEEN = "seen"
    FAILED = "failed"
    SLOW = "slow"
    WRONG = "wrong"
    VALUED = "valued"


@dataclass
class Units:
    """Which units have proved what before."""

    known: defaultdict[Proof, set[str]] = field(default_factory=lambda: defaultdict(set))

    def is_new(self, unit: str, proof: Proof) -> bool:
        """Return whether `unit` proves it for the first time, and know it from now on; no unit is always new."""
        if not unit:
            return True
        known = self.known[proof]
        if unit in known:
            return False
        known.add(unit)
        return True

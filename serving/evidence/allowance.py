"""How many records of each replica are carried: as many as the router gave requests to its endpoint, and a few.

A model writes its records itself, so what bounds them is what was asked of it. Any replica may have answered any
request of its endpoint, so each is allowed all of them.
"""

from collections.abc import Mapping

FEW = 1_000.0  # records come before the router's lines, by a second; and lines are lost when the router is killed
AGAIN_A_S = 10.0  # of those few, when they were used


class Allowances:
    """What is left to each replica."""

    def __init__(self, kept: Mapping[str, float], now: float) -> None:
        self.left = dict(kept)
        self.whose: dict[str, str] = {}
        self.grown = now

    def begin(self, replica: str, endpoint: str) -> None:
        """Let a replica have the few, once, and from now on what its endpoint is asked."""
        self.left.setdefault(replica, FEW)
        self.whose[replica] = endpoint

    def asked(self, endpoint: str, requests: int) -> None:
        """Allow so many more records to each replica of the endpoint."""
        for replica, whose in self.whose.items():
            if whose == endpoint:
                self.left[replica] += requests

    def of(self, replica: str) -> int:
        """Return how many lines of the replica may be carried now, 0 at least."""
        return max(0, int(self.left.get(replica, FEW)))

    def spend(self, replica: str, lines: int) -> None:
        """Take off what is carried."""
        self.left[replica] = self.left.get(replica, FEW) - lines

    def settle(self, replica: str) -> None:
        """Forget what the replica did not need: its file is read to the end, so others answered those requests."""
        self.left[replica] = min(FEW, self.left.get(replica, FEW))

    def grow(self, now: float) -> None:
        """Let what was used of the few come back, slowly."""
        more, self.grown = (now - self.grown) * AGAIN_A_S, now
        for replica, left in self.left.items():
            if left < FEW:
                self.left[replica] = min(FEW, left + more)

    def forget(self, replica: str) -> None:
        """A replica is no more."""
        self.left.pop(replica, None)
        self.whose.pop(replica, None)

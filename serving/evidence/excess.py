"""Records over a replica's allowance: they wait for the router's lines; where those do not come they are dropped."""

from collections import Counter

WAIT_S = 3.0  # the router writes its lines each second
TELL_EVERY_S = 60.0


class Excess:
    """What was over, by replica."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}
        self.dropped: Counter[str] = Counter()
        self.told: dict[str, float] = {}

    def is_dropped(self, replica: str, now: float, *, router_is_behind: bool) -> bool:
        """Whether what is over has waited in vain; while the router's own lines wait, nobody can know."""
        since = self.since.setdefault(replica, now)
        if router_is_behind:
            self.since[replica] = now
            return False
        return now - since >= WAIT_S

    def end(self, replica: str) -> None:
        """Nothing is over any more."""
        self.since.pop(replica, None)

    def untold(self, now: float) -> dict[str, int]:
        """Return how many lines of which replicas were dropped and not said yet; each replica once a minute at most."""
        due = [name for name in +self.dropped if now - self.told.get(name, now - TELL_EVERY_S) >= TELL_EVERY_S]
        self.told.update(dict.fromkeys(due, now))
        return {name: self.dropped.pop(name) for name in due}

"""How long things may take, and how soon a replica that died runs again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Times in seconds."""

    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    first_long_wait_s: float = 60.0  # of what has failed
    longest_long_wait_s: float = 600.0
    steady_s: float = 10.0  # whoever dies earlier died quickly
    quick_deaths: int = 5  # that many in a row, and the replica has failed
    start_s: float = 120.0  # from its start until it is ready
    drain_s: float = 10.0
    look_every_s: float = 5.0  # at one that is ready
    silent_looks: int = 6  # that many in a row, and it hangs
    report_every_s: float = 2.0
    keep_stopped_s: float = 600.0  # so that whoever stopped it sees that it is

    def is_quick(self, ran_s: float) -> bool:
        """Whether a life of this length says that something is wrong."""
        return ran_s < self.steady_s

    def has_failed(self, quick: int) -> bool:
        """Whether this many quick deaths in a row are too many."""
        return quick >= self.quick_deaths

    def wait_s(self, quick: int) -> float:
        """Return how long to wait after the latest of `quick` deaths in a row: doubling, in two flights."""
        if not self.has_failed(quick):
            return min(self.first_wait_s * 2.0 ** max(0, quick - 1), self.longest_wait_s)
        return min(self.first_long_wait_s * 2.0 ** min(quick - self.quick_deaths, 30), self.longest_long_wait_s)

"""Whether requests are divided as planned: where they are not, nothing else can be learnt."""

from dataclasses import dataclass, field

from monitoring.stats.betting import Bet, Stakes
from monitoring.stats.summary import evidence

LIMIT = 1_000.0  # evidence; a split that is off stops everything, so it may be wrong once in a thousand rollouts
ODDS = (0.5, 0.67, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)  # off either way
DOUBT = 10.0  # evidence at which nothing that rests on the split is decided
CLOSE = 9  # digits to which a share is the planned one


def _bet() -> Bet:
    return Bet(ODDS, stakes=Stakes([], reserve=0.0))


@dataclass
class Split:
    """The same bet on the arm of each unit's first request, whatever came of it; `planned` shares, or any."""

    bet: Bet = field(default_factory=_bet)
    planned: frozenset[float] = frozenset()
    unplanned: float | None = None  # the first share that nobody planned

    def take(self, *, in_canary: bool, share: float, is_first: bool) -> None:
        """Take one request. A share of 0 or 1 leaves nothing to chance and needs no plan: nobody was divided."""
        if not 0.0 < share < 1.0 and in_canary == (share >= 1.0):
            return
        if self.planned and self.unplanned is None and round(share, CLOSE) not in self.planned:
            self.unplanned = share
        if is_first:
            self.bet.event(in_canary=in_canary, share=share)

    @property
    def peak(self) -> float:
        """The most evidence against the split so far."""
        return self.bet.stakes.peak

    @property
    def is_off(self) -> bool:
        """Whether requests are not divided as planned."""
        return self.unplanned is not None or self.bet.stakes.peak >= LIMIT

    @property
    def is_doubtful(self) -> bool:
        """Whether it may be off just now. A split that is off makes good canaries look bad: better wait."""
        return self.bet.stakes.evidence >= DOUBT

    @property
    def why(self) -> str:
        """What is wrong with a split that is off."""
        if self.unplanned is not None:
            return f"requests were drawn with a share of {self.unplanned:g}, which is not planned"
        return f"the split is not the one asked for (evidence {evidence(self.peak)}, limit {LIMIT:,.0f})"

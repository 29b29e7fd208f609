"""The bets against streams whose truth is known."""

import math
import random
import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.stats.betting import ODDS, Bet, Events, lower_ratio, upper_ratio

ALPHA = 0.05


def test_one_bad_event_of_a_five_percent_canary_moves_the_stake_by_the_ratio_of_chances() -> None:
    bet = Bet(ratios=(4.0,))
    assert bet.event(in_canary=True, share=0.05) == pytest.approx(4 / (4 * 0.05 + 0.95))
    assert bet.event(in_canary=False, share=0.05) == pytest.approx(4 / (4 * 0.05 + 0.95) ** 2)


def test_the_peak_is_kept_when_the_stake_falls() -> None:
    bet = Bet()
    for arm in (True, True, False, False, False):
        bet.event(in_canary=arm, share=0.05)
    assert bet.peak > bet.evidence


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_nothing_was_drawn_nothing_is_learnt(share: float) -> None:
    bet = Bet()
    assert bet.event(in_canary=True, share=share) == 1.0


@given(st.floats(0.001, 0.999), st.sampled_from([1.0, 1.1, 1.5]))
def test_a_bet_gains_nothing_on_average_when_its_null_is_true(share: float, null: float) -> None:
    chance = null * share / (null * share + 1 - share)
    won = Bet(null=null).event(in_canary=True, share=share)
    lost = Bet(null=null).event(in_canary=False, share=share)
    assert chance * won + (1 - chance) * lost == pytest.approx(1.0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.05, 0.25])), max_size=40))
def test_a_stake_that_was_written_down_goes_on_as_if_it_had_not(events: list[tuple[bool, float]]) -> None:
    whole, parts = Bet(), Bet()
    for arm, share in events:
        whole.event(in_canary=arm, share=share)
        parts = Bet(logs=list(parts.logs), peak=parts.peak)
        parts.event(in_canary=arm, share=share)
    assert (parts.logs, parts.peak) == (whole.logs, whole.peak)


# The stake moves at bad events only, so looking at each of them is looking at every request. Which arm a bad event is
# in does not depend on when it comes: it is drawn with the share of that moment.


def gap(rng: random.Random, rate: float) -> int:
    """Requests until the next bad one."""
    return 1 + int(math.log(1.0 - rng.random()) / math.log(1.0 - rate))


def false_alarm(rng: random.Random, shares: list[float], rates: list[float], requests: int) -> bool:
    """Whether two versions that are alike are ever told apart; shares and base rates change in equal steps."""
    bet, seen = Bet(), 0
    while True:
        step = seen * len(shares) // requests
        seen += gap(rng, rates[step])
        if seen >= requests:
            return False
        share = shares[seen * len(shares) // requests]
        if bet.event(in_canary=rng.random() < share, share=share) >= 1 / ALPHA:
            return True


def test_2000_alike_streams_looked_at_at_every_request_are_rolled_back_in_five_percent_at_most() -> None:
    rng = random.Random(1)
    assert 0 < sum(false_alarm(rng, [0.05], [0.01], 20_000) for _ in range(2_000)) / 2_000 <= ALPHA


def test_a_ramp_while_the_base_rate_triples_fools_nobody() -> None:
    rng = random.Random(2)
    shares, rates = [0.05, 0.10, 0.25, 0.50], [0.01, 0.0167, 0.0233, 0.03]
    assert 0 < sum(false_alarm(rng, shares, rates, 20_000) for _ in range(2_000)) / 2_000 <= ALPHA


def requests_to_find(rng: random.Random, bad: float, worse: float, share: float) -> int:
    bet, seen = Bet(), 0
    rate = share * worse + (1 - share) * bad
    while True:
        seen += gap(rng, rate)
        if bet.event(in_canary=rng.random() < share * worse / rate, share=share) >= 1 / ALPHA:
            return seen


def test_errors_that_go_from_one_to_five_percent_are_found_in_about_2000_requests() -> None:
    rng = random.Random(3)
    median = statistics.median(requests_to_find(rng, 0.01, 0.05, 0.05) for _ in range(300))
    assert 1_946 * 0.6 <= median <= 1_946 * 1.4


def test_a_split_that_is_off_is_found_and_a_true_one_is_not() -> None:
    rng = random.Random(4)
    true = [Bet(ratios=ODDS) for _ in range(100)]
    for bet in true:
        for _ in range(2_000):
            bet.event(in_canary=rng.random() < 0.05, share=0.05)
    assert sum(bet.peak >= 1_000 for bet in true) <= 1
    off = Bet(ratios=ODDS)
    seen = next(n for n in range(1, 20_000) if off.event(in_canary=rng.random() < 0.10, share=0.05) >= 1_000)
    assert seen < 5_000


@pytest.mark.parametrize(
    ("canary", "control", "low", "high"),
    [(0, 0, 0.0, math.inf), (50, 950, 0.5, 2.0), (500, 9_500, 0.85, 1.2), (0, 200, 0.0, 0.6), (40, 200, 1.8, 8.0)],
)
def test_the_interval_narrows_around_the_truth(canary: int, control: int, low: float, high: float) -> None:
    events: Events = Counter({(True, 0.05): canary, (False, 0.05): control})
    found = lower_ratio(events, ALPHA), upper_ratio(events, ALPHA)
    assert low <= found[0] <= found[1] <= high


def test_the_interval_over_a_ramp_uses_the_share_of_each_event() -> None:
    events: Events = Counter({(True, 0.05): 50, (False, 0.05): 950, (True, 0.5): 500, (False, 0.5): 500})
    assert lower_ratio(events, ALPHA) <= 1.0 <= upper_ratio(events, ALPHA) < 1.35

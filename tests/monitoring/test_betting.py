"""The bets against streams whose truth is known."""

import math
import random
import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.stats.betting import PARTS, RATIOS, Bet, Stakes
from monitoring.stats.intervals import Events, lower_ratio, upper_ratio
from monitoring.stats.split import Split

ALPHA = 0.05


def alone(*ratios: float) -> Bet:
    return Bet(ratios, stakes=Stakes([], reserve=0.0))


def test_one_bad_event_of_a_five_percent_canary_moves_the_stake_by_the_ratio_of_chances() -> None:
    bet = alone(4.0)
    assert bet.event(in_canary=True, share=0.05) == pytest.approx(4 / (4 * 0.05 + 0.95))
    assert bet.event(in_canary=False, share=0.05) == pytest.approx(4 / (4 * 0.05 + 0.95) ** 2)


def test_the_peak_is_kept_when_the_stake_falls() -> None:
    bet = Bet.against()
    for arm in (True, True, False, False, False):
        bet.event(in_canary=arm, share=0.05)
    assert bet.stakes.peak > bet.stakes.evidence


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_nothing_was_drawn_nothing_is_learnt(share: float) -> None:
    assert Bet.against().event(in_canary=True, share=share) == 1.0


@given(st.floats(0.001, 0.999), st.sampled_from([1.0, 1.1, 1.5]), st.sampled_from(["", "a"]))
def test_a_bet_gains_nothing_on_average_when_its_null_is_true(share: float, null: float, segment: str) -> None:
    chance = null * share / (null * share + 1 - share)
    won = Bet.against(null).event(in_canary=True, share=share, segment=segment)
    lost = Bet.against(null).event(in_canary=False, share=share, segment=segment)
    assert chance * won + (1 - chance) * lost == pytest.approx(1.0)


@given(st.floats(0.01, 0.99), st.floats(0.1, 1.5))
def test_a_canary_within_its_tolerance_gains_nothing_at_all(share: float, ratio: float) -> None:
    chance = ratio * share / (ratio * share + 1 - share)
    won = Bet.against(1.5).event(in_canary=True, share=share)
    lost = Bet.against(1.5).event(in_canary=False, share=share)
    assert chance * won + (1 - chance) * lost <= 1.0 + 1e-9


def test_stakes_grow_no_further_once_everything_is_decided() -> None:
    bet = Bet.against()
    for _ in range(5_000):
        bet.event(in_canary=True, share=0.01, segment="a")
    assert 1e290 < bet.stakes.peak < math.inf
    assert all(map(math.isfinite, bet.stakes.whole))


def test_a_segment_has_stakes_of_its_own_and_only_so_many_have() -> None:
    bet = Bet.against()
    for segment in "abc":
        bet.event(in_canary=True, share=0.05, segment=segment)
    assert list(bet.stakes.parts) == ["a", "b", "c"]
    assert bet.stakes.parts["a"] == bet.stakes.parts["c"] != bet.stakes.whole
    for number in range(100):
        bet.event(in_canary=True, share=0.05, segment=f"s{number}")
    assert len(bet.stakes.parts) == PARTS


# The stake moves at bad events only, so looking at each of them is looking at every request. Which arm a bad event is
# in does not depend on when it comes: it is drawn with the share of that moment.


def gap(rng: random.Random, rate: float) -> int:
    """Requests until the next bad one."""
    return 1 + int(math.log(1.0 - rng.random()) / math.log(1.0 - rate))


def false_alarm(rng: random.Random, shares: list[float], rates: list[float], requests: int) -> bool:
    """Whether two versions that are alike are ever told apart; shares and base rates change in equal steps."""
    bet, seen = alone(*RATIOS), 0
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
    bet, seen = Bet.against(), 0
    rate = share * worse + (1 - share) * bad
    while True:
        seen += gap(rng, rate)
        if bet.event(in_canary=rng.random() < share * worse / rate, share=share) >= 1 / ALPHA:
            return seen


@pytest.mark.parametrize(
    ("bad", "worse", "median"), [(0.01, 0.02, 16_334), (0.01, 0.05, 1_946), (0.001, 0.005, 20_409), (0.08, 0.1, 33_696)]
)
def test_a_worse_rate_is_found_as_soon_as_the_method_can(bad: float, worse: float, median: int) -> None:
    """The medians were measured once, with five in a hundred requests in the canary and one guardrail."""
    rng = random.Random(3)
    assert statistics.median(requests_to_find(rng, bad, worse, 0.05) for _ in range(150)) <= 1.3 * median


def draw(split: Split, rng: random.Random, truth: float, requests: int) -> int | None:
    """Return the request at which a split of 5 % is found to be off."""
    for number in range(requests):
        split.take(in_canary=rng.random() < truth, share=0.05, is_first=True)
        if split.is_off:
            return number
    return None


def test_a_split_that_is_off_is_found_and_a_true_one_is_not() -> None:
    rng = random.Random(4)
    assert [draw(Split(), rng, 0.05, 2_000) for _ in range(100)].count(None) >= 99
    assert draw(Split(), rng, 0.10, 5_000)


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

import json
import random
import re
from dataclasses import dataclass, replace

import pytest

from monitoring.stats.judge import Decision, Rules, Tally, judge, of_document, to_document

QUICK = Rules(min_units=100, min_labels=20, min_s=10, max_s=60, ratio_bound=None)


@dataclass(frozen=True)
class Made:
    """Two versions and how much is seen of them."""

    requests: int = 4_000
    share: float = 0.05
    split: float = 0.05
    failing: tuple[float, float] = (0.02, 0.02)  # of the live version, of the canary
    wrong: tuple[float, float] = (0.05, 0.05)
    labelled: float = 1.0


def seen(rules: Rules, made: Made) -> Tally:
    rng, tally = random.Random(7), Tally.begin(rules)
    tally.enter("5", 0.0)
    for _ in range(made.requests):
        arm = rng.random() < made.split
        tally.request(in_canary=arm, share=made.share, failed=rng.random() < made.failing[arm])
        if rng.random() < made.labelled:
            tally.label(in_canary=arm, share=made.share, wrong=rng.random() < made.wrong[arm])
    return tally


def test_a_version_that_is_as_good_is_promoted_once_there_is_enough_of_it() -> None:
    verdict = judge(seen(QUICK, Made()), QUICK, 11)
    assert verdict.decision is Decision.PROMOTE
    assert verdict.sentence.startswith("Promote: no guardrail speaks against it. ")
    assert "of the live version" in verdict.sentence


def test_wrong_predictions_roll_back_and_the_sentence_has_the_counts() -> None:
    verdict = judge(seen(QUICK, Made(requests=600, wrong=(0.05, 0.6))), QUICK, 5)
    assert (verdict.decision, verdict.guardrail) == (Decision.ROLLBACK, "accuracy")
    assert " canary predictions were wrong, against " in verdict.sentence
    assert verdict.sentence.endswith("limit 40).")


def test_errors_roll_back_before_there_is_enough_of_anything_else() -> None:
    verdict = judge(seen(QUICK, Made(requests=400, failing=(0.02, 0.9), labelled=0)), QUICK, 0.5)
    assert (verdict.decision, verdict.guardrail) == (Decision.ROLLBACK, "error")


@pytest.mark.parametrize(
    ("made", "at_s", "said"),
    [
        (Made(requests=0), 99, "0 of 100 canary requests in this step"),
        (Made(requests=1_000), 99, r"\d+ of 100 canary requests in this step"),
        (Made(labelled=0.0), 99, "0 of 20 labelled canary predictions in this step"),
        (Made(), 4, "4 of 10 s in this step"),
    ],
)
def test_too_little_is_a_hold_and_names_what_lacks(made: Made, at_s: float, said: str) -> None:
    verdict = judge(seen(QUICK, made), QUICK, at_s)
    assert verdict.decision is Decision.HOLD
    assert re.search(said, verdict.sentence)


def test_a_hold_that_outlasts_its_step_asks_a_person_and_never_promotes() -> None:
    verdict = judge(seen(QUICK, Made(requests=100)), QUICK, 61)
    assert (verdict.decision, verdict.needs_person) == (Decision.HOLD, True)
    assert verdict.sentence.endswith("a person decides.")


def test_where_the_plan_asks_for_proof_a_ratio_that_is_not_excluded_holds() -> None:
    strict = replace(QUICK, ratio_bound=2.0)
    few = judge(seen(strict, Made()), strict, 11)
    assert few.decision is Decision.HOLD
    assert "could still be" in few.sentence
    assert judge(seen(strict, Made(60_000, 0.25, 0.25)), strict, 11).decision is Decision.PROMOTE


def test_a_split_that_is_off_is_invalid_and_nothing_is_promoted() -> None:
    verdict = judge(seen(QUICK, Made(6_000, split=0.12)), QUICK, 11)
    assert (verdict.decision, verdict.needs_person) == (Decision.INVALID, True)


def test_a_tally_that_was_kept_as_json_is_the_same_tally() -> None:
    tally = seen(QUICK, Made(800, wrong=(0.05, 0.2)))
    again = of_document(json.loads(json.dumps(to_document(tally))))
    assert again == tally
    assert judge(again, QUICK, 12) == judge(tally, QUICK, 12)


def test_a_new_step_counts_its_own_units_and_keeps_the_evidence() -> None:
    tally = seen(QUICK, Made())
    peak = tally.guards["accuracy"].bet.peak
    tally.enter("5", 500.0)
    assert tally.step_units > 0
    tally.enter("25", 20.0)
    assert (tally.step_units, tally.step_labels, tally.began_s) == (0, 0, 20.0)
    assert tally.guards["accuracy"].bet.peak == peak


def test_a_units_second_failure_is_counted_and_proves_nothing() -> None:
    tally = Tally.begin(QUICK)
    tally.request(in_canary=True, share=0.05, failed=True)
    before = tally.guards["error"].bet.evidence
    for _ in range(50):
        tally.request(in_canary=True, share=0.05, failed=True, is_first=False, may_bet=False)
    assert tally.guards["error"].bet.evidence == before
    assert tally.guards["error"].bad[True] == 51
    assert tally.step_units == 1

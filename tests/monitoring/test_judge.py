import json
import math
import random
import re
from dataclasses import dataclass, replace

import pytest

from monitoring.stats.documents import of_document, to_document
from monitoring.stats.judge import Decision, judge
from monitoring.stats.outcomes import Judged, Request
from monitoring.stats.rules import Rules
from monitoring.stats.tally import Tally
from monitoring.stats.units import Units

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
    slower: float = 1.0


def seen(rules: Rules, made: Made) -> Tally:
    rng, tally = random.Random(7), Tally.begin(rules)
    tally.enter("5", 0.0)
    for _ in range(made.requests):
        arm = rng.random() < made.split
        latency_ms = rng.gauss(20, 5) * (made.slower if arm else 1)
        failed = rng.random() < made.failing[arm]
        tally.request(Request(arm, made.share, failed, latency_ms=latency_ms, value=10.0, step="5"), Units())
        if rng.random() < made.labelled:
            tally.label(Judged(arm, made.share, wrong=rng.random() < made.wrong[arm], step="5"), Units())
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


def test_evidence_that_nobody_can_read_is_said_in_words() -> None:
    sentence = judge(seen(QUICK, Made(requests=6_000, failing=(0.02, 1.0))), QUICK, 5).sentence
    assert sentence.endswith("(evidence over 1,000,000, limit 40).")


def test_errors_roll_back_before_there_is_enough_of_anything_else() -> None:
    verdict = judge(seen(QUICK, Made(requests=400, failing=(0.02, 0.9), labelled=0)), QUICK, 0.5)
    assert (verdict.decision, verdict.guardrail) == (Decision.ROLLBACK, "error")


@pytest.mark.parametrize(
    ("made", "at_s", "said"),
    [
        (Made(requests=0), 99, "0 of 100 canary requests in this step"),
        (Made(requests=1_000), 99, r"\d+ of 100 canary requests in this step"),
        (Made(labelled=0.0), 99, "0 of 20 labelled canary predictions in this step"),
        (Made(), 4, "4 s of 10 s in this step"),
    ],
)
def test_too_little_is_a_hold_and_names_what_lacks(made: Made, at_s: float, said: str) -> None:
    verdict = judge(seen(QUICK, made), QUICK, at_s)
    assert verdict.decision is Decision.HOLD
    assert re.search(said, verdict.sentence)


def test_nothing_is_promoted_before_its_evidence_is_complete() -> None:
    """The clock alone satisfies nothing: `min_s` runs up to where everything is here, and so do the units."""
    tally = seen(QUICK, Made())
    assert judge(tally, QUICK, 15, 9).sentence == "Hold: 9 s of 10 s in this step."
    assert judge(tally, QUICK, 15, 11).decision is Decision.PROMOTE
    assert judge(tally, QUICK, 45, 11).sentence == "Hold: evidence is late since 00:00:11 UTC."
    assert judge(tally, QUICK, 41, 11).decision is Decision.PROMOTE


def test_units_that_were_seen_ahead_of_the_rest_promote_nothing() -> None:
    tally = Tally.begin(QUICK)
    tally.enter("5", 0.0, wanted=100)
    for number in range(150):
        tally.request(Request(in_canary=True, share=0.5, step="5", at_s=float(number) / 5), Units())
        tally.request(Request(in_canary=False, share=0.5, step="5", at_s=float(number) / 5), Units())
        tally.label(Judged(in_canary=True, share=0.5, wrong=False, step="5"), Units())
    assert tally.filled_s == 99 / 5
    assert "is not all here yet" in judge(tally, QUICK, 30, 19).sentence
    assert judge(tally, QUICK, 30, 20).decision is Decision.PROMOTE
    assert of_document(json.loads(json.dumps(to_document(tally)))) == tally


def test_evidence_against_it_sends_it_back_however_late_the_rest_is() -> None:
    bad = seen(QUICK, Made(requests=600, wrong=(0.05, 0.6)))
    assert judge(bad, QUICK, 500, 1).decision is Decision.ROLLBACK


@pytest.mark.parametrize(("known_s", "decision"), [(61, Decision.PROMOTE), (59, Decision.HOLD), (5, Decision.HOLD)])
def test_a_plan_that_goes_on_after_its_time_goes_on_where_that_time_is_complete(
    known_s: float, decision: Decision
) -> None:
    rules = replace(QUICK, on_hold="go on")
    assert judge(seen(rules, Made(requests=100)), rules, 62, known_s).decision is decision


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
    peak = tally.guards["accuracy"].stakes.peak
    tally.enter("5", 500.0)
    assert tally.step_units > 0
    tally.enter("25", 20.0)
    assert (tally.step_units, tally.step_labels, tally.began_s) == (0, 0, 20.0)
    assert tally.guards["accuracy"].stakes.peak == peak


def test_a_units_second_failure_is_counted_and_proves_nothing() -> None:
    tally, units = Tally.begin(QUICK), Units()
    tally.request(Request(in_canary=True, share=0.05, failed=True, unit="u"), units)
    before = tally.guards["error"].stakes.evidence
    for _ in range(50):
        tally.request(Request(in_canary=True, share=0.05, failed=True, unit="u"), units)
    assert tally.guards["error"].stakes.evidence == before
    assert tally.guards["error"].told(0.05)["canary"]["bad"] == 51
    assert tally.step_units == 1


ALL = replace(QUICK, guardrails=("error", "accuracy", "latency", "value"))


def test_slow_answers_roll_back() -> None:
    verdict = judge(seen(ALL, Made(slower=1.5)), ALL, 11)
    assert (verdict.decision, verdict.guardrail) == (Decision.ROLLBACK, "latency")
    assert " canary answers were slow, against " in verdict.sentence


def test_answers_as_slow_as_tolerated_do_not_roll_back() -> None:
    patient = replace(ALL, tolerance={"latency": 1.5})
    assert judge(seen(patient, Made(slower=1.5)), patient, 11).decision is Decision.PROMOTE


def test_evidence_on_a_doubtful_split_waits_and_nothing_is_promoted() -> None:
    tally = seen(QUICK, Made(failing=(0.02, 0.5)))
    while not tally.split.is_doubtful:
        tally.split.take(in_canary=True, share=0.05, is_first=True)
    verdict = judge(tally, QUICK, 11)
    assert verdict.decision is Decision.HOLD
    assert "error speaks against it, but the split may not be the one asked for" in verdict.sentence
    for _ in range(400):
        tally.split.take(in_canary=False, share=0.05, is_first=True)
    assert judge(tally, QUICK, 11).decision is Decision.ROLLBACK


def test_a_tally_of_every_guardrail_is_kept_as_json() -> None:
    tally = seen(replace(ALL, warmup=3), Made(800, slower=1.2))
    for segment in "ba":
        tally.request(Request(in_canary=True, share=0.05, failed=True, segment=segment), Units())
    kept = json.dumps(to_document(tally), sort_keys=True)  # PostgreSQL keeps no order of keys either
    again = of_document(json.loads(kept))
    assert again == tally
    assert [list(tally.guards), list("ba")] == [list(again.guards), list(again.guards["error"].stakes.parts)]


FIRST = {  # as the first edition wrote it
    "guards": {
        "error": {
            "bet": {"ratios": [1.1, 1.35, 20.0], "null": 1.2, "logs": [4.0, -0.5, 1.0], "peak": 7.0},
            "seen": [90, 10],
            "bad": [1, 2],
            "events": [[1, 0.05, 2], [0, 0.05, 1]],
        }
    },
    "split": {"ratios": [0.5, 2.0], "null": 1.0, "logs": [0.0, 0.1], "peak": 1.3},
    "step": "5",
    "began_s": 3.0,
    "step_units": 10,
    "step_labels": 0,
}


def test_a_tally_of_the_first_edition_is_read_without_its_stakes_below_the_tolerance() -> None:
    tally = of_document(FIRST)
    assert (tally.step, tally.step_units, tally.warming) == ("5", 10, 0)
    assert tally.guards["error"].stakes.whole == pytest.approx([math.exp(-0.5), math.exp(1.0)])
    assert tally.guards["error"].told(0.05)["canary"]["bad"] == 2
    assert tally.split.bet.ratios == (0.5, 2.0)


def test_a_guardrail_that_is_not_heard_neither_stops_nor_ends_a_step_and_keeps_its_part_of_alpha() -> None:
    deaf = replace(QUICK, heard=("error",))
    bad = Made(requests=600, wrong=(0.05, 0.6), labelled=0.9)
    assert judge(seen(QUICK, bad), QUICK, 11).guardrail == "accuracy"
    unheard = judge(seen(deaf, replace(bad, requests=4_000)), deaf, 11)
    assert (unheard.decision, unheard.guards[1]["state"]) == (Decision.PROMOTE, "not heard")
    assert judge(seen(deaf, Made(labelled=0.0)), deaf, 11).decision is Decision.PROMOTE
    assert deaf.part == QUICK.part


@pytest.mark.parametrize(
    ("on_hold", "decision", "asks"),
    [("ask", Decision.HOLD, True), ("go on", Decision.PROMOTE, False), ("go back", Decision.ROLLBACK, False)],
)
def test_what_comes_of_a_hold_that_outlasts_its_step_is_in_the_rules(
    on_hold: str, decision: Decision, *, asks: bool
) -> None:
    rules = replace(QUICK, on_hold=on_hold)
    few = seen(rules, Made(requests=100))
    assert judge(few, rules, 59).decision is Decision.HOLD
    verdict = judge(few, rules, 61)
    assert (verdict.decision, verdict.needs_person, verdict.guardrail) == (decision, asks, "")


def test_evidence_against_it_asks_a_person_where_the_rules_say_so() -> None:
    rules = replace(QUICK, on_fail="ask")
    verdict = judge(seen(rules, Made(requests=600, wrong=(0.05, 0.6))), rules, 5)
    assert (verdict.decision, verdict.needs_person, verdict.guardrail) == (Decision.ROLLBACK, True, "accuracy")

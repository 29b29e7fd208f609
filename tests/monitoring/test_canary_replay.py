"""Logs of canaries against what is true of them."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from monitoring.stats.canary import replay
from monitoring.stats.lines import BadLine, documents
from tests.monitoring.streams import Line, World, allowed, told

ALPHA = 0.05
FOUR = ["error", "latency", "accuracy", "value"]
ALL = {"guardrails": FOUR}
EAGER = {**ALL, "alpha": 0.5, "min_canary": 1}  # alarms are frequent, so few runs show whether they are too many
ALIKE = {
    "at one share": World(1_000, meta=EAGER),
    "over a ramp while the base rate moves": World(
        1_000, shares=(0.05, 0.1, 0.25, 0.5), bases=(1, 2, 3, 4), meta=EAGER
    ),
    "over a ramp while the base rate falls": World(
        1_000, shares=(0.05, 0.1, 0.25, 0.5), bases=(4, 3, 2, 1), meta=EAGER
    ),
    "with heavy sticky units": World(1_000, units=300, shares=(0.05, 0.25, 0.5), failing=(0.1, 0.1), meta=EAGER),
    "when only the canary's failures are tried again": World(1_000, again=0.9, failing=(0.1, 0.1), meta=EAGER),
    "after a warm-up": World(1_000, shares=(0.2,), meta={**EAGER, "warmup_canary": 50}),
    "after a warm-up of sticky units": World(
        1_000, units=300, shares=(0.2,), failing=(0.1, 0.1), meta={**EAGER, "warmup_canary": 50}
    ),
    "within the tolerance": World(
        1_000, failing=(0.1, 0.11), slower=1.09, worth=(10, 9.2), meta={**EAGER, "tolerance": dict.fromkeys(FOUR, 1.1)}
    ),
    "in many segments": World(1_000, segments=tuple("abcde"), failing=(0.1, 0.1), meta=EAGER),
}


def decisions(world: World, runs: int) -> list[str]:
    return [told(world, seed)["decision"] for seed in range(runs)]


@pytest.mark.parametrize("name", ALIKE)
def test_versions_that_are_alike_are_rolled_back_no_more_often_than_alpha(name: str) -> None:
    found = decisions(ALIKE[name], 40)
    assert found.count("rollback") <= allowed(40, EAGER["alpha"])  # type: ignore[arg-type]
    assert found.count("invalid") <= allowed(40, 0.001)


@pytest.mark.soak
@pytest.mark.parametrize("name", ALIKE)
def test_alike_at_length(name: str) -> None:
    known = {**ALIKE[name].__dict__, "requests": 100_000, "meta": {**ALIKE[name].meta, "alpha": ALPHA}}
    found = decisions(World(**known), 200)
    assert found.count("rollback") <= allowed(200, ALPHA)
    assert found.count("invalid") <= allowed(200, 0.001)


WORSE = {
    "error": World(20_000, failing=(0.02, 0.1), meta=ALL),
    "latency": World(20_000, slower=1.6, meta=ALL),
    "accuracy": World(20_000, wrong=(0.08, 0.2), meta=ALL),
    "value": World(20_000, worth=(10.0, 8.5), meta=ALL),
}


@pytest.mark.parametrize("metric", WORSE)
def test_a_worse_canary_is_rolled_back_by_what_is_worse(metric: str) -> None:
    answer = told(WORSE[metric], 1)
    assert (answer["decision"], answer["metric"]) == ("rollback", metric)
    assert 0 < answer["at"] < 20_000
    assert answer["evidence"]["requests"] == answer["at"]
    assert answer["evidence"]["sentence"].startswith("Roll back: ")


HIDDEN = {
    "a ramp that hides it": World(
        20_000, shares=(0.05, 0.1, 0.25, 0.5), bases=(4, 2, 1, 0.5), failing=(0.02, 0.05), meta=ALL
    ),
    "sticky units": World(20_000, units=2_000, shares=(0.25,), failing=(0.02, 0.06), meta=ALL),
    "one segment alone": World(
        20_000, segments=tuple("abcdefgh"), bad_segment="c", shares=(0.25,), failing=(0.02, 0.12), meta=ALL
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_hides_is_found(name: str) -> None:
    assert decisions(HIDDEN[name], 3).count("rollback") == 3


NEVER = {
    "a split that is off": (World(20_000, split=0.08, meta=ALL), {"invalid"}),
    "a share that nobody planned": (World(shares=(0.2,), meta={**ALL, "planned_shares": [0.05]}), {"invalid"}),
    "failures that leave no line": (World(20_000, failing=(0.02, 0.5), lost=1.0, meta=ALL), {"invalid"}),
    "an empty canary": (World(60, split=1e-12, meta=ALL), {"hold"}),
    "an empty canary of many requests": (World(20_000, split=1e-12, meta=ALL), {"invalid"}),
    "low traffic": (World(1_000, meta=ALL), {"hold"}),
    "labels that never come": (World(6_000, labelled=0.0, meta=ALL), {"hold"}),
}


@pytest.mark.parametrize("name", NEVER)
def test_what_cannot_be_judged_is_never_as_good(name: str) -> None:
    world, expected = NEVER[name]
    assert set(decisions(world, 3)) <= expected


# Median requests to find it, once measured at alpha 0.05 with one guardrail and 5 % in the canary.
TABLE = {
    "p95 + 60 %": (World(12_000, slower=1.6, meta={"guardrails": ["latency"]}), 564),
    "value − 15 %": (World(12_000, worth=(10, 8.5), meta={"guardrails": ["value"]}), 1_376),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_worse_canary_is_found_as_soon_as_the_method_can(name: str) -> None:
    world, median = TABLE[name]
    found = [told(world, seed)["at"] or world.requests for seed in range(31)]
    assert statistics.median(found) <= 1.3 * median


def answer(lines: list[Line]) -> dict[str, Any]:
    return replay(enumerate(lines, 1))


META: Line = {"type": "meta", "guardrails": ["error", "accuracy"], "min_canary": 1}
CANARY: Line = {"type": "req", "request_id": "q", "arm": "canary", "share": 0.05, "status": 200, "prediction": 1}
LABEL: Line = {"type": "label", "request_id": "q", "label": 0}


def wrong(lines: list[Line]) -> dict[str, int]:
    guards = {guard["name"]: guard for guard in answer([META, *lines])["evidence"]["guardrails"]}
    found: dict[str, int] = guards["accuracy"]["canary"]
    return {"bad": found["bad"], "of": found["of"]}


@pytest.mark.parametrize(
    ("lines", "bad", "of"),
    [
        ([CANARY, LABEL], 1, 1),
        ([CANARY, LABEL, LABEL, {**LABEL, "label": 1}], 1, 1),
        ([LABEL, CANARY], 1, 1),
        ([LABEL, {**LABEL, "label": 1}, CANARY], 0, 1),
        ([CANARY, CANARY, LABEL], 1, 1),
        ([{**CANARY, "prediction": None}, LABEL], 0, 0),
        ([CANARY, {**LABEL, "label": None}], 0, 0),
        ([CANARY, {**LABEL, "request_id": "another"}], 0, 0),
        ([CANARY], 0, 0),
    ],
)
def test_a_prediction_takes_its_first_label_whenever_it_comes(lines: list[Line], bad: int, of: int) -> None:
    assert wrong(lines) == {"bad": bad, "of": of}


def test_the_warm_up_drops_the_first_of_the_canary_and_the_live_ones_of_that_time() -> None:
    control = {**CANARY, "arm": "control"}
    log = [{**line, "request_id": str(place)} for place, line in enumerate([control, CANARY, control, CANARY, control])]
    found = answer([{**META, "guardrails": ["error"], "warmup_canary": 1}, *log])["evidence"]["guardrails"][0]
    assert (found["live"]["of"], found["canary"]["of"]) == (2, 1)


def test_null_is_what_is_not_known() -> None:
    more = {"latency_ms": None, "value": None, "prediction": None, "segment": None, "unit": None, "t": None}
    found = answer([{**META, "guardrails": FOUR}, {**CANARY, **more}, {**CANARY, "request_id": "r", "status": None}])
    guards = {guard["name"]: guard for guard in found["evidence"]["guardrails"]}
    assert guards["error"]["canary"]["bad"] == 1
    assert guards["latency"]["canary"]["of"] == guards["value"]["canary"]["of"] == 0


Line_ = str | Line
BAD: list[tuple[str, list[Line_], str]] = [
    ("no line at all", [], "line 1: expected a line of type meta"),
    ("no JSON", [META, "{nonsense"], "line 2: not JSON"),
    ("two objects in a line", [META, '{"type": "req"} {}'], "line 2: expected one object"),
    ("a list", [META, "[]"], "line 2: expected one object"),
    ("NaN", [META, '{"type": "req", "value": NaN}'], "line 2: NaN is no number"),
    (
        "an endless number",
        [META, '{"type":"req","request_id":"q","arm":"canary","share":0.1,"status":1e999}'],
        "line 2: status should be from",
    ),
    ("deep nesting", [META, "[" * 100_000], "line 2: not JSON"),
    ("no meta", [CANARY], "line 1: the first line should be of type meta"),
    ("another type", [META, {"type": "gossip"}], "line 2: type should be req or label and is 'gossip'"),
    ("no type", [META, {"arm": "canary"}], "line 2: type is missing"),
    ("no arm", [META, {"type": "req", "share": 0.1}], "line 2: arm is missing"),
    ("another arm", [META, {**CANARY, "arm": ["canary"]}], "line 2: arm should be control or canary"),
    ("no share", [META, {**CANARY, "share": None}], "line 2: share is missing"),
    ("a share over 1", [META, {**CANARY, "share": 5}], "line 2: share should be from 0 to 1 and is 5"),
    ("a truth for a number", [META, {**CANARY, "latency_ms": True}], "line 2: latency_ms should be a number"),
    ("a word for a status", [META, {**CANARY, "status": "fine"}], "line 2: status should be a number and is 'fine'"),
    ("a list for an id", [META, {**CANARY, "request_id": []}], "line 2: request_id should be a text or a number"),
    ("no label", [META, CANARY, {"type": "label", "request_id": "q"}], "line 3: label is missing"),
    ("an unknown guardrail", [{**META, "guardrails": ["vibes"]}], "line 1: guardrails should name some of"),
    ("no guardrail", [{**META, "guardrails": []}], "line 1: guardrails should name some of error, "),
    ("a tolerance of what is none", [{**META, "tolerance": {"vibes": 2}}], "line 1: tolerance should name some of"),
    ("a latency under 0", [META, {**CANARY, "latency_ms": -1}], "line 2: latency_ms should be from 0 to "),
    ("no status", [META, {"type": "req", "arm": "canary", "share": 0.1}], "line 2: status is missing; null says"),
    ("a tolerance under 1", [{**META, "tolerance": {"error": 0.5}}], "line 1: error should be from 1"),
    ("an alpha of 2", [{**META, "alpha": 2}], "line 1: alpha should be from"),
]


@pytest.mark.parametrize(("lines", "why"), [pytest.param(lines, why, id=name) for name, lines, why in BAD])
def test_a_bad_line_is_named_by_its_number(lines: list[Line_], why: str) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    with pytest.raises(BadLine) as said:
        replay(documents(texts))
    assert str(said.value).startswith(why)


Run = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command() -> Run:
    def run(log: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "monitoring.stats.canary"]
        return subprocess.run(words, input=log, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_the_command_prints_one_line_and_the_same_answer(command: Run) -> None:
    world = WORSE["error"]
    done = command("".join(f"{json.dumps(line)}\n\n" for line in world.lines(1)))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert json.loads(done.stdout) == json.loads(json.dumps(told(world, 1)))


def test_the_command_stops_at_a_bad_line_with_two_and_a_sentence(command: Run) -> None:
    done = command(f"{json.dumps(META)}\nnonsense\n")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "line 2: not JSON: 'nonsense'.\n")


def test_a_guardrail_that_is_not_heard_at_a_step_sends_nothing_back_there() -> None:
    meta = {**META, "heard": {"5": ["error"]}}
    log = [{**CANARY, "request_id": f"q{n}", "share": 0.5, "step": "5"} for n in range(200)]
    wrong = [{"type": "label", "request_id": f"q{n}", "label": 0} for n in range(40)]
    live = [{**CANARY, "request_id": f"c{n}", "share": 0.5, "step": "5", "arm": "control"} for n in range(200)]
    divided = [line for pair in zip(log, live, strict=True) for line in pair]
    assert answer([META, *divided, *wrong])["decision"] == "rollback"
    assert answer([meta, *divided, *wrong])["decision"] == "no_rollback"
    later = answer([meta, *divided, *wrong, {**CANARY, "request_id": "last", "share": 0.5, "step": "25"}])
    assert (later["decision"], later["metric"]) == ("rollback", "accuracy")


@pytest.mark.parametrize("heard", [["error"], {"5": "error"}, {"5": ["latency"]}])
def test_what_is_heard_is_lists_of_guardrails_by_step(heard: object) -> None:
    with pytest.raises(BadLine, match="heard should be lists"):
        answer([{**META, "heard": heard}])

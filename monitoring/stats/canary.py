"""Replays a canary from a log: `python -m monitoring.stats.canary < log.jsonl` prints the verdict as one line of JSON.

The protocol is in docs/reference/replay.md. What judges is the Tally that judges a live canary.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from monitoring.stats.answers import is_same
from monitoring.stats.guards import WORDS
from monitoring.stats.judge import Decision, alarm, in_doubt, judge, nothing_against
from monitoring.stats.lines import BadLine, Said, key_of, needed, number_of, run, shown
from monitoring.stats.outcomes import Judged, Request
from monitoring.stats.rules import Rules
from monitoring.stats.split import CLOSE, LIMIT
from monitoring.stats.tally import Tally
from monitoring.stats.units import Units

ARMS = {"control": False, "canary": True}
FAILED_FROM, GOOD_FROM = 400, 200
MIN_CANARY = 100


@dataclass
class Replay:
    """A log as far as it was read. Requests are known by id: the first of an id counts, so retries prove nothing."""

    rules: Rules
    tally: Tally
    by_request: bool = True
    heard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by step; any other hears all
    seen: int = 0
    units: Units = field(default_factory=Units)
    drawn: dict[str, tuple[Request, Any] | None] = field(default_factory=dict)  # None: has its label, or takes none
    early: dict[str, Any] = field(default_factory=dict)  # labels that came before their requests

    def request(self, said: Said) -> None:
        """Take one request line."""
        self.seen += 1
        if self.heard and (step := key_of(said, "step")) is not None:
            self.rules = replace(self.rules, heard=self.heard.get(step))
        name = key_of(said, "request_id")
        request = self._request(said)
        if name is not None and name in self.drawn:
            return
        counts = self.tally.request(request, self.units) is not None
        prediction = said.get("prediction")
        if name is None:
            return
        self.drawn[name] = (request, prediction) if counts and prediction is not None else None
        if name in self.early:
            self._judge(name, self.early.pop(name))

    def _request(self, said: Said) -> Request:
        arm = needed(said, "arm")
        if not isinstance(arm, str) or arm not in ARMS:
            raise BadLine(f"arm should be control or canary and is {shown(arm)}")
        share = number_of(said, "share", 0.0, 1.0)
        if share is None:
            raise BadLine("share is missing")
        return Request(
            ARMS[arm],
            share,
            _failed(said),
            "" if self.by_request else key_of(said, "unit") or "",
            number_of(said, "latency_ms", 0.0),
            number_of(said, "value"),
            key_of(said, "segment") or "",
        )

    def label(self, said: Said) -> None:
        """Take one label line. The first label of a prediction counts; of those that came too early, the last one."""
        name, label = key_of(said, "request_id"), needed(said, "label")
        if name is None:
            raise BadLine("request_id is missing")
        if label is None:
            return
        if name in self.drawn:
            self._judge(name, label)
        else:
            self.early[name] = label

    def _judge(self, name: str, label: Any) -> None:
        if drawn := self.drawn[name]:
            request, prediction = drawn
            self.drawn[name] = None
            wrong = not is_same(prediction, label)
            judged = Judged(request.in_canary, request.share, wrong, request.unit, request.segment)
            self.tally.label(judged, self.units)

    def answer(self, found: tuple[Decision, str] | None) -> dict[str, Any]:
        """Return the answer: an alarm, or what the whole log amounts to."""
        told = judge(self.tally, self.rules, 0.0)
        evidence = {
            "requests": self.seen,
            "canary_units": self.tally.step_units,
            "split": {"peak": round(self.tally.split.peak, 4), "limit": LIMIT},
            "guardrails": list(told.guards),
        }
        if found:
            decision, name = found
            return _told(decision, at=self.seen, metric=name or None, evidence={"sentence": told.sentence, **evidence})
        if lacks := self._lacks():
            return _told(Decision.HOLD, evidence={"sentence": f"Hold: {lacks}.", **evidence})
        sentence = nothing_against(self.tally)
        return _told("no_rollback", evidence={"sentence": f"No rollback: {sentence}", **evidence})

    def _lacks(self) -> str:
        """Return why the log is not enough to say that the canary is as good, or nothing."""
        if doubt := in_doubt(self.tally, self.rules):
            return doubt
        if (units := self.tally.step_units) < self.rules.min_units:
            return f"{units:,} of {self.rules.min_units:,} canary units"
        for guard in self.tally.guards.values():
            if not guard.seen[True]:
                return f"nothing tells the canary's {guard.name}"
        return ""


def _told(decision: str, *, at: int | None = None, metric: str | None = None, evidence: Said) -> dict[str, Any]:
    return {"decision": str(decision), "at": at, "metric": metric, "evidence": evidence}


def _failed(said: Said) -> bool:
    """Whether a request failed: no answer at all (null), or one that is no success of HTTP."""
    if "status" not in said:
        raise BadLine("status is missing; null says that no answer came")
    status = number_of(said, "status")
    return status is None or not GOOD_FROM <= status < FAILED_FROM


def replay(log: Iterable[tuple[int, Said]]) -> dict[str, Any]:
    """Return the verdict of a log of numbered lines; what comes after an alarm is not read. Raises BadLine."""
    state: Replay | None = None
    for number, said in log:
        try:
            state = _step(state, said)
        except BadLine as why:
            raise BadLine(f"line {number}: {why}.") from why
        if found := alarm(state.tally, state.rules):
            return state.answer(found)
    if state is None:
        raise BadLine("line 1: expected a line of type meta; there is none.")
    return state.answer(None)


def _step(state: Replay | None, said: Said) -> Replay:
    kind = needed(said, "type")
    if state is None:
        if kind != "meta":
            raise BadLine(f"the first line should be of type meta and is {shown(kind)}")
        return _begun(said)
    if kind == "req":
        state.request(said)
    elif kind == "label":
        state.label(said)
    else:
        raise BadLine(f"type should be req or label and is {shown(kind)}")
    return state


def _begun(said: Said) -> Replay:
    rules = Rules(
        guardrails=_guardrails(said),
        alpha=_chosen(number_of(said, "alpha", 1e-6, 0.5), Rules.alpha),
        tolerance=_tolerance(said),
        min_units=int(_chosen(number_of(said, "min_canary", 0.0), MIN_CANARY)),
        latency_quantile=_chosen(number_of(said, "latency_quantile", 0.01, 0.9999), Rules.latency_quantile),
        warmup=int(_chosen(number_of(said, "warmup_canary", 0.0), Rules.warmup)),
        ratio_bound=None,
    )
    by_request = said.get("unit_is_request", True)
    if not isinstance(by_request, bool | None):
        raise BadLine("unit_is_request should be true or false")
    return Replay(rules, Tally.begin(rules, _planned(said)), by_request is not False, _heard(said, rules))


def _guardrails(said: Said) -> tuple[str, ...]:
    """Return what is guarded: all where the log does not say."""
    told = said.get("guardrails")
    named = list(WORDS) if told is None else told
    if not isinstance(named, list) or not named or not set(map(str, named)) <= WORDS.keys():
        raise BadLine(f"guardrails should name some of {', '.join(WORDS)} and is {shown(told)}")
    return tuple(dict.fromkeys(named))


def _heard(said: Said, rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return by step the guardrails that have a say there."""
    told = said.get("heard") or {}
    listed = told.values() if isinstance(told, dict) else [None]
    if not all(isinstance(names, list) and set(map(str, names)) <= set(rules.guardrails) for names in listed):
        raise BadLine("heard should be lists of guardrails, by step")
    return {str(step): tuple(map(str, names)) for step, names in told.items()}


def _chosen(value: float | None, default: float) -> float:
    return default if value is None else value


def _tolerance(said: Said) -> float | Mapping[str, float]:
    told = said.get("tolerance")
    if not isinstance(told, dict):
        return _chosen(number_of(said, "tolerance", 1.0, 1000.0), 1.0)
    if unknown := sorted(told.keys() - WORDS.keys()):
        raise BadLine(f"tolerance should name some of {', '.join(WORDS)} and names {shown(unknown[0])}")
    return {str(name): _chosen(number_of(told, name, 1.0, 1000.0), 1.0) for name in told}


def _planned(said: Said) -> frozenset[float]:
    """Return the shares that may be stamped on requests; none for any. An object has one for each step."""
    told = said.get("planned_shares") or []
    listed = list(told.values()) if isinstance(told, dict) else told
    if not isinstance(listed, list):
        raise BadLine("planned_shares should be a list of numbers from 0 to 1")
    shares = [number_of({"planned_shares": share}, "planned_shares", 0.0, 1.0) for share in listed]
    return frozenset(round(share, CLOSE) for share in shares if share is not None)


if __name__ == "__main__":
    sys.exit(run(replay))

"""A live canary, request by request as it was ingested, and its log: the same verdict at the same request."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.actors import Actor
from monitoring import ingest, verdicts
from monitoring.labels import Given, record_labels
from monitoring.models import Prediction
from monitoring.stats.canary import replay
from monitoring.stats.judge import Decision, Verdict
from serving.contract import EVIDENCE_STREAM, SHARES
from tests.monitoring.conftest import ROLLOUT, RULES, Stream

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
GUARDED = {**RULES, "guardrails": ["error", "accuracy", "latency"], "warmup": 5, "tolerance": {"latency": 1.1}}
MOST = 800  # lines
Line = dict[str, Any]


def meta() -> Line:
    rules = {name: GUARDED[name] for name in ("guardrails", "tolerance")}
    known = {"warmup_canary": GUARDED["warmup"], "min_canary": GUARDED["min_units"], "unit_is_request": False}
    return {"type": "meta", **rules, **known}


def logged(stream: Stream, predictions: dict[str, Any]) -> Line:
    """Return the newest line of the router as a line of a log."""
    entries: Any = stream.valkey.client.xrevrange(EVIDENCE_STREAM, count=1)
    body = json.loads(entries[0][1][b"body"])
    in_canary = body["track"] == "canary"
    return {
        "type": "req",
        "request_id": body["request_id"],
        "unit": body["unit"],
        "arm": "canary" if in_canary else "control",
        "share": (int(body["share"]) if in_canary else SHARES - int(body["share"])) / SHARES,
        "status": body["status"],
        "latency_ms": body["duration_ms"],
        "prediction": predictions.get(body["request_id"]),
    }


BAD: dict[str, dict[str, float]] = {"error": {"failing": 0.7}, "accuracy": {"wrong": 0.7}, "latency": {"slower": 3.0}}


@pytest.mark.parametrize("metric", BAD)
def test_a_live_canary_is_replayed_to_the_same_verdict_at_the_same_request(
    stream: Stream, dana: Actor, metric: str
) -> None:
    verdicts.watch(ROLLOUT, stream.endpoint, GUARDED)
    verdicts.enter(ROLLOUT, "5")
    rng, log, told = random.Random(3), [meta()], {"failing": 0.05, "wrong": 0.05, "slower": 1.0, **BAD[metric]}
    live: tuple[int, Verdict] | None = None
    while not live and len(log) < MOST:
        for line in lines(stream, dana, rng, f"q{len(log)}", told):
            log.append(line)
            said = verdicts.verdict(ROLLOUT)
            if said and said.decision is Decision.ROLLBACK:
                live = sum(line["type"] == "req" for line in log), said
                break
    answer = replay(enumerate(log, 1))
    assert live
    assert (answer["decision"], answer["metric"], answer["at"]) == ("rollback", metric, live[0])
    assert json.dumps(answer["evidence"]["guardrails"]) == json.dumps(live[1].guards)
    assert Prediction.objects.filter(why_not="warm-up").exists()


def lines(stream: Stream, dana: Actor, rng: random.Random, name: str, told: dict[str, float]) -> Iterator[Line]:
    """Send one request of a few returning units, then its label, through the product; yield their lines."""
    unit = rng.randrange(80)
    arm = unit % 4 == 0
    failed = rng.random() < (told["failing"] if arm else 0.05)
    more = {"unit": f"u{unit}", "share": "2500" if arm else "7500", "status": 500 if failed else 200}
    took_ms = rng.uniform(5, 10) * (told["slower"] if arm else 1.0)
    if not failed:
        stream.answered(name, 1)
    stream.routed(name, "canary" if arm else "stable", duration_ms=took_ms, **more)
    ingest.drain()
    yield logged(stream, {} if failed else {name: 1})
    label = int(rng.random() >= (told["wrong"] if arm else 0.05))
    record_labels(stream.endpoint, [Given(name, label)], actor=dana)
    yield {"type": "label", "request_id": name, "label": label}

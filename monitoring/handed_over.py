"""Takes predictions of model servers elsewhere, as lines of JSON, and puts them on the stream of evidence.

From there they are what the router and the model servers here tell: stored once by request id, in any order, late.
"""

import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core import clock
from core.refusals import Invalid, Refusal, TooLarge
from monitoring import evidence
from monitoring.evidence import ID_MAX, PREDICTS, Unreadable
from serving.contract import EVIDENCE_STREAM, SHARES, FeaturePolicy, Inference

LINES, LINE_BYTES, BYTES = 10_000, 64 * 1024, 16 * 1024 * 1024
WAITING = 500_000  # entries on the stream at which more are not taken
AHEAD = timedelta(minutes=5)  # how far a clock elsewhere may run before this one
SHOWN = 100  # refused lines that are named
KNOWN = frozenset(
    {"request_id", "at", "version", "track", "rollout", "step", "share_pct", "status", "latency_ms", "unit"}
    | {"prediction", "score", "features"}
)  # fmt: skip
ANSWERED = 200
WHOLE = 100.0  # percent
LOT = random.SystemRandom()
GZIP = 31  # zlib's word for its frame


class StreamDown(Refusal):
    """Nobody takes evidence now; the same lines sent again later are counted once."""

    kind = "store_down"


@dataclass(frozen=True)
class Served:
    """What the lines are about. `digest_of` gives the digest of a version's files, nothing of one that is not here."""

    endpoint: str
    model: str
    policy: FeaturePolicy
    digest_of: Callable[[str], str]


@dataclass
class Taken:
    """How many lines were taken; which were refused, the first hundred of them with the reason."""

    taken: int = 0
    refused: int = 0
    problems: list[dict[str, object]] = field(default_factory=list)


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return what `body` says; raise Invalid for another encoding or broken gzip, TooLarge over 16 MiB."""
    if encoding not in {"", "identity", "gzip"}:
        raise Invalid("Content-Encoding is gzip, or left out.", field="Content-Encoding")
    if encoding == "gzip":
        stream = zlib.decompressobj(GZIP)
        try:
            body = stream.decompress(body, BYTES + 1)
        except zlib.error as why:
            raise Invalid("The body is no gzip.") from why
        if len(body) <= BYTES and not stream.eof:
            raise Invalid("The gzip is cut off.")
    if len(body) > BYTES:
        raise TooLarge(f"The lines are over {BYTES >> 20} MiB. Send them in parts.")
    return body


def hand_over(body: bytes, about: Served, put: Callable[[list[tuple[str, bytes]]], None]) -> Taken:
    """Put on the stream what each line says; lines sent again, or half of them, are counted once.

    `put` takes (kind, body) of entries. A wrong line is refused by its number and keeps no other back.
    """
    lines = [line for line in enumerate(body.split(b"\n"), 1) if line[1].strip()]
    if len(lines) > LINES:
        raise TooLarge(f"{len(lines):,} lines; send {LINES:,} at most together.")
    said, entries = Taken(), []
    for number, line in lines:
        try:
            entries += list(_entries(line, about))
            said.taken += 1
        except (Refusal, Unreadable) as why:
            said.refused += 1
            if len(said.problems) < SHOWN:
                said.problems.append({"line": number, "message": str(why)})
    put(entries)
    return said


def _entries(line: bytes, about: Served) -> Iterator[tuple[str, bytes]]:
    """Yield what the router, and what the model server would have told of one request."""
    if len(line) > LINE_BYTES:
        raise Invalid(f"A line is {LINE_BYTES >> 10} KiB at most.")
    said = _object(line)
    moment, version = _moment(said.get("at")), str(said.get("version", ""))
    routed = {
        "endpoint": about.endpoint, "path": PREDICTS, "request_id": said["request_id"], "time": moment.timestamp(),
        "rollout": said.get("rollout", ""), "step": said.get("step", ""), "track": _track(said),
        "share": _share(said), "unit": said.get("unit", ""), "status": _status(said),
        "duration_ms": _latency(said), "attempts": 1,
    }  # fmt: skip
    yield "routed", _checked("routed", routed)
    digest = about.digest_of(version)
    if not digest:
        raise Invalid(f"{about.model} has no version {version[:20] or '(none named)'} whose files are here.")
    if routed["status"] == ANSWERED:
        yield "inference", _checked("inference", _answer(said, routed, about, version, digest))


def _answer(
    said: Mapping[str, Any], routed: Mapping[str, Any], about: Served, version: str, digest: str
) -> dict[str, Any]:
    prediction = said.get("prediction")
    return {
        "type": Inference.KIND, "request_id": said["request_id"], "endpoint": about.endpoint, "model": about.model,
        "version": version, "digest": digest, "track": routed["track"], "at_ms": round(routed["time"] * 1000),
        "latency_ms": routed["duration_ms"], "status": routed["status"], "rows": 1, "prediction": prediction,
        "score": said.get("score"), "sample": _sample(said.get("features"), prediction, about.policy),
    }  # fmt: skip


def _sample(features: object, prediction: object, policy: FeaturePolicy) -> dict[str, Any] | None:
    """Return the values as a model server here would tell them: less what the model's data policy keeps back."""
    if features is None:
        return None
    if not isinstance(features, dict):
        raise Invalid("features is an object of a value by name.")
    if LOT.random() * WHOLE >= policy.share_pct:
        return None
    kept = {name: [_told(name, value, policy)] for name, value in features.items() if name not in policy.dropped}
    return {"of": 1, "columns": kept, "predictions": [prediction]}


def _told(name: str, value: object, policy: FeaturePolicy) -> object:
    return policy.digest_of(value) if name in policy.hashed and value is not None else value


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as why:
        raise Invalid("This is no JSON.") from why
    if not isinstance(said, dict):
        raise Invalid("A line is an object.")
    if more := sorted(said.keys() - KNOWN):
        raise Invalid(f"A line has no {more[0][:40]}; it has {', '.join(sorted(KNOWN))}.")
    if not isinstance(name := said.get("request_id"), str) or not 0 < len(name) <= ID_MAX:
        raise Invalid(f"request_id is a text of 1 to {ID_MAX} characters.")
    for name in ("rollout", "step", "unit"):
        if not isinstance(said.get(name, ""), str):
            raise Invalid(f"{name} is a text.")
    return said


def _moment(said: object) -> datetime:
    if not isinstance(said, str):
        raise Invalid("at is a moment such as 2026-11-24T15:00:00.250Z.")
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as why:
        raise Invalid("at is a moment such as 2026-11-24T15:00:00.250Z.") from why
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > clock.now() + AHEAD:
        raise Invalid("at is to come: look at the clock of the machine that sends it.")
    return min(moment, clock.now())


def _track(said: Mapping[str, Any]) -> str:
    if (track := said.get("track", "stable")) not in {"stable", "canary"}:
        raise Invalid("track is stable or canary.")
    return str(track)


def _share(said: Mapping[str, Any]) -> int:
    return round(_number(said, "share_pct", 0.0, 100.0, 100.0) / 100 * SHARES)


def _status(said: Mapping[str, Any]) -> int:
    return int(_number(said, "status", 100, 599, ANSWERED))


def _latency(said: Mapping[str, Any]) -> float:
    return _number(said, "latency_ms", 0.0, 3_600_000.0, None)


def _number(said: Mapping[str, Any], name: str, low: float, high: float, usual: float | None) -> float:
    value = said.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Invalid(f"{name} is a number from {low:g} to {high:g}.")
    return value


def _checked(kind: str, said: Mapping[str, Any]) -> bytes:
    """Return an entry's body, one that will be read."""
    try:
        body = json.dumps(said, allow_nan=False).encode()
    except ValueError as why:
        raise Invalid("NaN and infinity are no JSON; leave out what was not measured.") from why
    evidence.read(kind, body)
    return body


def onto_stream(entries: list[tuple[str, bytes]]) -> None:
    """Put entries on the stream; raise StreamDown where it does not answer, or is not read fast enough."""
    import redis  # noqa: PLC0415 - most processes do without

    from core import broker  # noqa: PLC0415 - the same

    try:
        stream = broker.connection()
        if stream.xlen(EVIDENCE_STREAM) > WAITING:
            raise StreamDown("Evidence comes faster than it is taken.", next_step="Send these lines again in a minute.")
        pipe = stream.pipeline(transaction=False)
        for kind, body in entries:
            pipe.xadd(EVIDENCE_STREAM, {"kind": kind, "body": body})
        pipe.execute()
    except redis.RedisError as why:
        raise StreamDown("Nobody takes evidence now.", next_step="Send these lines again in a minute.") from why

"""From files to the stream. A line may arrive twice after a crash, never not at all: readers know it by request id.

Records that a model writes beyond what it can have been asked are the exception: they are counted and dropped.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.contract import EVIDENCE_STREAM, ContractError, Desired, Inference, Layout, Routes, load
from serving.evidence.allowance import Allowances
from serving.evidence.excess import Excess
from serving.evidence.progress import Progress
from serving.evidence.tail import START, Mark, end, is_of_earlier, read, skip

if TYPE_CHECKING:
    import redis

SHADOW = "shadow"
BATCH_BYTES = 2**20
SKIP_BYTES = 4 * 2**20  # nothing in them is looked at
TELL_EVERY_S = 1.0
UNREADABLE_MAX = 2_000  # of a line that is no record
FULL = 1_000_000  # entries nobody has read yet; beyond, lines wait in their files


class Carrier:
    """One home's lines, carried: of each file so much a turn, so that none holds up another."""

    def __init__(self, layout: Layout, stream: "redis.Redis") -> None:
        self.layout, self.stream = layout, stream
        self.marks, kept = self._kept()
        self.begun, self.now, self.told = time.time(), time.monotonic(), 0.0
        self.allowances, self.excess = Allowances(kept, self.now), Excess()
        self.who: dict[str, Desired] = {}
        self.progress: defaultdict[str, Progress] = defaultdict(Progress)
        self.late: dict[str, float] = {}  # by endpoint of whose records some are left behind, up to when they are not
        self.router_is_behind = False

    def turn(self) -> int:
        """Carry what is new, of each file so much; return how many lines were carried or dropped.

        After a turn that left nothing of the router behind, the stream is told up to when it holds everything, and of
        which endpoints it does not. Raises redis.RedisError, and then nothing counts as carried.
        """
        if int(self.stream.xlen(EVIDENCE_STREAM)) > FULL:
            return 0
        self.begun, self.now = time.time(), time.monotonic()
        self.late.clear()
        logs = sorted(self.layout.root.glob("tmp/*/evidence.log"))
        self._know(path.parent.name for path in logs)
        carried = self._carry_routed() + sum(self._carry_records(path) for path in logs)
        self._tell_dropped()
        if not self.router_is_behind and self.begun - self.told >= TELL_EVERY_S:
            self._add("complete", [_dumped({"at": round(self.begun, 3), "but": self.late})])
            self.told = self.begun
        return carried

    def _know(self, replicas: Iterable[str]) -> None:
        self.allowances.grow(self.now)
        for replica in replicas:
            if replica not in self.allowances.whose and (desired := self._launched(replica)):
                self.allowances.begin(replica, desired.endpoint)

    def _carry_routed(self) -> int:
        path = self.layout.access_log
        before = self.marks.get(self._key(path), START)
        lines, mark = read(path, before, BATCH_BYTES)
        self.router_is_behind = _is_left(path, before, mark)
        if mark != before:
            self._add("routed", [line for line in lines if line])
            for endpoint, requests in _asked(lines).items():
                self.allowances.asked(endpoint, requests)
            self._come_to(path, mark)
        return len(lines)

    def _carry_records(self, path: Path) -> int:
        replica = path.parent.name
        before, allowed = self.marks.get(self._key(path), START), self.allowances.of(replica)
        last = end(path) or before
        lines, mark = read(path, before, BATCH_BYTES, allowed)
        over, beyond = skip(path, mark, SKIP_BYTES) if len(lines) >= allowed else (0, mark)
        dropped = over if self._is_dropped(replica, over) else 0
        mark = beyond if dropped else mark
        is_left = over > dropped or _is_left(path, before, mark)
        self._add("inference", self._signed_all(replica, lines))
        self.allowances.spend(replica, len(lines))
        self.excess.dropped[replica] += dropped
        self._note(replica, mark, last if is_left else mark, is_dropping=bool(dropped))
        if mark != before:
            self._come_to(path, mark)
        elif not over:
            self._forget(replica, path)
        return len(lines) + dropped

    def _is_dropped(self, replica: str, over: int) -> bool:
        if not over:
            self.excess.end(replica)
            return False
        return self.excess.is_dropped(replica, self.now, router_is_behind=self.router_is_behind)

    def _note(self, replica: str, mark: Mark, last: Mark, *, is_dropping: bool) -> None:
        """Note up to when the replica's records are carried. Those that wait may wait anew where others were let go."""
        known = self.progress[replica]
        if known.come(mark, last, self.begun) and not is_dropping:
            self.excess.end(replica)
        endpoint = self.allowances.whose.get(replica)
        if known.goal is None:
            self.allowances.settle(replica)
        elif endpoint is not None:
            self.late[endpoint] = min(round(known.whole, 3), self.late.get(endpoint, self.begun))

    def _tell_dropped(self) -> None:
        for replica, lines in self.excess.untold(self.now).items():
            endpoint = self.allowances.whose.get(replica, "")
            self._add("dropped", [_dumped({"endpoint": endpoint, "replica": replica, "lines": lines})])

    def _add(self, kind: str, bodies: list[bytes]) -> None:
        if not bodies:
            return
        pipe = self.stream.pipeline(transaction=False)
        for body in bodies:
            pipe.xadd(EVIDENCE_STREAM, {"kind": kind, "body": body})
        pipe.execute()

    def _key(self, path: Path) -> str:
        return str(path.relative_to(self.layout.root))

    def _come_to(self, path: Path, mark: Mark) -> None:
        self.marks[self._key(path)] = mark
        self._keep()

    def _forget(self, replica: str, path: Path) -> None:
        """Remove the last records of a replica that is no more, once they are carried."""
        if not self.layout.launched(replica).exists() and replica in self.who:
            for gone in (path, path.with_name(f"{path.name}.1")):
                gone.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()
            del self.who[replica]
            self.allowances.forget(replica)
            self.progress.pop(replica, None)
            self.marks.pop(self._key(path), None)

    def _signed_all(self, replica: str, lines: list[bytes]) -> list[bytes]:
        """Return the records, signed; what is none is carried as one text, with how many lines of it there were."""
        who = self._who(replica)
        signed = [_signed(who, line) for line in lines]
        junk = [line for line, said in zip(lines, signed, strict=True) if said is None]
        records = [said for said in signed if said is not None]
        if not junk:
            return records
        text = junk[0][:UNREADABLE_MAX].decode(errors="replace")
        return [*records, _dumped({"replica": replica, "lines": len(junk), "unreadable": text})]

    def _who(self, replica: str) -> dict[str, str]:
        """Return what is true of all that the replica says, as the runner launched it; nothing where nobody did."""
        if (desired := self._launched(replica)) is None:
            return {}
        track = {"track": SHADOW} if self._gets_copies(desired.endpoint, replica) else {}
        who = {"endpoint": desired.endpoint, "model": desired.model, "version": desired.version}
        return {**who, "digest": desired.digest, **track}

    def _gets_copies(self, endpoint: str, replica: str) -> bool:
        """Whether the replica gets copies alone: then what it says is no answer to a caller, whatever it calls it."""
        with suppress(FileNotFoundError, ContractError):
            tracks = load(self.layout.routes(endpoint), Routes).tracks
            return {way.track for way in tracks if replica in way.replicas} == {SHADOW}
        return False

    def _launched(self, replica: str) -> Desired | None:
        with suppress(FileNotFoundError, ContractError):  # it has stopped since: its last lines are still its own
            self.who[replica] = load(self.layout.launched(replica), Desired)
        return self.who.get(replica)

    def _kept(self) -> tuple[dict[str, Mark], dict[str, float]]:
        """Return how far each file was read, and what was left to its replica then."""
        try:
            said = json.loads(self.layout.carried.read_bytes())
            marks = {key: Mark(*mark[:2]) for key, mark in said.items()}
            return marks, {Path(key).parent.name: float(mark[2]) for key, mark in said.items() if mark[2:]}
        except FileNotFoundError:
            return {}, {}
        except (ValueError, TypeError, AttributeError) as why:
            sys.stderr.write(f"{self.layout.carried} cannot be read and is begun anew: {why}\n")
            return {}, {}

    def _keep(self) -> None:
        """Keep marks and allowances in one file, so that neither is ahead of the other."""
        self.layout.carried.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.layout.carried.with_suffix(".draft")
        left = self.allowances.left
        said = {key: [mark.inode, mark.offset, *_left_to(key, left)] for key, mark in self.marks.items()}
        draft.write_text(json.dumps(said))
        draft.replace(self.layout.carried)


def _left_to(key: str, left: dict[str, float]) -> list[float]:
    replica = Path(key).parent.name
    return [round(left[replica], 1)] if replica in left else []


def _is_left(path: Path, before: Mark, mark: Mark) -> bool:
    """Whether there is more than what was taken from `before` to `mark`, in the file or in its successor."""
    taken = mark.offset - (before.offset if before.inode == mark.inode else 0)
    return taken >= BATCH_BYTES // 2 or is_of_earlier(path, mark)


def _asked(lines: Iterable[bytes]) -> Counter[str]:
    """Return by endpoint how many times the router's lines say that a version was asked."""
    asked: Counter[str] = Counter()
    for line in lines:
        with suppress(ValueError, TypeError, AttributeError, RecursionError):
            said = json.loads(line)
            if said.get("endpoint") and said.get("track"):
                asked[str(said["endpoint"])] += max(1, int(said.get("attempts") or 1))
    return asked


def _signed(who: dict[str, str], line: bytes) -> bytes | None:
    """Return the record with who said it; None for what is no record, or of nobody.

    The model writes these lines, so anything may stand there.
    """
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not who or not isinstance(said, dict) or said.get("type") != Inference.KIND:
        return None
    return _dumped({**said, **who})


def _dumped(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")

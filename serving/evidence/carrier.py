"""From files to the stream. A line may arrive twice after a crash, never not at all: readers know it by request id."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.contract import EVIDENCE_STREAM, ContractError, Desired, Inference, Layout, Routes, load
from serving.evidence.tail import START, Mark, read

if TYPE_CHECKING:
    import redis

SHADOW = "shadow"
BATCH_BYTES = 2**20
UNREADABLE_MAX = 2_000  # of a line that is no record
FULL = 1_000_000  # entries nobody has read yet; beyond, lines wait in their files


class Carrier:
    """One home's lines, carried."""

    def __init__(self, layout: Layout, stream: "redis.Redis") -> None:
        self.layout, self.stream = layout, stream
        self.marks = self._kept()
        self.who: dict[str, Desired] = {}

    def turn(self) -> int:
        """Carry what is new; return how many lines. Raises redis.RedisError, and then nothing counts as carried."""
        if int(self.stream.xlen(EVIDENCE_STREAM)) > FULL:
            return 0
        carried = self._carry("routed", self.layout.access_log, None)
        for path in sorted(self.layout.root.glob("tmp/*/evidence.log")):
            carried += self._carry("inference", path, path.parent.name)
        return carried

    def _carry(self, kind: str, path: Path, replica: str | None) -> int:
        key = str(path.relative_to(self.layout.root))
        before = self.marks.get(key, START)
        lines, mark = read(path, before, BATCH_BYTES)
        if mark == before:
            return 0
        bodies = lines if replica is None else [self._signed(replica, line) for line in lines]
        pipe = self.stream.pipeline(transaction=False)
        for body in bodies:
            pipe.xadd(EVIDENCE_STREAM, {"kind": kind, "body": body})
        pipe.execute()
        self.marks[key] = mark
        self._keep()
        return len(bodies)

    def _signed(self, replica: str, line: bytes) -> bytes:
        """Return the record with who said it, as the runner launched it.

        The model writes these lines, so anything may stand there: what is no record is carried as a text of its
        replica, which whoever reads the stream puts aside.
        """
        desired = self._launched(replica)
        try:
            said: Any = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if desired is None or not isinstance(said, dict) or said.get("type") != Inference.KIND:
            return _dumped({"replica": replica, "unreadable": line[:UNREADABLE_MAX].decode(errors="replace")})
        who = {
            "endpoint": desired.endpoint,
            "model": desired.model,
            "version": desired.version,
            "digest": desired.digest,
        }
        track = {"track": SHADOW} if self._gets_copies(desired.endpoint, replica) else {}
        return _dumped({**said, **who, **track})

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

    def _kept(self) -> dict[str, Mark]:
        try:
            said = json.loads(self.layout.carried.read_bytes())
            return {key: Mark(*mark) for key, mark in said.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as why:
            sys.stderr.write(f"{self.layout.carried} cannot be read and is begun anew: {why}\n")
            return {}

    def _keep(self) -> None:
        self.layout.carried.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.layout.carried.with_suffix(".draft")
        draft.write_text(json.dumps({key: [mark.inode, mark.offset] for key, mark in self.marks.items()}))
        draft.replace(self.layout.carried)


def _dumped(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")

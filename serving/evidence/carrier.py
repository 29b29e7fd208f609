"""From files to the stream. A line may arrive twice after a crash, never not at all: readers know it by request id."""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.contract import EVIDENCE_STREAM, ContractError, Desired, Inference, Layout, Routes, load
from serving.evidence.tail import START, Mark, is_of_earlier, read

if TYPE_CHECKING:
    import redis

SHADOW = "shadow"
BATCH_BYTES = 2**20
TELL_EVERY_S = 1.0
UNREADABLE_MAX = 2_000  # of a line that is no record
FULL = 1_000_000  # entries nobody has read yet; beyond, lines wait in their files


class Carrier:
    """One home's lines, carried."""

    def __init__(self, layout: Layout, stream: "redis.Redis") -> None:
        self.layout, self.stream = layout, stream
        self.marks = self._kept()
        self.who: dict[str, Desired] = {}
        self.behind, self.told = False, 0.0

    def turn(self) -> int:
        """Carry what is new, of each file so much; return how many lines.

        After a turn that left nothing behind, the stream is told up to when it holds everything. Raises
        redis.RedisError, and then nothing counts as carried.
        """
        if int(self.stream.xlen(EVIDENCE_STREAM)) > FULL:
            return 0
        begun, self.behind = time.time(), False
        carried = self._carry("routed", self.layout.access_log, None)
        for path in sorted(self.layout.root.glob("tmp/*/evidence.log")):
            carried += self._carry("inference", path, path.parent.name)
        if not self.behind and begun - self.told >= TELL_EVERY_S:
            self.stream.xadd(EVIDENCE_STREAM, {"kind": "complete", "body": f"{begun:.3f}"})
            self.told = begun
        return carried

    def _carry(self, kind: str, path: Path, replica: str | None) -> int:
        key = str(path.relative_to(self.layout.root))
        before = self.marks.get(key, START)
        lines, mark = read(path, before, BATCH_BYTES)
        if mark == before:
            if replica is not None:
                self._forget(replica, path)
            return 0
        is_much = sum(map(len, lines)) >= BATCH_BYTES // 2
        self.behind = self.behind or is_much or is_of_earlier(path, mark)
        bodies = lines if replica is None else self._signed_all(replica, lines)
        pipe = self.stream.pipeline(transaction=False)
        for body in bodies:
            pipe.xadd(EVIDENCE_STREAM, {"kind": kind, "body": body})
        pipe.execute()
        self.marks[key] = mark
        self._keep()
        return len(bodies)

    def _forget(self, replica: str, path: Path) -> None:
        """Remove the last records of a replica that is no more, once they are carried."""
        if not self.layout.launched(replica).exists() and replica in self.who:
            for gone in (path, path.with_name(f"{path.name}.1")):
                gone.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()
            del self.who[replica]

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

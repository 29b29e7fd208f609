"""Thirteen ways to tamper with a ledger, in the database and in an export; each is named with its first bad number."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction

from accounts.actors import COMMAND
from audit import export, merkle, notes, seal
from audit.models import Checkpoint, Event, Seal
from audit.record import Change, Subject, record
from audit.verify import Report, verify
from tests.audit.intruder import unguarded
from tests.sealing import sealed

pytestmark = pytest.mark.postgresql
SIZE, HALF = 9, 5  # events, and how many the first checkpoint signs
INTRUDER = notes.Signer(notes.ORIGIN, Ed25519PrivateKey.from_private_bytes(b"i" * 32))


@pytest.fixture(autouse=True)
def ledger(committed: None) -> None:
    """Nine events under two checkpoints; the home's file of checkpoints begins with them."""
    Path(settings.CHECKPOINT_FILE).unlink(missing_ok=True)
    for upto in (HALF, SIZE):
        for number in range(Seal.objects.count(), upto):
            with transaction.atomic():
                about = Subject("registered_model", str(number), f"m{number}")
                record("model.created", about, actor=COMMAND, change=Change(comment="größer"))
        while not Checkpoint.objects.filter(size=upto).exists():
            sealed()


def literal(value: bytes) -> str:
    return f"X'{value.hex()}'" if connection.vendor == "sqlite" else f"'\\x{value.hex()}'"


def event_id(seq: int) -> int:
    return Seal.objects.get(seq=seq).event_id


def body(seq: int) -> bytes:
    return bytes(Seal.objects.get(seq=seq).event.body)


def changed(seq: int, **parts: object) -> bytes:
    said = {**json.loads(body(seq)), **parts}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def put_body(seq: int, to: bytes, *, leaf: bool = False) -> list[str]:
    """Return what writes another body, with the leaf and seal that fit it if asked for."""
    fitting, hit = literal(merkle.leaf_hash(to)), event_id(seq)
    wanted = [f"UPDATE audit_event SET body = {literal(to)} WHERE id = {hit}"]
    if leaf:
        wanted += [
            f"UPDATE audit_event SET leaf = {fitting} WHERE id = {hit}",
            f"UPDATE audit_seal SET leaf = {fitting} WHERE seq = {seq}",
        ]
    return wanted


COPIED = [str(field.column) for field in Event._meta.fields if not field.primary_key]


def again(seq: int, under: int) -> list[str]:
    """Return what writes the event a second time and seals the copy under another number, the rest moved up by one."""
    columns = ", ".join(COPIED)
    copy = f"INSERT INTO audit_event ({columns}) SELECT {columns} FROM audit_event WHERE id = {event_id(seq)}"
    moved = [f"UPDATE audit_seal SET seq = {n + 1} WHERE seq = {n}" for n in range(SIZE - 1, under - 1, -1)]
    leaf = literal(bytes(Seal.objects.get(seq=seq).leaf))
    return [
        copy, *moved, f"INSERT INTO audit_seal (seq, event_id, leaf) SELECT {under}, max(id), {leaf} FROM audit_event",
    ]  # fmt: skip


def swapped(one: int, other: int) -> list[str]:
    """Return what gives two events one another's place, seals and all."""
    rows = {seq: Seal.objects.get(seq=seq) for seq in (one, other)}
    moves = [f"UPDATE audit_seal SET event_id = -seq WHERE seq IN ({one}, {other})"]
    for seq, row in ((one, rows[other]), (other, rows[one])):
        leaf = literal(bytes(row.leaf))
        moves.append(f"UPDATE audit_seal SET event_id = {row.event_id}, leaf = {leaf} WHERE seq = {seq}")
    return moves


def resealed(signer: notes.Signer, leaves: list[bytes]) -> list[str]:
    """Return what signs both checkpoints anew over other leaves."""
    statements = []
    for size in (HALF, SIZE):
        frontier = merkle.Frontier()
        frontier.extend(leaves[:size])
        note = signer.sign(notes.checkpoint_text(notes.ORIGIN, size, frontier.root())).replace("'", "''")
        root, nodes = literal(frontier.root()), literal(frontier.dump())
        statements.append(
            f"UPDATE audit_checkpoint SET note = '{note}', root = {root}, frontier = {nodes} WHERE size = {size}"
        )
    return statements


def leaves_with(seq: int, to: bytes) -> list[bytes]:
    leaves = [bytes(leaf) for leaf in Seal.objects.order_by("seq").values_list("leaf", flat=True)]
    leaves[seq] = merkle.leaf_hash(to)
    return leaves


def rolled_back() -> list[str]:
    return [f"DELETE FROM audit_checkpoint WHERE size > {HALF}", f"DELETE FROM audit_seal WHERE seq >= {HALF}",
            "DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_seal)"]  # fmt: skip


def other_actor() -> bytes:
    return changed(3, actor={**json.loads(body(3))["actor"], "name": "rita"})


@dataclass(frozen=True)
class Attack:
    """What an intruder who owns the database writes, and the number the verifier names."""

    statements: Callable[[], list[str]]
    first_bad: int
    anchored: bool = False  # told by a copy kept outside only


ATTACKS = {
    "changed body": Attack(lambda: put_body(3, changed(3, comment="kleiner")), 3),
    "deleted": Attack(lambda: [f"DELETE FROM audit_event WHERE id = {event_id(3)}"], 3),
    "inserted": Attack(lambda: again(7, 2), 0),
    "reordered": Attack(lambda: swapped(6, 7), HALF),
    "truncated tail": Attack(lambda: [f"DELETE FROM audit_seal WHERE seq >= {SIZE - 2}"], SIZE - 2),
    "replaced seal": Attack(lambda: [f"UPDATE audit_seal SET leaf = {literal(b'x' * 32)} WHERE seq = 3"], 3),
    "forged checkpoint": Attack(
        lambda: [f"UPDATE audit_checkpoint SET note = replace(note, '{SIZE}', '8') WHERE size = {SIZE}"], HALF
    ),
    "swapped key": Attack(lambda: resealed(INTRUDER, leaves_with(3, body(3))), 0),
    "rolled back": Attack(rolled_back, HALF, anchored=True),
    "changed time": Attack(lambda: put_body(3, changed(3, at="2020-01-01T00:00:00.000000Z"), leaf=True), 0),
    "changed actor": Attack(lambda: put_body(6, changed(6, actor={**json.loads(body(6))["actor"], "name": "x"})), 6),
    "duplicated": Attack(lambda: again(SIZE - 1, SIZE), SIZE),
    "re-sealed": Attack(
        lambda: [
            *put_body(3, other_actor(), leaf=True),
            f"UPDATE audit_event SET actor_name = 'rita' WHERE id = {event_id(3)}",
            *resealed(seal.signer(), leaves_with(3, other_actor())),
        ],
        0,
        anchored=True,
    ),
}


def verified(anchors: list[str]) -> Report:
    return verify(seal.signer().verifier_key, anchors=anchors)


@pytest.mark.parametrize("name", ATTACKS)
def test_tampering_with_the_database_is_named(name: str) -> None:
    kept = [row.note for row in Checkpoint.objects.order_by("size")]
    assert verified(kept).ok
    attack = ATTACKS[name]
    unguarded(*attack.statements())
    if attack.anchored:
        assert verified([]).ok, "it should be told by the outside copy alone"
    report = verified(kept if attack.anchored else [])
    assert (report.ok, report.first_bad) == (False, attack.first_bad), report.problems


def unpacked(folder: Path) -> Path:
    with (folder / "ledger.zip").open("wb") as out:
        export.write_zip(out)
    zipfile.ZipFile(folder / "ledger.zip").extractall(folder / "pack")
    return folder / "pack"


def told(pack: Path, *copies: Path) -> str:
    """Return what the verifier says, run alone: no site packages, no environment."""
    command = [sys.executable, "-I", "-S", "verify_ledger.py", ".", *map(str, copies)]
    done = subprocess.run(command, cwd=pack, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if done.stdout.startswith("ok") else 1), done.stdout + done.stderr
    return done.stdout


def lines_of(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def edit(pack: Path, change: Callable[[list[bytes]], object], *, seals: bool = False) -> None:
    """Change the lines of the events; `seals`: give each the seal that fits it, as an intruder would who knows how."""
    lines = lines_of(pack / "events.jsonl")
    change(lines)
    (pack / "events.jsonl").write_bytes(b"".join(lines))
    if seals:
        fitting = (merkle.leaf_hash(line.rstrip(b"\n")).hex() + "\n" for line in lines)
        (pack / "seals.txt").write_text("".join(fitting))


def replaced(seq: int, old: bytes, new: bytes) -> Callable[[list[bytes]], object]:
    def change(lines: list[bytes]) -> None:
        assert old in lines[seq]
        lines[seq] = lines[seq].replace(old, new)

    return change


def swap(lines: list[bytes]) -> None:
    lines[6], lines[7] = lines[7], lines[6]


def put_seal(pack: Path) -> None:
    lines = lines_of(pack / "seals.txt")
    lines[3] = b"ab" * 32 + b"\n"
    (pack / "seals.txt").write_bytes(b"".join(lines))


def forge(pack: Path) -> None:
    text = (pack / "checkpoints.txt").read_text()
    (pack / "checkpoints.txt").write_text(text.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"))


def swap_key(pack: Path) -> None:
    (pack / "ledger.pub").write_text(INTRUDER.verifier_key + "\n")


def put_back(pack: Path) -> None:
    """Make it the export of an older day, honest in itself."""
    edit(pack, lambda lines: lines.__delitem__(slice(HALF, None)), seals=True)
    (pack / "checkpoints.txt").write_text(Checkpoint.objects.get(size=HALF).note)


def sign_anew(pack: Path) -> None:
    edit(pack, replaced(3, b'"name":"system"', b'"name":"rita"'), seals=True)
    frontier = merkle.Frontier()
    frontier.extend([merkle.leaf_hash(line.rstrip(b"\n")) for line in lines_of(pack / "events.jsonl")])
    note = seal.signer().sign(notes.checkpoint_text(notes.ORIGIN, SIZE, frontier.root()))
    (pack / "checkpoints.txt").write_text(note)


OFFLINE: dict[str, tuple[Callable[[Path], object], int]] = {
    "changed body": (lambda pack: edit(pack, replaced(3, "größer".encode(), b"kleiner")), 3),
    "deleted": (lambda pack: edit(pack, lambda lines: lines.pop(3)), 3),
    "inserted": (lambda pack: edit(pack, lambda lines: lines.insert(2, lines[0]), seals=True), 0),
    "reordered": (lambda pack: edit(pack, swap, seals=True), HALF),
    "truncated tail": (lambda pack: edit(pack, lambda lines: lines.pop(), seals=True), SIZE - 1),
    "replaced seal": (put_seal, 3),
    "forged checkpoint": (forge, HALF),
    "swapped key": (swap_key, 0),
    "rolled back": (put_back, HALF),
    "changed time": (lambda pack: edit(pack, replaced(6, b'"at":"20', b'"at":"19')), 6),
    "changed actor": (lambda pack: edit(pack, replaced(6, b'"name":"system"', b'"name":"rita"'), seals=True), HALF),
    "duplicated": (lambda pack: edit(pack, lambda lines: lines.append(lines[2]), seals=True), SIZE),
    "re-sealed": (sign_anew, 0),
}
TOLD_BY_COPIES = {"rolled back", "re-sealed"}


@pytest.mark.parametrize("name", OFFLINE)
def test_tampering_with_an_export_is_named(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("\n".join(row.note for row in Checkpoint.objects.order_by("size")))
    pack = unpacked(tmp_path)
    assert told(pack, kept).startswith(f"ok: {SIZE} events signed, 0 newer")
    attack, first_bad = OFFLINE[name]
    attack(pack)
    if name in TOLD_BY_COPIES:
        assert told(pack).startswith("ok"), "it should be told by the outside copy alone"
    said = told(pack, kept) if name in TOLD_BY_COPIES else told(pack)
    assert said.startswith(f"BROKEN at #{first_bad}: "), said

import json
import sqlite3
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.actors import COMMAND
from audit import copies, seal, triggers
from audit.checks import missing_triggers
from audit.copies import own_copies
from audit.merkle import leaf_hash
from audit.models import Checkpoint, Event, Seal
from audit.notes import ORIGIN, checkpoint_text
from audit.record import Change, Subject, record
from audit.verify import Report, split_notes, verify
from tests.audit.intruder import unguarded
from tests.sealing import sealed

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


def write(count: int = 5) -> None:
    for number in range(count):
        with transaction.atomic():
            record(
                "model.created",
                Subject("registered_model", str(number), f"model {number}"),
                actor=COMMAND,
                change=Change(comment="ü"),
            )


def verified(anchors: list[str] | None = None) -> Report:
    return verify(seal.signer().verifier_key, anchors=anchors)


def test_events_are_numbered_without_a_gap_and_signed() -> None:
    write(7)
    sealed()
    assert list(Seal.objects.order_by("seq").values_list("seq", flat=True)) == list(range(Seal.objects.count()))
    report = verified()
    assert report.ok
    assert report.size == Event.objects.count() == Checkpoint.objects.latest("size").size
    assert report.unsealed == 0


def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        record("model.created", Subject("x", "1", "x"), actor=COMMAND)


def test_an_event_the_catalogue_does_not_have_is_refused() -> None:
    with pytest.raises(LookupError), transaction.atomic():
        record("model.exploded", Subject("x", "1", "x"), actor=COMMAND)


def test_a_change_that_is_rolled_back_leaves_no_event() -> None:
    before = Event.objects.count()
    with transaction.atomic():
        record("model.created", Subject("x", "1", "x"), actor=COMMAND)
        transaction.set_rollback(True)
    assert Event.objects.count() == before


STATEMENTS = [
    "UPDATE audit_event SET action = 'x'",
    "DELETE FROM audit_event",
    "UPDATE audit_seal SET seq = seq + 100",
    "DELETE FROM audit_seal",
    "UPDATE audit_checkpoint SET note = 'x'",
    "DELETE FROM audit_checkpoint",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_changes_the_ledger(statement: str) -> None:
    write()
    sealed()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verified().ok


def test_insert_or_replace_and_truncate_are_refused() -> None:
    write()
    sealed()
    attack = (
        "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event LIMIT 1"
        if connection.vendor == "sqlite"
        else "TRUNCATE audit_event CASCADE"
    )
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_every_guard_stands_after_all_migrations_and_a_dropped_one_is_named() -> None:
    assert missing_triggers() == []
    unguarded()
    assert missing_triggers() == sorted(triggers.expected_triggers(connection.vendor))


def test_a_changed_byte_is_found_and_its_number_named() -> None:
    write(6)
    sealed()
    victim = Seal.objects.order_by("seq")[4]
    body = bytes(victim.event.body).replace(b"command", b"commanx").hex()
    literal = f"X'{body}'" if connection.vendor == "sqlite" else f"'\\x{body}'"
    unguarded(f"UPDATE audit_event SET body = {literal} WHERE id = {victim.event_id}")
    report = verified()
    assert not report.ok
    assert report.first_bad == victim.seq


def test_a_removed_tail_is_found_by_the_outside_copy_even_where_checkpoints_went_with_it() -> None:
    write(6)
    sealed()
    outside = [Checkpoint.objects.latest("size").note]
    unguarded(
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_seal WHERE seq >= 3",
    )
    assert not verified(outside).ok
    assert any("states" in problem for problem in verified(outside).problems)


def test_sealing_goes_on_after_a_restore_under_a_younger_transaction_counter() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite seals as it writes")
    write(1)
    values = Event.objects.values(*(field.attname for field in Event._meta.fields if not field.primary_key)).get()
    bodies = [bytes(values["body"]).replace(b'"comment":"', b'"comment":"%d ' % place) for place in range(2)]
    first, _ = (
        Event.objects.create(**{**values, "xact": 10**12 + place, "body": body, "leaf": leaf_hash(body)})
        for place, body in enumerate(bodies)
    )
    Seal.objects.create(seq=0, event=first, leaf=first.leaf)
    write(3)
    sealed()
    assert verified().ok
    assert verified().unsealed == 0
    assert Seal.objects.count() == Event.objects.count() == 6
    write(1)
    sealed()
    assert Seal.objects.latest("seq").event_id == Event.objects.latest("id").pk


def test_look_up_columns_that_lie_are_found() -> None:
    write(3)
    sealed()
    victim = Seal.objects.get(seq=1)
    unguarded(f"UPDATE audit_event SET actor_name = 'somebody' WHERE id = {victim.event_id}")
    assert verified().first_bad == 1


def test_the_checkpoint_is_copied_outside_and_verifies_from_there() -> None:
    Path(settings.CHECKPOINT_FILE).unlink(missing_ok=True)
    write(4)
    sealed()
    kept = split_notes(Path(settings.CHECKPOINT_FILE).read_text())
    assert verified(kept).anchors == len(kept) >= 1
    assert verified(kept).ok


def test_a_checkpoint_cut_off_by_a_full_disk_spoils_no_other() -> None:
    path = Path(settings.CHECKPOINT_FILE)
    path.unlink(missing_ok=True)
    write(2)
    sealed()
    path.write_text(path.read_text() + "signoff/ledger\n12")
    before = len(own_copies().notes)
    write(2)
    sealed()
    kept = own_copies()
    assert len(kept.notes) > before
    report = verify(seal.signer().verifier_key, kept=kept)
    assert (report.ok, report.copies) == (True, len(kept.notes))


def test_what_could_not_be_copied_is_told_and_copied_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").touch()
    monkeypatch.setattr(settings, "CHECKPOINT_FILE", tmp_path / "folder" / "checkpoints.txt")
    write(2)
    sealed()
    assert "Not a directory; there is no copy yet" in copies.trouble()
    (tmp_path / "folder").unlink()
    copies.catch_up()
    copies.catch_up()
    assert not copies.trouble()
    sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
    assert len(own_copies().notes) == len(sizes) >= 1


def test_a_checkpoint_that_is_gone_from_the_database_is_named() -> None:
    path = Path(settings.CHECKPOINT_FILE)
    path.unlink(missing_ok=True)
    write(3)
    sealed()
    size = Checkpoint.objects.latest("size").size
    unguarded("DELETE FROM audit_checkpoint")
    report = verify(seal.signer().verifier_key, kept=own_copies())
    assert report.problems == [f"checkpoint 1 of {path.name}, of {size} events, is gone from the database"]


def test_the_homes_own_checkpoints_tell_of_events_that_are_gone() -> None:
    path = Path(settings.CHECKPOINT_FILE)
    path.unlink(missing_ok=True)
    write(2)
    sealed()
    size = Checkpoint.objects.latest("size").size
    path.write_text(path.read_text() + seal.signer().sign(checkpoint_text(ORIGIN, size + 3, b"x" * 32)))
    report = verify(seal.signer().verifier_key, kept=own_copies())
    assert report.first_bad == size
    assert f"states {size + 3} events, the ledger holds {size}" in report.problems[0]


def test_bodies_are_kept_as_canonical_json() -> None:
    write(1)
    body = bytes(Event.objects.latest("id").body)
    said = json.loads(body)
    assert said["type"] == "signoff.event/1"
    assert said["actor"]["via"] == "command"
    assert json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == body


def test_a_plain_sqlite_client_cannot_change_the_file_either() -> None:
    if connection.vendor != "sqlite":
        return
    write(2)
    with (
        sqlite3.connect(connection.settings_dict["NAME"]) as other,
        pytest.raises(sqlite3.DatabaseError, match="append-only"),
    ):
        other.execute("UPDATE audit_event SET action = 'x'")

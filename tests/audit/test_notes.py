from pathlib import Path
from typing import Any

import pytest

from audit import notes, seal


def test_a_note_opens_with_its_key_and_not_when_a_byte_changed(tmp_path: Path) -> None:
    signer = notes.kept_signer(tmp_path, "signoff/ledger")
    note = signer.sign(notes.checkpoint_text("signoff/ledger", 7, b"r" * 32))
    assert notes.opened(note, signer.verifier_key) == notes.Statement("signoff/ledger", 7, b"r" * 32)
    with pytest.raises(ValueError, match="signature is wrong"):
        notes.opened(note.replace("\n7\n", "\n8\n"), signer.verifier_key)


def test_a_note_of_another_key_is_refused(tmp_path: Path) -> None:
    signer, other = notes.kept_signer(tmp_path / "a", "x"), notes.kept_signer(tmp_path / "b", "x")
    with pytest.raises(ValueError, match="no signature by x"):
        notes.opened(other.sign("x\n1\nAA==\n"), signer.verifier_key)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = notes.kept_signer(tmp_path, "x")
    assert notes.kept_signer(tmp_path, "x").public == first.public
    assert (tmp_path / "ledger.key").stat().st_mode & 0o077 == 0


def test_a_public_key_that_people_keep_is_held_against_the_one_that_signs(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    kept = tmp_path / "keys" / "ledger.pub"
    assert seal.signer().verifier_key == kept.read_text().strip()
    assert seal.altered_key() == ""
    kept.write_text(kept.read_text().replace("+", "-"))
    assert "is not the key that signs" in seal.altered_key()
    kept.unlink()
    assert seal.altered_key() == "", "made again"

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.db import transaction

from accounts.actors import COMMAND
from audit import export, proof, seal
from audit.merkle import root_from_path
from audit.models import Checkpoint, Seal
from audit.notes import opened
from audit.record import Change, Subject, record

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


@pytest.fixture
def unpacked(committed: None, tmp_path: Path) -> Path:
    for number in range(9):
        with transaction.atomic():
            record(
                "model.created",
                Subject("registered_model", str(number), f"m{number}"),
                actor=COMMAND,
                change=Change(comment="größer"),
            )
    while Seal.objects.count() < 9:
        seal.seal()
    seal.seal()
    zipfile.ZipFile(io.BytesIO(export.as_zip())).extractall(tmp_path / "pack")
    return tmp_path / "pack"


def check(folder: Path) -> tuple[int, str]:
    """Run the verifier alone: no site packages, no environment."""
    command = [sys.executable, "-I", "-S", "verify_ledger.py", "events.jsonl", "checkpoints.txt", "ledger.pub"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_an_export_verifies_with_nothing_but_python(unpacked: Path) -> None:
    code, said = check(unpacked)
    assert (code, said.split(",")[0]) == (0, f"ok: {Seal.objects.count()} events signed")


def test_a_changed_word_is_found_offline(unpacked: Path) -> None:
    lines = (unpacked / "events.jsonl").read_text().splitlines()
    said = json.loads(lines[3])
    said["body"] = said["body"].replace("m3", "m4")
    lines[3] = json.dumps(said)
    (unpacked / "events.jsonl").write_text("\n".join(lines) + "\n")
    code, words = check(unpacked)
    assert code == 1
    assert words.startswith("BROKEN at #")


def test_a_missing_line_is_named(unpacked: Path) -> None:
    lines = (unpacked / "events.jsonl").read_text().splitlines()
    (unpacked / "events.jsonl").write_text("\n".join(lines[:4] + lines[5:]) + "\n")
    assert check(unpacked) == (1, "BROKEN at #4: the next event is #5\n")


def test_a_foreign_key_and_a_forged_checkpoint_are_refused(unpacked: Path) -> None:
    text = (unpacked / "checkpoints.txt").read_text()
    size = Checkpoint.objects.latest("size").size
    (unpacked / "checkpoints.txt").write_text(text.replace(f"\n{size}\n", f"\n{size - 1}\n"))
    code, words = check(unpacked)
    assert code == 1
    assert "signature" in words


def test_one_event_is_proved_by_its_path(unpacked: Path) -> None:
    found = proof.inclusion(5)
    said = opened(found.checkpoint, found.verifier_key)
    assert root_from_path(bytes.fromhex(found.leaf), 5, said.size, [bytes.fromhex(n) for n in found.path]) == said.root

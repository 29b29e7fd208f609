import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from jsonschema import Draft202012Validator

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
    Path(settings.CHECKPOINT_FILE).unlink(missing_ok=True)  # of other tests' ledgers
    out = io.BytesIO()
    export.write_zip(out)
    zipfile.ZipFile(out).extractall(tmp_path / "pack")
    return tmp_path / "pack"


def check(*words: str, folder: Path) -> tuple[int, str]:
    """Run the verifier alone: no site packages, no environment."""
    command = [sys.executable, "-I", "-S", "verify_ledger.py", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_an_export_verifies_with_nothing_but_python(unpacked: Path) -> None:
    code, said = check(folder=unpacked)
    held = f"{Checkpoint.objects.count()} checkpoints\n"
    assert (code, said.split(",")[0]) == (0, f"ok: {Seal.objects.count()} events signed")
    assert said.endswith(held)
    assert check(".", "checkpoints.txt", folder=unpacked)[1].endswith(held), "a copy of the same says nothing more"


def test_every_event_is_as_the_schema_says(unpacked: Path) -> None:
    rules = Draft202012Validator(json.loads((unpacked / "event.schema.json").read_text()))
    for line in (unpacked / "events.jsonl").read_text().splitlines():
        rules.validate(json.loads(line))


def test_the_verifier_refuses_other_words_and_what_it_cannot_read(unpacked: Path) -> None:
    assert check("--help", folder=unpacked)[0] == 2
    assert check("nowhere", folder=unpacked)[0] == 2
    (unpacked / "seals.txt").write_text("no hex\n" * 9)
    assert check(folder=unpacked)[0] == 2


def test_the_command_writes_the_same_and_says_so_in_the_ledger(unpacked: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.zip"
    call_command("audit_export", str(file))
    zipfile.ZipFile(file).extractall(tmp_path / "again")
    assert check(folder=tmp_path / "again")[0] == 0
    last = (tmp_path / "again" / "events.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["action"] == "ledger.exported"
    with pytest.raises(CommandError, match="Name a new file"):
        call_command("audit_export", str(file))


def test_one_event_is_proved_by_its_path(unpacked: Path) -> None:
    found = proof.inclusion(5)
    said = opened(found.checkpoint, found.verifier_key)
    assert root_from_path(bytes.fromhex(found.leaf), 5, said.size, [bytes.fromhex(n) for n in found.path]) == said.root

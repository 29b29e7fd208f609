"""A home is copied, its guards dropped and one byte changed: the copy verifies, the changed one names the event."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.faults


def manage(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("SIGNOFF_", "DJANGO_"))}
    command = [sys.executable, "manage.py", *words, "--home", str(home)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    first = tmp_path / "first"
    assert manage(first, "migrate", "--verbosity", "0").returncode == 0
    for name in ("dana", "rita", "aude"):
        assert manage(first, "create_user", name, "--role", "auditor").returncode == 0
    assert manage(first, "audit_seal").returncode == 0
    return first


def test_a_copied_home_verifies_and_a_changed_byte_in_it_is_named(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    whole = manage(copy, "audit_verify", "--anchor", str(home / "checkpoints.txt"), "--json")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert json.loads(whole.stdout)["anchors"] >= 1
    with sqlite3.connect(copy / "signoff.sqlite3") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        body = database.execute("SELECT body FROM audit_event WHERE id = 2").fetchone()[0]
        database.execute("UPDATE audit_event SET body = ? WHERE id = 2", (body.replace(b"rita", b"rito"),))
    broken = manage(copy, "audit_verify", "--json")
    assert broken.returncode == 1
    said = json.loads(broken.stdout)
    assert said["first_bad"] == 1
    assert any("lost its guards" in problem for problem in said["problems"])
    assert manage(home, "audit_verify").returncode == 0

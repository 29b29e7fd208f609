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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first = tmp_path_factory.mktemp("made") / "home"
    assert manage(first, "migrate", "--verbosity", "0").returncode == 0
    for name in ("dana", "rita", "aude"):
        assert manage(first, "create_user", name, "--role", "auditor").returncode == 0
    assert manage(first, "audit_seal").returncode == 0
    return first


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "first"))


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


def test_a_database_put_back_to_an_older_state_is_named_by_the_homes_own_checkpoints(home: Path) -> None:
    older = (home / "signoff.sqlite3").read_bytes()
    assert manage(home, "create_user", "olga", "--role", "ops").returncode == 0
    assert manage(home, "audit_seal").returncode == 0
    whole = manage(home, "audit_verify")
    assert f"held against 2 checkpoints in {home / 'checkpoints.txt'} and no outside copy" in whole.stdout, whole.stdout
    for name in ("signoff.sqlite3-wal", "signoff.sqlite3-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "signoff.sqlite3").write_bytes(older)
    broken = manage(home, "audit_verify")
    assert broken.returncode == 1
    assert "checkpoint 2 of checkpoints.txt states" in broken.stdout
    (home / "checkpoints.txt").unlink()
    alone = manage(home, "audit_verify")
    assert alone.returncode == 0
    assert "is not there: the ledger was not held against it" in alone.stderr


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'rita', 'rito')",  # text now, where bytes were
        "leaf = 'x'",
        "at = '2026-99-99 00:00:00'",
        "model_uuid = '0123456789abcdef0123456789abcdef'",
        "object_label = 'somebody else'",
        "actor_id = 77",
        "actor_kind = 'person'",
    ],
)
def test_whatever_column_was_changed_its_event_is_named(home: Path, change: str) -> None:
    with sqlite3.connect(home / "signoff.sqlite3") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(f"UPDATE audit_event SET {change} WHERE id = 2")  # noqa: S608 - one of those above
    broken = manage(home, "audit_verify", "--json")
    assert broken.returncode == 1, broken.stderr
    assert json.loads(broken.stdout)["first_bad"] == 1

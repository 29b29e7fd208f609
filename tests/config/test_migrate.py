import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_both_databases_of_a_new_home_are_made_by_one_command(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "DJANGO_"))}
    environment = {**kept, "SIGNOFF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tables = [
        {name for (name,) in sqlite3.connect(path).execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for path in (tmp_path / "home").glob("*.sqlite3")
    ]
    assert len(tables) == 2
    assert any("audit_event" in held for held in tables)

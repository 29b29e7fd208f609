"""Homes with the named people, made once in a run of the tests and copied for each server."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough password"
PEOPLE = """
import json, django
django.setup()
from django.contrib.auth.hashers import make_password
from accounts import tokens
from accounts.actors import COMMAND
from accounts.models import User
from accounts.permissions import Scope
from accounts.users import create_user
from tests.conftest import PEOPLE
made = {}
for name, roles in PEOPLE.items():
    user = create_user(name, roles=roles, actor=COMMAND)
    made[name] = tokens.mint(user, label="tests", scopes=[Scope.READ, Scope.WRITE], days=1, actor=COMMAND)[1]
User.objects.update(password=make_password(PASSWORD))  # hashed once: hashing is slow on purpose
print(json.dumps(made))
"""


def peopled(home: Path) -> dict[str, str]:
    """Make `home` a migrated home with the named people; return each one's token."""
    template = Path(os.environ["TEST_SCRATCH"]) / "peopled"
    with (template.parent / "peopled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / "tokens.json").exists():
            _make(template)
    shutil.copytree(template, home)
    made: dict[str, str] = json.loads((home / "tokens.json").read_text())
    (home / "tokens.json").unlink()
    return made


def run(home: Path, words: list[str], **settings: str) -> str:
    """Run Python with `words` on `home`, nothing else of Signoff's set, and return what it printed."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return what processes on `home` see."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("SIGNOFF_", "DJANGO_"))}
    return {
        **kept,
        "SIGNOFF_HOME": str(home),
        "SIGNOFF_LOG_LEVEL": "warning",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **settings,
    }


def _make(template: Path) -> None:
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir(parents=True)
    run(template, ["manage.py", "migrate", "--verbosity", "0"])
    made = run(template, ["-c", f"PASSWORD = {PASSWORD!r}\n{PEOPLE}"])
    (template / "tokens.json").write_text(made)

"""A disk that is full while a home is made: a sentence, nothing half-made, and the same command goes on afterwards."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from audit import notes
from config import keys

pytestmark = pytest.mark.faults
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
MIGRATE = f"{sys.executable} manage.py migrate --no-input --verbosity 0"
FILL = "head -c 1G /dev/zero > $SIGNOFF_HOME/filler 2>&- || true"


def on_a_disk(home: Path, size: str, *steps: str) -> subprocess.CompletedProcess[str]:
    """Run shell steps where `home` is a disk of its own."""
    script = "\n".join([f"mount -t tmpfs -o size={size} small {shlex.quote(str(home))}", *steps])
    environ = {"PATH": os.environ["PATH"], "SIGNOFF_HOME": str(home)}
    return subprocess.run(
        [*OWN_MOUNTS, script],
        env=environ,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    if on_a_disk(made, "64k", "true").returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    return made


def test_a_home_is_not_begun_where_it_has_no_room(home: Path) -> None:
    looked = on_a_disk(home, "64k", f"{MIGRATE} || echo ended $?", "ls -A $SIGNOFF_HOME")
    assert looked.stdout == "ended 1\n", "nothing was made"
    assert looked.stderr.startswith(f"There is no room left on the disk of {home}. Free some")


def test_a_disk_that_fills_up_is_said_in_a_sentence_and_the_same_command_goes_on(home: Path) -> None:
    wider = f"mount -o remount,size=128m {shlex.quote(str(home))}"
    checked = f"{sys.executable} manage.py audit_verify"
    done = on_a_disk(
        home, "40m", "mkdir $SIGNOFF_HOME/artifacts", FILL, f"{MIGRATE} || echo ended $?", wider, MIGRATE, checked
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("There is no room left on the disk of")
    assert done.stdout.startswith("ended 1\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "make", [lambda home: keys.kept_secret(home / "session.key"), lambda home: notes.kept_signer(home, "x")]
)
def test_no_half_key_is_left(make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        for write in ("write_text", "write_bytes"):
            broken.setattr(Path, write, full)
        with pytest.raises(OSError, match="No space"):
            make(tmp_path)  # type: ignore[operator]
        assert list(tmp_path.iterdir()) == []
    make(tmp_path)  # type: ignore[operator]

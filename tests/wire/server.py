"""A real server on a home of its own, and people who call it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

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
DECIDE = """
import django
django.setup()
from accounts.actors import Via, person
from accounts.models import User
from registry import decisions
from registry.requests import find_request
actor = person(User.objects.get(username=NAME), Via.PASSWORD)
request = find_request(NUMBER, actor=actor)
warnings = [check.pk for check in request.checks.filter(status="warn")]
choice = decisions.Choice(decisions.Verdict(VERDICT), request.subject_digest, "Read it, fine.", warnings)
decisions.decide(request, choice, actor=actor)
"""


class Server:
    """A migrated home with the named people, served by the product's web server. `end` leaves no process behind."""

    password = "a long enough password"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        home.mkdir(parents=True)
        self._run(["manage.py", "migrate", "--verbosity", "0"])
        self._tokens: dict[str, str] = json.loads(self.django(PEOPLE, PASSWORD=self.password))
        self.process = self._serve()

    def token(self, name: str) -> str:
        """Return a token of `name` that reads and writes."""
        return self._tokens[name]

    def decide(self, number: int, *, by: str, verdict: str = "approve") -> None:
        """Decide on a request as `by`, accepting every warning."""
        self.django(DECIDE, NAME=by, NUMBER=number, VERDICT=verdict)

    def django(self, script: str, **names: object) -> str:
        """Run `script` in a process of its own, with `names` defined, and return what it printed."""
        head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return self._run(["-c", head + script])

    def end(self) -> None:
        """Stop serving."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """What the server's processes see."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("SIGNOFF_", "DJANGO_"))}
        return {
            **kept,
            "SIGNOFF_HOME": str(self.home),
            "SIGNOFF_LOG_LEVEL": "warning",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def _run(self, words: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _serve(self) -> subprocess.Popen[bytes]:
        words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port), "--blocking-threads", "4"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "granian", *words, "--log-level", "warning", "config.wsgi:application"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

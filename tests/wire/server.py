"""A real server on a home of its own, and people who call it."""

import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.wire import homes

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

    password = homes.PASSWORD

    def __init__(
        self, home: Path, *, ticking: bool = False, tls: tuple[Path, Path] | None = None, **settings: str
    ) -> None:
        self.home = home
        self.settings = settings
        self.tls = tls
        self.port = _free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self._tokens = homes.peopled(home)
        self.process = self._serve()
        self.beside = [self._start([sys.executable, "manage.py", "tick", "--group", "lone"])] if ticking else []

    def token(self, name: str) -> str:
        """Return a token of `name` that reads and writes."""
        return self._tokens[name]

    def decide(self, number: int, *, by: str, verdict: str = "approve") -> None:
        """Decide on a request as `by`, accepting every warning."""
        self.django(DECIDE, NAME=by, NUMBER=number, VERDICT=verdict)

    def django(self, script: str, **names: object) -> str:
        """Run `script` in a process of its own, with `names` defined, and return what it printed."""
        head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return homes.run(self.home, ["-c", head + script], **self.settings)

    def end(self) -> None:
        """Stop serving."""
        for process in [*self.beside, self.process]:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """What the server's processes see."""
        return homes.environment(self.home, **self.settings)

    def _serve(self) -> subprocess.Popen[bytes]:
        words = ["--port", str(self.port), "--workers", "1"]
        if self.tls:
            words += ["--tls-cert", str(self.tls[0]), "--tls-key", str(self.tls[1])]
        process = self._start([sys.executable, "-m", "config.web", *words])
        deadline = time.monotonic() + 30
        while not self._answers():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return process

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=homes.ROOT, env=self.environment, stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            any_name = ssl._create_unverified_context() if self.tls else None  # noqa: S323 - our own process
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2, context=any_name) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""`manage.py demo`: starts a server, tells the story on it, stays until Ctrl-C."""

import io
import os
import secrets
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts import links
from accounts.actors import COMMAND
from accounts.models import User
from accounts.roles import Role
from accounts.users import create_user
from config import startup
from config.demo.notebook import Notebook
from config.demo.story import Story, StoryBroke, Teller
from config.supervisor import bind_to
from core.home import running

PEOPLE = {
    "dana": Role.DATA_SCIENTIST,
    "eli": Role.ML_ENGINEER,
    "olga": Role.OPS,
    "rita": Role.REVIEWER,
    "aude": Role.AUDITOR,
    "ada": Role.ADMIN,
}
STEPS = 37
READY_S = 60.0


class Command(BaseCommand):
    help = "Start a server on this home and tell the story on it: register, sign, serve, roll back, verify."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="0 chooses a free one (default: 8000)")
        parser.add_argument("--exit", action="store_true", help="stop when the story is told")

    def handle(self, *_args: Any, port: int, exit: bool, **_options: Any) -> None:  # noqa: A002 - the option's name
        client = settings.BASE_DIR / ".venv-client" / "bin" / "python"
        if not client.exists():
            raise CommandError("dana has no Python of her own: run `make install` first.")
        run = secrets.token_hex(16)
        port = _free_port(port)
        url = f"http://127.0.0.1:{port}"
        server = _start(port, run)
        try:
            with Notebook(client, url) as notebook:
                router = _wait_ready(server)
                people = _sign_in_links(url, run)
                story = Story(url, people, notebook, Teller(self.stderr.write, STEPS), router)
                self.stderr.write(f"To watch along, sign in as olga, on this host: {people['olga']}")
                with story.told():
                    self._close(url, people, story.curl)
                    if not exit:
                        server.wait()
                        self.stderr.write("The server has ended.")
        except StoryBroke as why:
            raise CommandError(f"The story broke: {why}") from why
        except KeyboardInterrupt:
            self.stderr.write("\nstopping")
        finally:
            _stop(server)

    def _close(self, url: str, people: dict[str, str], curl: str) -> None:
        self.stdout.write(f"\nSignoff runs at {url} until Ctrl-C, and fraud is called four times a second.")
        self.stdout.write("Sign in, on this host, as\n")
        for name, link in people.items():
            self.stdout.write(f"  {name:5} {PEOPLE[name].label:15} {link}")
        self.stdout.write(f"\n{curl}")
        sys.stdout.flush()


def _free_port(port: int) -> int:
    try:
        return startup.free_port("127.0.0.1", port)
    except startup.CannotStart as why:
        raise CommandError(str(why)) from why


def _start(port: int, run: str) -> "subprocess.Popen[bytes]":
    parent = os.getpid()
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", str(port)]
    environment = {**os.environ, "SIGNOFF_HOME": str(settings.HOME), "SIGNOFF_DEMO_RUN": run}
    environment.setdefault("SIGNOFF_LOG_LEVEL", "warning")
    return subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=lambda: bind_to(parent))  # noqa: S603, PLW1509 - one thread


def _wait_ready(server: "subprocess.Popen[bytes]") -> str:
    """Return the router's address once `up` says in the home that all of it is ready."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CommandError("The server did not start; what it said stands above.")
        said = running()
        if said.get("pid") == server.pid:
            return str(said["router"])
        time.sleep(0.1)
    raise CommandError(f"The server was not ready within {READY_S:.0f} s.")


def _sign_in_links(url: str, run: str) -> dict[str, str]:
    """Create, as the operator of this host, whoever is missing, and a link for each that lasts as long as this run."""
    call_command("check", "--database", "default", stdout=io.StringIO())
    found = {}
    for name, role in PEOPLE.items():
        user = User.objects.filter(username=name).first() or create_user(name, roles=[role], actor=COMMAND)
        found[name] = f"{url}/sign-in/{links.make_link(user, actor=COMMAND, demo_run=run)}"
    return found


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(8)
        except subprocess.TimeoutExpired:
            server.kill()

"""The product as its users start it, on a home of its own, and a browser for each of them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
RUN = "browser-tests"
PEOPLE = ("dana", "eli", "olga", "rita", "rob", "aude", "ada", "otto")
MAKE = """
import json, django
django.setup()
from accounts import links
from accounts.actors import COMMAND
from accounts.users import create_user
from tests.conftest import PEOPLE
print(json.dumps({name: links.make_link(create_user(name, roles=roles, actor=COMMAND), actor=COMMAND, demo_run=RUN)
                  for name, roles in PEOPLE.items()}))
"""
WATCH = """document.addEventListener('securitypolicyviolation', e => {
  window.__csp = (window.__csp || []).concat(`${e.effectiveDirective} ${e.blockedURI}`) })"""
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def chromium() -> str:
    """Return the browser to drive: CHROME, else what is on the PATH."""
    found = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise RuntimeError("No Chromium: set CHROME, or run `make browser`.")
    return found


def client_python() -> str:
    """Return dana's interpreter, with the unmodified MLflow client."""
    return os.environ.get("TEST_CLIENT_PYTHON", str(ROOT / ".venv-client" / "bin" / "python"))


class Stack:
    """`manage.py up` on its own home. `stop` leaves no process behind."""

    def __init__(self, home: Path, only: str = "web", **settings: str) -> None:
        self.home = home
        self.only = only
        home.mkdir(parents=True)
        self.log = home / "up.log"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNOFF_", "TEST_", "DJANGO_"))}
        self.environment |= {"SIGNOFF_HOME": str(home), "SIGNOFF_DEMO_RUN": RUN, "SIGNOFF_GALLERY": "on", **settings}
        self.process = self._start()
        try:
            self.url = self._ready()
            self.links: dict[str, str] = json.loads(self.django(MAKE.replace("RUN", repr(RUN))))
        except BaseException:  # Ctrl-C too: nobody has the stack yet who could stop it
            self.stop()
            raise

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "up", "--only", self.only, "--port", "0"]
        with self.log.open("wb") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=log, start_new_session=True)

    def _ready(self) -> str:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if match := re.search(r"^ready (\S+)$", self.log.read_text(), re.MULTILINE):
                return match.group(1)
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    @property
    def router(self) -> str:
        """The address callers of endpoints reach."""
        return str(json.loads((self.home / "run" / "up.json").read_text())["router"])

    def pid(self, process: str) -> int:
        """Return the number of one process of the stack, as it is now."""
        return int((self.home / "run" / f"{process}.pid").read_text().split()[0])

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on this home."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def django(self, code: str) -> str:
        """Run code inside Django on this home and return what it printed."""
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def dana(self, token: str, verb: str, *numbers: int) -> dict[str, Any]:
        """Run dana's script with the unmodified client, in its own environment and process."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "MLFLOW_TRACKING_URI": self.url}
        environment["MLFLOW_TRACKING_TOKEN"] = token
        command = [client_python(), str(ROOT / "config" / "demo" / "dana.py"), verb, *map(str, numbers)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return said

    def start_again(self) -> None:
        """Start on the same home what was stopped."""
        self.process = self._start()
        self.url = self._ready()

    def stop(self) -> None:
        """End everything."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Person:
    """Somebody at her browser. Every page she opens is held to its policy; `judge` holds it to axe and its width."""

    def __init__(self, stack: Stack, browser: Browser, name: str, **options: Any) -> None:
        self.stack = stack
        self.context: BrowserContext = browser.new_context(base_url=stack.url, **options)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        if name:
            self.page.goto(f"/sign-in/{stack.links[name]}")
            self.page.locator("main form button").click()
            self.page.wait_for_url("**/")

    def open(self, path: str) -> Page:
        """Open a page."""
        self.page.goto(path)
        return self.page

    def judge(self) -> None:
        """Fail where the page breaks its policy, an accessibility rule, or its width."""
        where = self.page.url
        found = self.page.evaluate("window.__csp || []")
        assert found == [], (where, found)
        found = Axe().run(self.page, options=AXE).response["violations"]
        assert not found, f"{where}: " + "; ".join(
            f"{v['id']} {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found
        )
        wide = self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{where} is {wide} px too wide"
        assert self.page.locator("h1").count() == 1, where


def make_token(dana: Person) -> str:
    """Return a token her notebook may write with, made on her page."""
    page = dana.open("/account/tokens")
    page.get_by_label("Name", exact=True).fill("notebook")
    page.get_by_role("checkbox", name="write").check()
    page.get_by_role("button", name="Make token").click()
    token = page.locator("#new-token code").inner_text()
    dana.judge()
    return token

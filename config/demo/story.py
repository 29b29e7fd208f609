"""The story the demo tells: two models reach Production on another person's sign-off. Acts only over HTTP."""

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from config.demo.visitor import Visitor

MODEL = "Fraud-Detection"
THRESHOLD = 0.85
TOKEN = re.compile(r"so_[0-9a-f]{8}_[\w-]{43}")
REQUEST = re.compile(r"/approvals/(\d+)")
COMMENTS = {
    1: "Accuracy on held-out rows is above the threshold; a good first champion.",
    2: "Better on every metric than the live champion, same signature. Go.",
}


class StoryBroke(Exception):
    """A step did not do what the story says."""


@dataclass
class Teller:
    """Says each step, with its time, as it happens."""

    say: Callable[[str], None]
    steps: int
    step: int = 0

    @contextmanager
    def telling(self, words: str) -> Iterator[list[str]]:
        """Print the step, run the block, print what it put in the list and how long it took."""
        self.step += 1
        started, found = time.monotonic(), list[str]()
        self.say(f"[{self.step:2}/{self.steps}] {words}")
        yield found
        self.say(f"        {'; '.join(found) or 'done'} ({time.monotonic() - started:.1f} s)")


@dataclass
class Story:
    """The people at `url`, each by her own sign-in link, and dana's own Python."""

    url: str
    links: dict[str, str]
    client_python: Path
    teller: Teller
    visitors: dict[str, Visitor] = field(default_factory=dict)
    token: str = ""

    def tell(self) -> None:
        """Run the whole story. What an earlier run did already is found and left as it is."""
        self.sign_in()
        self.set_threshold()
        self.make_token()
        for version in (1, 2):
            self.register(version)
            self.promote(version)
        self.verify()

    def sign_in(self) -> None:
        """Each person opens her link."""
        with self.teller.telling("Everybody signs in, each by a link of her own") as found:
            for name, link in self.links.items():
                visitor = self.visitors[name] = Visitor(self.url)
                path = link.removeprefix(self.url)
                expect(visitor.submit(path, path), 200, f"{name} signs in")
            found.append(", ".join(self.links))

    def set_threshold(self) -> None:
        """Rita says what a version must reach; the model has to exist first, so dana creates it."""
        with self.teller.telling(f"rita asks that every version has validation_accuracy > {THRESHOLD}") as found:
            if self.visitors["dana"].get(f"/models/{MODEL}").status == 404:  # noqa: PLR2004 - HTTP
                expect(
                    self.visitors["dana"].submit(
                        "/new-model",
                        "/new-model",
                        name=MODEL,
                        description="Flags transactions that a person should look at.",
                    ),
                    200,
                    "dana creates the model",
                )
            answer = self.visitors["rita"].submit(
                f"/models/{MODEL}",
                f"/models/{MODEL}/thresholds",
                metric="validation_accuracy",
                comparison=">",
                value=str(THRESHOLD),
                required="yes",
            )
            expect(answer, 200, "rita sets the threshold")
            found.append("a required check from now on")

    def make_token(self) -> None:
        """Dana makes the API token that her notebook uses."""
        with self.teller.telling("dana makes an API token for her notebook") as found:
            answer = self.visitors["dana"].submit(
                "/account/tokens", "/account/tokens", label="notebook", days="1", scopes=["read", "write"]
            )
            match = TOKEN.search(answer.text)
            if match is None:
                raise StoryBroke(f"the token page did not show a token ({answer.status})")
            self.token = match.group()
            found.append(f"{self.token[:11]}…, scopes read and write, one day")

    def register(self, version: int) -> None:
        """Dana trains and registers with the MLflow client as it comes."""
        if self.visitors["dana"].get(f"/models/{MODEL}/versions/{version}").status == 200:  # noqa: PLR2004 - HTTP
            with self.teller.telling(f"dana trained and registered version {version} in an earlier run") as found:
                found.append("left as it is")
            return
        with self.teller.telling(
            f"dana trains candidate {version} and registers it with the unmodified MLflow client"
        ) as found:
            said = self.dana("train", version)
            found.append(f"version {said['version']}, validation_accuracy {said['validation_accuracy']:.3f}")

    def promote(self, version: int) -> None:
        """Dana asks for Production; where it needs a signature, rita reviews and dana asks again."""
        with self.teller.telling(
            f"dana calls transition_model_version_stage(version={version}, stage='Production')"
        ) as found:
            said = self._promote_unless_passed(version)
            found.append(
                "signed and moved in an earlier run" if said["moved"] else f"{said['status']} {said['message']}"
            )
        if said["moved"]:
            self.teller.step += 3  # nothing to review, repeat or try out
            return
        number = REQUEST.search(str(said["message"]))
        if said["code"] != "PERMISSION_DENIED" or number is None:
            raise StoryBroke(f"expected PERMISSION_DENIED with a link, got {said}")
        self.review(int(number.group(1)), version)
        with self.teller.telling("dana repeats the same call") as found:
            if not self.dana("promote", version)["moved"]:
                raise StoryBroke("the signed version was not moved")
            found.append(f"200: version {version} is in Production and @champion")
        with self.teller.telling(f"dana loads models:/{MODEL}@champion and predicts") as found:
            said = self.dana("predict")
            found.append(f"{said['rows']} rows, accuracy {said['accuracy']:.3f}")

    def _promote_unless_passed(self, version: int) -> dict[str, object]:
        asked = urllib.request.Request(  # noqa: S310 - our own http address
            f"{self.url}/api/v1/models/{MODEL}/versions/{version}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - same
            stage = json.load(answer)["stage"]
        return {"moved": True} if stage == "Archived" else self.dana("promote", version)

    def review(self, number: int, version: int) -> None:
        """Rita reads the review page and signs."""
        with self.teller.telling(f"rita reviews request #{number} in her browser and approves it") as found:
            path = f"/approvals/{number}"
            answer = self.visitors["rita"].submit(path, f"{path}/decide", verdict="approve", comment=COMMENTS[version])
            expect(answer, 200, "rita approves")
            found.append(f"“{COMMENTS[version]}”")

    def verify(self) -> None:
        """Aude reads the history and checks the ledger."""
        with self.teller.telling("aude reads the history and verifies the ledger") as found:
            expect(self.visitors["aude"].get(f"/models/{MODEL}/history"), 200, "aude reads the history")
            answer = self.visitors["aude"].submit("/audit", "/audit/verify")
            expect(answer, 200, "aude verifies")
            match = re.search(r"All ([\d,]+) events fit root", answer.text)
            if match is None:
                raise StoryBroke("the audit page does not say that the ledger verifies")
            found.append(f"{match.group(1)} events hold")

    def dana(self, verb: str, *numbers: int) -> dict[str, object]:
        """Run dana's script in her environment and return what it printed."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        environment |= {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_TOKEN": self.token,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        command = [str(self.client_python), str(Path(__file__).with_name("dana.py")), verb, *map(str, numbers)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 - our own script
        if done.returncode:
            raise StoryBroke(f"dana's {verb} failed:\n{done.stderr[-2000:]}")
        said: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
        return said


def expect(answer: object, status: int, what: str) -> None:
    """Raise StoryBroke where the answer has another status."""
    got = getattr(answer, "status", None)
    if got != status:
        text = re.sub(r"<[^>]+>|\s+", " ", str(getattr(answer, "text", "")))
        raise StoryBroke(f"{what}: expected {status}, got {got}: {text[-600:]}")

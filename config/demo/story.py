"""The story the demo tells: sign-off, serving, a canary promoted on evidence and one sent back. Acts only over HTTP."""

import html
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from config.demo.notebook import CellFailed, Notebook
from config.demo.traffic import Traffic
from config.demo.visitor import Visitor

MODEL = "Fraud-Detection"
THRESHOLD = 0.85
TOKEN = re.compile(r"so_[0-9a-f]{8}_[\w-]{43}")
ENDED = re.compile(r"(?:Took|Restored in) ([\d.]+ \w+(?: \d+ \w+)?)\.")
REQUEST = re.compile(r"/approvals/(\d+)")
SENTENCE = re.compile(r"<span>((?:Promote|Roll back|Hold|Invalid)[^<]+)</span>")
COMMENTS = {
    1: "Accuracy on held-out rows is above the threshold; a good first champion.",
    2: "Better on every metric than the live champion, same signature. Go.",
    3: "The best validation accuracy so far. Five percent first.",
}
SERVE = "The version I signed, for the callers of fraud. Its environment is locked."
AGAIN = "The refusals were the caller's. Five percent first this time."
PLAN = {
    "strategy": "canary", "shares": "5, 25", "guardrails": "error, accuracy", "min_units": "40", "min_labels": "25",
    "min_s": "5", "max_s": "120", "ratio_bound": "", "alpha": "0.05", "tolerance": "1",
}  # fmt: skip
ENDS = {2: "done", 3: "rolled back"}


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
    """The people at `url`, each by her own sign-in link, and dana's notebook."""

    url: str
    links: dict[str, str]
    notebook: Notebook
    teller: Teller
    router: str
    visitors: dict[str, Visitor] = field(default_factory=dict)
    token: str = ""
    endpoint_token: str = ""
    callers: Traffic = field(init=False)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Run the whole story; callers go on, at leisure, as long as the block lasts.

        What an earlier run did already is found and left as it is.
        """
        self.sign_in()
        self.set_threshold()
        self.make_token()
        self.register(1)
        self.await_lock(1)
        self.promote(1)
        self.to_staging(1)
        self.ask_to_serve(1)
        self.to_production(1)
        self.register(2)
        self.await_lock(2)
        self.to_staging(2)
        self.ask(2)
        self.promote(2)
        self.to_production(2)
        self.make_endpoint_token()
        self.predict()
        self.roll_back()
        self.predict()
        with self.traffic():
            self.canary(2)
            self.register(3)
            self.await_lock(3)
            self.canary(3)
            self.verify()
            self.callers.slow_down()
            yield

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
            self.dana("token", self.token)
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
        earlier = self.asked(version)["stage"] in {"Production", "Archived"}
        return {"moved": True} if earlier else self.dana("promote", version)

    def review(self, number: int, version: int, comment: str = "") -> None:
        """Rita reads the review page and signs."""
        comment = comment or COMMENTS[version]
        with self.teller.telling(f"rita reviews request #{number} in her browser and approves it") as found:
            path = f"/approvals/{number}"
            answer = self.visitors["rita"].submit(path, f"{path}/decide", verdict="approve", comment=comment)
            expect(answer, 200, "rita approves")
            found.append(f"“{comment}”")

    def await_lock(self, version: int) -> None:
        """The environment of a version is locked once, before anybody signs."""
        with self.teller.telling(
            f"Signoff locks the environment of version {version}: each package with its hash"
        ) as found:
            said = until(
                lambda: self.asked(version)["environment"], lambda said: said.get("lock") or said.get("lock_tries")
            )
            if not said.get("lock"):
                raise StoryBroke(f"the environment was not locked: {said.get('lock_why')}")
            found.append(f"lock {said['lock'][:12]}…")

    def asked(self, version: int) -> dict[str, Any]:
        """What own REST says of the version, with dana's token."""
        request = urllib.request.Request(  # noqa: S310 - our own http address
            f"{self.url}/api/v1/models/{MODEL}/versions/{version}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - same
            said: dict[str, Any] = json.load(answer)
        return said

    def to_staging(self, version: int) -> None:
        """Eli deploys to staging, which needs no signature."""
        with self.teller.telling(f"eli deploys version {version} to the endpoint fraud-staging") as found:
            self.has_endpoint("eli", "fraud-staging", "staging")
            found.append(self.deploy("eli", "fraud-staging", version))

    def ask_to_serve(self, version: int) -> None:
        """Dana asks that a version in Production is served on an endpoint; rita signs that too."""
        with self.teller.telling(f"dana asks that version {version} serves the endpoint fraud") as found:
            self.has_endpoint("olga", "fraud", "production")
            if f"<td>v{version}</td>" in self.visitors["olga"].get("/endpoints/fraud").text:
                found.append("asked in an earlier run")
                self.teller.step += 1
                return
            found.append(self._ask(version))
        self.review(int(found[-1].rpartition("/")[2]), version, SERVE)

    def _ask(self, version: int) -> str:
        """Ask for all requests to go over to the version; return the request's address."""
        answer = self.visitors["dana"].submit(
            "/endpoints/fraud", "/endpoints/fraud/deploy", version=str(version), strategy="all-at-once", bake_s="0",
            reason="better on rows held out", ask="yes",
        )  # fmt: skip
        expect(answer, 200, "dana asks")
        if not REQUEST.search(answer.url):
            raise StoryBroke(f"no request was opened: {answer.url}")
        return answer.url

    def ask(self, version: int) -> None:
        """Dana asks for Production and the production endpoint in one request."""
        with self.teller.telling(
            f"dana asks for Production and the endpoint fraud for version {version}, in one request"
        ) as found:
            if self.asked(version)["stage"] in {"Production", "Archived"}:
                found.append("asked in an earlier run")
                return
            found.append(self._ask(version))

    def to_production(self, version: int) -> None:
        """Olga starts the rollout that was signed."""
        with self.teller.telling(f"olga starts the rollout of version {version} to fraud") as found:
            found.append(self.deploy("olga", "fraud", version))

    def has_endpoint(self, person: str, name: str, environment: str) -> None:
        """Create the endpoint where it is not there."""
        if self.visitors[person].get(f"/endpoints/{name}").status == 404:  # noqa: PLR2004 - HTTP
            values = {"name": name, "model": MODEL, "environment": environment}
            expect(
                self.visitors[person].submit("/new-endpoint", "/new-endpoint", **values),
                200,
                f"{person} creates {name}",
            )

    def deploy(self, person: str, endpoint: str, version: int) -> str:
        """Start a rollout on the endpoint's page and wait for its end; one that was done in an earlier run stays."""
        page = self.visitors[person].get(f"/endpoints/{endpoint}").text
        if re.search(rf"<td>v{version}</td><td[^>]*>[^/]*<use[^>]*></use></svg>done", page):
            return "done in an earlier run"
        action = f"/endpoints/{endpoint}/deploy"
        answer = self.visitors[person].submit(
            f"/endpoints/{endpoint}", action, version=str(version), strategy="all-at-once", bake_s="0", reason=""
        )
        expect(answer, 200, f"{person} deploys")
        return self.await_end(person, answer.url)

    def await_end(self, person: str, address: str) -> str:
        """Return how long the deployment took, once it is done."""
        page = until(
            lambda: self.visitors[person].get(address).text,
            lambda page: ENDED.search(page) or "needs an operator" in page,
        )
        if not ended_as(page, "done"):
            raise StoryBroke(plain(page)[:2000])
        return f"done in {ENDED.search(page).group(1)}"  # type: ignore[union-attr]

    def make_endpoint_token(self) -> None:
        """Olga makes the token callers need."""
        with self.teller.telling("olga makes a token for those who call fraud") as found:
            action = "/endpoints/fraud/tokens"
            answer = self.visitors["olga"].submit("/endpoints/fraud", action, label="caller", days="1")
            match = re.search(r"se_[0-9a-f]{8}_[\w-]{43}", answer.text)
            if match is None:
                raise StoryBroke(f"the endpoint page did not show a token ({answer.status})")
            self.endpoint_token = match.group()
            found.append(f"{self.endpoint_token[:11]}…")

    @property
    def curl(self) -> str:
        """The command that returns a prediction."""
        words = [
            f"curl -s {self.router}/endpoints/fraud/invocations",
            f"-H 'Authorization: Bearer {self.endpoint_token}'",
            "-H 'Content-Type: application/json'",
            f"-d '{json.dumps(self.row())}'",
        ]
        return " ".join(words)

    def row(self) -> dict[str, Any]:
        """One row of the right shape, as MLflow's clients send it."""
        columns = [column["name"] for column in self.asked(1)["signature"]["inputs"]]
        return {"dataframe_split": {"columns": columns, "data": [[14.0] * len(columns)]}}

    def predict(self) -> None:
        """Somebody calls the endpoint."""
        with self.teller.telling("a caller asks the endpoint fraud for a prediction") as found:
            request = urllib.request.Request(  # noqa: S310 - our own http address
                f"{self.router}/endpoints/fraud/invocations", json.dumps(self.row()).encode(),
                {"Authorization": f"Bearer {self.endpoint_token}", "Content-Type": "application/json"},
            )  # fmt: skip
            found.append(until(lambda: call(request), lambda said: said.startswith("200")))

    def roll_back(self) -> None:
        """Olga returns to the version before, with a reason."""
        with self.teller.telling("olga rolls fraud back, with a reason") as found:
            if "<small>Rollback</small>" in self.visitors["olga"].get("/endpoints/fraud").text:
                found.append("rolled back in an earlier run")
                return
            answer = self.visitors["olga"].submit(
                "/endpoints/fraud", "/endpoints/fraud/rollback", reason="support sees odd refusals on weekends"
            )
            expect(answer, 200, "olga rolls back")
            found.append(self.await_end("olga", answer.url))

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Callers send rows held out of training, and say two seconds later what was true, while the block lasts."""
        held_out = self.dana("rows")
        with Traffic(self.router, "fraud", self.endpoint_token, self.url, self.token, held_out) as callers:
            self.callers = callers
            yield

    def canary(self, version: int) -> None:
        """Dana asks for a canary, rita signs the plan, olga starts it, evidence ends it."""
        words = "good, so it is promoted" if ENDS[version] == "done" else "bad, so it goes back without a person"
        page = self.visitors["olga"].get("/endpoints/fraud").text
        if re.search(rf"<td>v{version}</td><td[^>]*>[^/]*<use[^>]*></use></svg>{ENDS[version]}.*?canary", page):
            with self.teller.telling(f"the canary of version {version} ended in an earlier run: {words}") as found:
                found.append("left as it is")
            self.teller.step += 3
            return
        with self.teller.telling(f"dana asks for version {version} on fraud as a canary: 5 %, 25 %, 100 %") as found:
            answer = self.visitors["dana"].submit(
                "/endpoints/fraud", "/endpoints/fraud/deploy", version=str(version), reason="", ask="yes", **PLAN
            )
            expect(answer, 200, "dana asks")
            found.append(answer.url)
        number = REQUEST.search(answer.url)
        if number is None:
            raise StoryBroke(f"no request was opened: {answer.url}")
        self.review(int(number.group(1)), version, AGAIN if version == 2 else COMMENTS[version])  # noqa: PLR2004 - again
        with self.teller.telling(f"olga starts the canary of version {version}") as found:
            answer = self.visitors["olga"].submit("/endpoints/fraud", f"/endpoints/fraud/start/{number.group(1)}")
            expect(answer, 200, "olga starts the canary")
            found.append(answer.url)
        with self.teller.telling(f"version {version} is watched under traffic: {words}") as found:
            found.append(self.await_verdict(answer.url, ENDS[version]))

    def await_verdict(self, address: str, end: str) -> str:
        """Return what the page says of the canary once it ended as `end`; its sentence is said whenever it changes."""
        said = page = ""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            page = self.visitors["olga"].get(address).text
            now = SENTENCE.search(page)
            if now and now.group(1) != said and not now.group(1).startswith("Hold"):
                said = now.group(1)
                self.teller.say(f"        {plain(said)}")
            if ENDED.search(page):
                if not ended_as(page, end):
                    raise StoryBroke(f"the canary did not end as {end}: {plain(page)[:900]}")
                return f"{end} after {self.callers.sent:,} requests, {self.callers.failed:,} refused or lost"
            time.sleep(0.5)
        raise StoryBroke(f"the canary did not end: {plain(page)[:900]}")

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

    def dana(self, verb: str, *words: object) -> dict[str, object]:
        """Run a cell of dana's notebook and return its answer."""
        try:
            return self.notebook.run(verb, *words)
        except CellFailed as why:
            raise StoryBroke(f"dana's {verb} failed:\n{why}") from why


def until(look: Callable[[], Any], good: Callable[[Any], Any], *, within_s: float = 240.0) -> Any:
    """Look until what is seen is good; return it."""
    deadline = time.monotonic() + within_s
    while not good(seen := look()):
        if time.monotonic() > deadline:
            raise StoryBroke(f"waited {within_s:.0f} s in vain; saw {str(seen)[:300]}")
        time.sleep(0.5)
    return seen


def ended_as(page: str, end: str) -> bool:
    """Whether a deployment's page says that it ended, and how."""
    return f">{end}</span>" in page.partition("data-ended")[2].partition("</p>")[0]


def plain(page: str) -> str:
    """Return the words of a page."""
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", page))


def call(request: urllib.request.Request) -> str:
    """Return the answer's status and body."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own http address
            return f"{answer.status} {answer.read().decode()[:200]}"
    except urllib.error.HTTPError as refusal:
        return f"{refusal.code} {refusal.read().decode()[:200]}"


def expect(answer: object, status: int, what: str) -> None:
    """Raise StoryBroke where the answer has another status."""
    got = getattr(answer, "status", None)
    if got != status:
        text = re.sub(r"<[^>]+>|\s+", " ", str(getattr(answer, "text", "")))
        raise StoryBroke(f"{what}: expected {status}, got {got}: {text[-600:]}")

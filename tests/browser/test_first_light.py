"""First light: signed, served, replaced, rolled back; then a canary promoted on evidence and one sent back.

People at their browsers, an unmodified client, callers with traffic, all processes; two of them are killed.
"""

import json
import os
import re
import signal
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from config.demo.story import PLAN
from config.demo.traffic import Traffic
from tests.browser.stack import ROOT, Person, Stack, make_token

pytestmark = [pytest.mark.browser, pytest.mark.faults]
Visit = Callable[..., Person]
MODEL = "/models/Fraud-Detection"
PICTURES = ROOT / "docs" / "pictures"
LOOK = {"color_scheme": "light", "viewport": {"width": 1280, "height": 940}}
FOR_PICTURES_S = 120 if os.environ.get("PICTURES") else 0  # a chart of a few minutes' traffic
LONG_MS = 180_000  # two busy cores; what is usual is measured and printed
FOLLOW = """() => { window.stayed = true; window.seen = {};
  const rows = () => document.querySelectorAll('tr[id^=event-]');
  rows().forEach(row => window.seen[row.id] = 0);
  new MutationObserver(() => rows().forEach(row => window.seen[row.id] ??= Date.now()))
    .observe(document.body, {childList: true, subtree: true, attributes: true}) }"""
RECORDED = """
import json, django
django.setup()
from audit.models import Event
events = Event.objects.filter(object_kind="rollout", object_id=NUMBER)
print(json.dumps({f"event-{event.pk}": event.at.timestamp() * 1000 for event in events}))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Every process, not only the pages."""
    stack = Stack(tmp_path_factory.mktemp("light") / "home", only="all")
    yield stack
    stack.stop()


@dataclass
class Hand:
    """Somebody's hand on a page; counts what a task costs her."""

    page: Page
    clicks: int = 0
    fields: int = 0

    def click(self, what: Locator) -> None:
        """Click."""
        what.click()
        self.clicks += 1

    def fill(self, what: Locator, text: str) -> None:
        """Fill in a field, or choose."""
        if what.evaluate("field => field.tagName") == "SELECT":
            what.select_option(text)
        else:
            what.fill(text)
        self.fields += 1

    @property
    def cost(self) -> tuple[int, int]:
        """Clicks and fields so far."""
        return self.clicks, self.fields


def picture(person: Person, name: str) -> None:
    """Keep the page as the README shows it, where `make pictures` asks for it."""
    if os.environ.get("PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        person.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def number_of(page: Page, kind: str) -> int:
    """Return the number in the address of the page that a button led to."""
    expect(page).to_have_url(re.compile(rf"/{kind}/\d+$"), timeout=30_000)
    return int(page.url.rsplit("/", 1)[1])


def create_endpoint(person: Person, name: str, environment: str) -> None:
    page = person.open("/new-endpoint")
    page.locator("#id_name").fill(name)
    page.locator("#id_model").select_option("Fraud-Detection")
    page.locator("#id_environment").select_option(environment)
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_text("Serves nothing yet")).to_be_visible()


def choose(person: Person, endpoint: str, version: int, plan: dict[str, str]) -> Hand:
    """Fill in the endpoint's form."""
    page = person.open(f"/endpoints/{endpoint}")
    hand = Hand(page)
    hand.fill(page.locator("#id_version"), str(version))
    for name, value in plan.items():
        hand.fill(page.locator(f"#id_{name}"), value)
    return hand


def ask(dana: Person, version: int, plan: dict[str, str]) -> int:
    """Ask for Production and the endpoint `fraud` in one request."""
    hand = choose(dana, "fraud", version, plan)
    hand.fill(hand.page.locator("#id_reason"), "better on rows held out")
    hand.click(hand.page.get_by_role("button", name="Ask for the signature"))
    number = number_of(hand.page, "approvals")
    assert plan or hand.cost == (1, 2)
    dana.judge()
    return number


def sign(rita: Person, number: int, plan: str, name: str = "") -> None:
    """Read the plan in words, decide: one click and a comment from the link."""
    page = rita.open(f"/approvals/{number}")
    expect(page.get_by_text(re.compile(plan)).first).to_be_visible()
    rita.judge()
    if name:
        picture(rita, name)
    hand = Hand(page)
    hand.fill(page.locator("#decision-comment"), "Read the difference and the plan.")
    hand.click(page.get_by_role("button", name=re.compile("^Approve v")))
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()
    assert hand.cost == (1, 1)


def move(dana: Person, number: int, version: int) -> None:
    page = dana.open(f"/approvals/{number}")
    page.get_by_role("button", name=f"Move v{version} to Production").click()
    expect(page.get_by_text(f"Version {version} is in Production.")).to_be_visible()


def start(person: Person, endpoint: str, version: int, plan: dict[str, str]) -> int:
    hand = choose(person, endpoint, version, plan)
    hand.click(hand.page.get_by_role("button", name="Start the rollout"))
    number = number_of(hand.page, "deployments")
    assert plan or hand.cost == (1, 1)
    return number


def await_end(person: Person, state: str) -> None:
    """The page that is open says that the deployment ended so, without being loaded again."""
    person.page.locator("[data-ended]").wait_for(timeout=LONG_MS)
    expect(person.page.locator("[data-ended]")).to_contain_text(state)
    expect(person.page.locator("[data-ended]")).to_contain_text(re.compile("Took |Restored in "))
    person.judge()


def replace_all_at_once(dana: Person, rita: Person, olga: Person, version: int) -> None:
    """One request covers the stage and the endpoint."""
    request = ask(dana, version, {})
    sign(rita, request, "All requests go over at once", "review" if version == 2 else "")
    move(dana, request, version)
    start(olga, "fraud", version, {})
    await_end(olga, "done")


def make_endpoint_token(olga: Person) -> str:
    page = olga.open("/endpoints/fraud")
    page.get_by_text("Make a token").click()
    page.locator("#id_label").fill("checkout")
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_text("The token, shown this once")).to_be_visible()
    found = re.search(r"se_[0-9a-f]{8}_[\w-]{43}", page.content())
    assert found
    return found.group()


def predict(stack: Stack, token: str, held_out: dict[str, Any]) -> Any:
    """Return what the endpoint predicts; the data plane hears of a new token a moment after the page shows it."""
    body = {"dataframe_split": {"columns": held_out["columns"], "data": held_out["rows"][:1]}}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    address = f"{stack.router}/endpoints/fraud/invocations"
    deadline = time.monotonic() + 15
    while True:
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as said:
                return json.load(said)["predictions"]
        except urllib.error.HTTPError as refusal:
            if refusal.code != 401 or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def roll_back(olga: Person, reason: str) -> None:
    """Two clicks and a reason, from the deployment that serves."""
    page = olga.open("/endpoints/fraud")
    page.get_by_role("region", name="Deployments").get_by_role("link", name=re.compile("^#")).first.click()
    number = number_of(page, "deployments")
    hand = Hand(page)
    hand.click(page.get_by_role("button", name="Roll back to v1"))
    hand.fill(page.locator("#rollback-reason"), reason)
    hand.click(page.get_by_role("dialog").get_by_role("button", name="Roll back to v1"))
    assert number_of(page, "deployments") > number
    assert hand.cost == (2, 1)
    await_end(olga, "done")
    note = page.locator("main")
    for words in (re.compile("Rollback by olga"), reason, re.compile("sha256")):
        expect(note.get_by_text(words).first).to_be_visible()
    expect(page.locator("main time").first).to_be_visible()


def killed(stack: Stack, process: str) -> None:
    """SIGKILL it; the supervisor starts another."""
    before = stack.pid(process)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while stack.pid(process) == before:
        assert time.monotonic() < deadline, f"{process} was not started again"
        time.sleep(0.1)


def delays_ms(stack: Stack, page: Page, number: int) -> list[float]:
    """Return how long each event of a deployment took from the ledger to the page that is open."""
    assert page.evaluate("window.stayed"), "the page was loaded again"
    recorded = json.loads(stack.django(RECORDED.replace("NUMBER", repr(str(number)))))
    seen = page.evaluate("window.seen")
    return [seen[name] - at for name, at in recorded.items() if seen.get(name)]


def can_steer(olga: Person) -> None:
    """A page made while the canary was still queued offers to steer it as soon as it can be, by itself."""
    for name in ("Send back", "Pause"):
        expect(olga.page.get_by_role("button", name=name, exact=True)).to_be_visible(timeout=30_000)


def follow_good_canary(stack: Stack, olga: Person, number: int) -> None:
    """Up to its end, whichever process is killed on the way."""
    page = olga.page
    page.evaluate(FOLLOW)
    can_steer(olga)
    expect(page.get_by_text(re.compile(r"^5 % asked for v2"))).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text(re.compile("^Hold: ")).first).to_be_visible(timeout=LONG_MS)
    killed(stack, "engine")
    olga.judge()
    picture(olga, "canary")
    expect(page.get_by_text(re.compile(r"^25 % asked for v2"))).to_be_visible(timeout=LONG_MS)
    killed(stack, "runner")
    assert page.locator("[data-ended]").count() == 0, "the runner was killed too late"
    await_end(olga, "done")
    expect(page.get_by_text(re.compile("^Promote: ")).first).to_be_visible()
    for share in ("5 %", "25 %"):
        row = page.get_by_role("region", name="Performance at each step").get_by_role("row")
        expect(row.filter(has_text=re.compile(f"^{share}"))).to_have_count(2)
    late = delays_ms(stack, page, number)
    print(f"events reached the page after {statistics.median(late):.0f} ms, at most {max(late):.0f}, of {len(late)}")  # noqa: T201
    assert statistics.median(late) <= 2000


def follow_bad_canary(olga: Person) -> None:
    """Sent back by the rule that promotes: nobody touches the page."""
    page = olga.page
    page.evaluate(FOLLOW)
    await_end(olga, "rolled back")
    assert page.evaluate("window.stayed")
    expect(page.get_by_text(re.compile("^Roll back: .* of .* of the live version")).first).to_be_visible()
    guards = page.get_by_role("region", name="Guardrails")
    expect(guards.get_by_role("row", name="Wrong predictions")).to_contain_text("over its limit")
    performance = page.get_by_role("region", name="Performance at each step")
    expect(performance.get_by_role("row").filter(has_text=re.compile("^5 %"))).to_have_count(2)
    picture(olga, "rolled-back")


def read_history(aude: Person) -> None:
    page = aude.open(f"{MODEL}/history")
    for words in ("Version 1", "Version 2", "dana"):
        expect(page.get_by_text(words).first).to_be_visible()
    aude.judge()
    page = aude.open("/audit")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text(re.compile(r"All [\d,]+ events fit root"))).to_be_visible(timeout=30_000)
    aude.judge()


def test_a_canary_is_promoted_on_evidence_and_a_bad_one_goes_back_without_a_person(stack: Stack, visit: Visit) -> None:
    dana, eli, olga, rita, aude = (visit(name, **LOOK) for name in ("dana", "eli", "olga", "rita", "aude"))
    token = make_token(dana)
    assert stack.dana(token, "train", 1)["version"] == 1
    with ThreadPoolExecutor(1) as notebook:
        others = [notebook.submit(stack.dana, token, "train", number) for number in (2, 3)]
        rows = notebook.submit(stack.dana, token, "rows")
        create_endpoint(eli, "fraud-staging", "staging")
        start(eli, "fraud-staging", 1, {})
        await_end(eli, "done")
    assert [other.result()["version"] for other in others] == [2, 3]
    held_out = rows.result()

    create_endpoint(olga, "fraud", "production")
    for version in (1, 2):
        replace_all_at_once(dana, rita, olga, version)
    caller = make_endpoint_token(olga)
    assert predict(stack, caller, held_out) == [held_out["truth"][0]]
    roll_back(olga, "support sees odd refusals on weekends")

    with Traffic(stack.router, "fraud", caller, stack.url, token, held_out) as callers:
        sign(rita, ask(dana, 2, PLAN), "Requests go over as 5 % → 25 % → 100 %")
        follow_good_canary(stack, olga, start(olga, "fraud", 2, PLAN))
        sign(rita, ask(dana, 3, PLAN), "Requests go over as 5 % → 25 % → 100 %")
        start(olga, "fraud", 3, PLAN)
        follow_bad_canary(olga)
        assert callers.labelled
        time.sleep(FOR_PICTURES_S)
    expect(olga.open("/endpoints/fraud").get_by_text("Serves version 2")).to_be_visible()
    olga.judge()
    olga.open("/endpoints/fraud/monitoring?range=15m")
    olga.judge()
    picture(olga, "monitoring")
    read_history(aude)

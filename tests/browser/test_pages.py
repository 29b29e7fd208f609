"""Every page in every state, without scripts, by keyboard alone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Person, Stack
from web.pages.gallery_data import addresses

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
ADMIN = ["/admin/"] + [
    f"/admin/{page}/" for page in ("registry/approvalrequest", "registry/modelversion", "audit/event", "accounts/user")
]
STATES = [str(row["href"]) for row in addresses()]
PREPARE = """
import django
django.setup()
from accounts.actors import Via, person
from accounts.models import User
from tests.factories import ask_production, make_model, make_version
dana = person(User.objects.get(username="dana"), Via.PASSWORD)
model = make_model(dana, NAME)
for _ in range(COUNT):
    version = make_version(model, dana, metrics={"validation_accuracy": 0.9})
print(ask_production(version, dana).pk if ASK else 0)
"""


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_every_state_in_every_look(visit: Visit, scheme: str, width: int) -> None:
    ada = visit("ada", color_scheme=scheme, viewport={"width": width, "height": 800})
    for address in STATES:
        ada.open(f"/gallery{address}")
        ada.judge()


LOCK = """
import django
django.setup()
from registry.models import ModelVersion
from tests.factories import locked
for version in ModelVersion.objects.filter(model__name="To-Serve"):
    locked(version)
"""


def prepared(stack: Stack, name: str, *, ask: bool, count: int = 2) -> int:
    """Make a model with versions; return the number of its open request."""
    code = PREPARE.replace("NAME", repr(name)).replace("ASK", repr(ask)).replace("COUNT", str(count))
    return int(stack.django(code))


PHONE: dict[str, object] = {"viewport": {"width": 320, "height": 800}}
DARK: dict[str, object] = {"color_scheme": "dark"}
FIRST = list({address.partition("&")[0]: address for address in reversed(STATES)}.values())  # of each page


@pytest.mark.parametrize(
    ("look", "states"),
    [
        pytest.param(PHONE, STATES, id="light-320"),
        pytest.param(DARK, FIRST, id="dark-1280"),
        pytest.param(DARK, STATES, id="dark-1280, all", marks=pytest.mark.soak),
    ],
)
def test_every_state_of_every_page_in_the_gallery_holds_its_rules(
    visit: Visit, look: dict[str, object], states: list[str]
) -> None:
    ada = visit("ada", **look)
    broken = []
    for address in states:
        ada.open(f"/gallery{address}")
        try:
            ada.judge()
        except AssertionError as why:
            broken.append(str(why))
    assert not broken, "\n".join(broken)
    assert len(STATES) > len(FIRST) > 25


def test_six_versions_stand_side_by_side_on_a_desk_and_two_on_a_phone(stack: Stack, visit: Visit) -> None:
    prepared(stack, "Six", ask=False, count=6)
    address = "/models/Six/compare?" + "&".join(f"v={number}" for number in range(1, 7))
    for width, shown in ((1280, "v6"), (320, "v2")):
        page = visit("dana", viewport={"width": width, "height": 800}).open(address)
        heads = page.locator("#facts thead th")
        edge = page.locator("#facts .table-scroll").bounding_box()
        head = heads.filter(has_text=shown).bounding_box()
        assert edge
        assert head
        assert head["x"] + head["width"] <= edge["x"] + edge["width"] + 32, f"{shown} is cut off at {width}"
        expect(page.get_by_text("6 versions, scroll sideways").first).to_be_visible(visible=width < 1000)


def ask(dana: Person, path: str, why: str) -> None:
    page = dana.open(path)
    page.get_by_role("button", name="Request Production").first.click()
    page.get_by_label("Why").fill(why)
    page.get_by_role("dialog").get_by_role("button", name="Request Production").click()
    expect(page).to_have_url(re.compile(r"/approvals/\d+$"))


def test_without_scripts_everything_can_be_done(stack: Stack, visit: Visit) -> None:
    name = "No-Scripts"
    prepared(stack, name, ask=False)
    dana, rita, aude = (visit(who, java_script_enabled=False) for who in ("dana", "rita", "aude"))
    page = dana.open(f"/models/{name}")
    page.get_by_label("Compare version 1").check()
    page.get_by_label("Compare version 2").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("version")
    ask(dana, f"/models/{name}/versions/2", "ready")
    number = int(dana.page.url.rsplit("/", 1)[1])
    page = rita.open(f"/approvals/{number}")
    page.locator("#decision-comment").fill("not yet")
    page.get_by_role("button", name=re.compile("^Reject")).click()
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()
    ask(dana, f"/models/{name}/versions/2", "now it is")
    page = rita.open(dana.page.url)
    page.locator("#decision-comment").fill("yes")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()
    page = aude.open("/audit")
    page.get_by_label("Person", exact=True).select_option("rita")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("not yet").first).to_be_visible()
    answer = aude.context.request.get("/audit/export.csv?person=rita")
    assert "not yet" in answer.text()


POLICY = """type: signoff.policy/1
policy: without-scripts
order: ten
match:
  models: [no-such-model-*]
  actions: [{stage: Production}]
approvals: [{group: reviewer, count: 2}]
"""


def test_without_scripts_a_policy_is_written_mended_and_accepted(visit: Visit) -> None:
    rita, ada = (visit(who, java_script_enabled=False) for who in ("rita", "ada"))
    page = rita.open("/new-policy")
    page.get_by_label("Policy, in YAML").fill(POLICY)
    page.get_by_role("button", name="Propose").click()
    page.get_by_role("link", name="Line 3, column 1").click()
    expect(page.locator("#line-3")).to_be_in_viewport()
    page.get_by_label("Policy, in YAML").fill(POLICY.replace("ten", "900"))
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_text("You proposed this, so somebody else accepts it.")).to_be_visible()
    page = ada.open(page.url)
    page.get_by_label("Comment").fill("agreed")
    page.get_by_role("button", name="Put v1 in force").click()
    expect(page.get_by_text("Policy without-scripts v1 is in force.")).to_be_visible()


def test_a_reviewer_decides_by_keyboard_alone(stack: Stack, visit: Visit) -> None:
    number = prepared(stack, "By-Keyboard", ask=True)
    rita = visit("rita")
    page = rita.open(f"/approvals/{number}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == "decision-comment":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("read it with the keyboard")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()


def test_a_hidden_second_click_decides_once(stack: Stack, visit: Visit) -> None:
    number = prepared(stack, "Double-Click", ask=True)
    rita = visit("rita")
    page = rita.open(f"/approvals/{number}")
    page.locator("#decision-comment").fill("once")
    page.get_by_role("button", name=re.compile("^Approve")).dblclick()
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()
    page = visit("aude").open("/audit?action=request.decided&person=rita")
    assert page.locator("tbody tr", has_text="Double-Click").count() == 1


def test_links_the_mlflow_client_prints_open_our_pages(stack: Stack, visit: Visit) -> None:
    prepared(stack, "Hash-Link", ask=False)
    dana = visit("dana")
    page = dana.open("/#/models/Hash-Link/versions/2")
    expect(page).to_have_url(re.compile(r"^http://[\d.:]+/models/Hash-Link/versions/2$"))
    page = dana.open("/#/models/Hash-Link")
    expect(page).to_have_url(re.compile(r"^http://[\d.:]+/models/Hash-Link$"))
    page = dana.open("/#/experiments/0")
    expect(page).to_have_url(re.compile(r"^http://[\d.:]+/experiments/0$"))
    dana.context.clear_cookies()
    page = dana.open("/#/models/Hash-Link/versions/1")
    expect(page).to_have_url(re.compile("/login"))
    expect(page.locator("form[action='/login'] input[name=next]")).to_have_value("/models/Hash-Link/versions/1")


def test_the_stock_admin_reads_and_never_moves(stack: Stack, visit: Visit) -> None:
    prepared(stack, "In-Admin", ask=True)
    for who in ("ada", "olga", "aude"):
        person = visit(who)
        for path in (
            "/admin/",
            "/admin/registry/approvalrequest/",
            "/admin/registry/modelversion/",
            "/admin/audit/event/",
            "/admin/accounts/user/",
            "/admin/accounts/team/",
        ):
            person.open(path)
            person.judge()
            assert person.page.locator("select[name=action]").count() == 0, path
    page = visit("ada").open("/admin/accounts/user/add/")
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("Reviewer").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("newcomer").first).to_be_visible()
    assert stack.manage("sign_in_link", "newcomer").returncode == 0
    page.get_by_role("link", name="newcomer", exact=True).first.click()
    page.get_by_label("Ops").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("ops, reviewer")).to_be_visible()


def test_a_deployment_is_asked_for_watched_and_cancelled_on_its_pages(stack: Stack, visit: Visit) -> None:
    prepared(stack, "To-Serve", ask=False)
    stack.django(LOCK)
    eli = visit("eli")
    for path in ("/endpoints", "/deployments"):
        eli.open(path)
        eli.judge()
    page = eli.open("/new-endpoint")
    eli.judge()
    page.get_by_label("Name", exact=True).fill("to-serve")
    page.get_by_label("Model", exact=True).select_option("To-Serve")
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_text("Serves nothing yet")).to_be_visible()
    eli.judge()
    page.get_by_role("button", name="Start the rollout").click()
    expect(page).to_have_url(re.compile(r"/deployments/\d+$"))
    expect(page.get_by_text("queued").first).to_be_visible()
    eli.judge()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled: nothing was changed.")).to_be_visible()
    eli.judge()
    dana = visit("dana", viewport={"width": 320, "height": 800}, color_scheme="dark")
    for path in ("/endpoints", "/endpoints/to-serve", "/deployments", "/models/To-Serve/permissions"):
        dana.open(path)
        dana.judge()

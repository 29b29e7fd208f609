"""Pages of deployments: taking a version out of service, and what an operator can do."""

import json

import pytest

from accounts.actors import Actor
from core import clock
from deployments import endpoints, rights, rollouts
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from monitoring import letters
from tests.deployments.story import AT_ONCE, locked_version
from tests.factories import make_model
from tests.web.visitors import browser
from web.pages import canaries

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(dana: Actor, eli: Actor) -> Endpoint:
    """An endpoint in staging on which two versions were installed, one after the other."""
    made = endpoints.create_endpoint("fraud-staging", model=make_model(dana), environment="staging", actor=eli)
    for _ in range(2):
        rollout = rollouts.start(locked_version(made.model, dana), made, AT_ONCE, actor=eli)
        rollouts.begin(rollout)
        rollouts.advance(rollout, RolloutState.DONE)
        rollouts.install(rollout)
    return made


@pytest.fixture
def stuck(endpoint: Endpoint, dana: Actor, eli: Actor) -> Rollout:
    rollout = rollouts.start(locked_version(endpoint.model, dana), endpoint, AT_ONCE, actor=eli)
    Rollout.objects.filter(pk=rollout.pk).update(state=RolloutState.NEEDS_OPERATOR, why="the router is away")
    return rollout


def test_the_endpoints_page_lists_what_may_serve_and_withdraws_it_with_a_reason(endpoint: Endpoint, eli: Actor) -> None:
    client = browser(eli)
    shown = client.get("/endpoints/fraud-staging").content.decode()
    assert "Installed rights" in shown
    assert "stands by" in shown
    refused = client.post("/endpoints/fraud-staging/withdraw", {"version": "2", "reason": ""})
    assert refused.status_code == 400
    done = client.post("/endpoints/fraud-staging/withdraw", {"version": "2", "reason": "leaks ages"})
    taken = endpoint.rollouts.get(kind="withdraw")
    assert done["Location"] == f"/deployments/{taken.pk}"
    assert "leaks ages" in client.get(f"/deployments/{taken.pk}").content.decode()


@pytest.mark.parametrize("path", ["/endpoints/fraud-staging", "/endpoints/fraud-staging/monitoring"])
def test_pages_of_an_endpoint_say_which_replica_writes_more_than_it_was_asked(
    endpoint: Endpoint, eli: Actor, ada: Actor, path: str
) -> None:
    assert "more evidence" not in browser(eli).get(path).content.decode()
    for name, lines in ((endpoint.name, 1_234_000), ("churn", 9)):
        said = json.dumps({"endpoint": name, "replica": f"{name}-7", "lines": lines})
        letters.put_aside([letters.dropped(name, said.encode())])
    page = browser(eli).get(path).content.decode()
    assert "<b>fraud-staging-7</b> wrote 1,234,000 records more" in page
    assert "churn-7" not in page
    assert "/admin/monitoring/deadletter/" not in page
    assert "/admin/monitoring/deadletter/" in browser(ada).get(path).content.decode()


def test_a_deployment_that_went_back_says_why_it_did_and_not_why_it_was_asked_for(
    endpoint: Endpoint, dana: Actor, eli: Actor
) -> None:
    why = "Roll back: 14 of 31 canary predictions were wrong, against 22 of 611 of the live version"
    for state, said in ((RolloutState.ROLLED_BACK, why), (RolloutState.DONE, "")):
        row = rollouts.start(locked_version(endpoint.model, dana), endpoint, AT_ONCE, reason="weekly", actor=eli)
        Rollout.objects.filter(pk=row.pk).update(state=state, why=said, ended_at=clock.now())
    table = browser(eli).get("/endpoints/fraud-staging").content.decode().split("<table")[1]
    done, back = table.split("<tr>")[2:4]
    assert f'<td class="text">{why}' in back
    assert "weekly" not in back
    assert '<td class="text">weekly' in done


def test_leaving_an_endpoint_with_nothing_takes_its_name_typed(endpoint: Endpoint, eli: Actor) -> None:
    client = browser(eli)
    InstalledRight.objects.filter(version__version=1).update(withdrawn_at=clock.now())
    body = {"version": "2", "reason": "leaks ages"}
    assert "all requests are refused" in client.get("/endpoints/fraud-staging").content.decode()
    assert client.post("/endpoints/fraud-staging/withdraw", body).status_code == 400
    assert rights.standing(endpoint).exists()
    client.post("/endpoints/fraud-staging/withdraw", {**body, "confirm": "fraud-staging"})
    assert not rights.standing(endpoint).exists()


def test_the_part_that_follows_says_what_the_one_who_looks_can_do_now(
    endpoint: Endpoint, dana: Actor, eli: Actor
) -> None:
    queued = rollouts.start(locked_version(endpoint.model, dana), endpoint, AT_ONCE, actor=eli)
    address = f"/deployments/{queued.pk}/live"
    assert 'data-doable="may_cancel at-"' in browser(eli).get(address).content.decode()
    assert 'data-doable="at-"' in browser(dana).get(address).content.decode()
    Rollout.objects.filter(pk=queued.pk).update(state=RolloutState.NEEDS_OPERATOR)
    assert 'data-doable="may_intervene at-"' in browser(eli).get(address).content.decode()


@pytest.mark.parametrize(("do", "state"), [("resume", "running"), ("turn_back", "rolling_back"), ("give_up", "failed")])
def test_an_operator_decides_on_the_deployments_page(stuck: Rollout, eli: Actor, do: str, state: str) -> None:
    client = browser(eli)
    assert "This deployment needs you" in client.get(f"/deployments/{stuck.pk}").content.decode()
    assert client.post(f"/deployments/{stuck.pk}/intervene", {"do": do, "reason": " "}).status_code == 400
    assert client.post(f"/deployments/{stuck.pk}/intervene", {"do": "shrug", "reason": "x"}).status_code == 400
    assert client.post(f"/deployments/{stuck.pk}/intervene", {"do": do, "reason": "saw it"}).status_code == 302
    stuck.refresh_from_db()
    assert (stuck.state, stuck.why) == (state, "saw it")


def test_in_the_admin_an_action_asks_why_and_then_does_it_by_the_same_rule(stuck: Rollout, olga: Actor) -> None:
    client, listing = browser(olga), "/admin/deployments/rolloutinneed/"
    chosen = {"action": "give_up", "_selected_action": [str(stuck.pk)]}
    assert "the router is away" in client.get(listing).content.decode()
    asked = client.post(listing, chosen).content.decode()
    assert 'name="reason"' in asked
    stuck.refresh_from_db()
    assert stuck.state == RolloutState.NEEDS_OPERATOR
    client.post(listing, {**chosen, "reason": "the machine is gone"})
    stuck.refresh_from_db()
    assert (stuck.state, stuck.why) == (RolloutState.FAILED, "the machine is gone")


def test_in_the_admin_an_auditor_reads_and_does_nothing(stuck: Rollout, aude: Actor) -> None:
    client, listing = browser(aude), "/admin/deployments/rolloutinneed/"
    shown = client.get(listing).content.decode()
    assert "the router is away" in shown
    assert "Give up" not in shown
    client.post(listing, {"action": "give_up", "_selected_action": [str(stuck.pk)], "reason": "x"})
    stuck.refresh_from_db()
    assert stuck.state == RolloutState.NEEDS_OPERATOR
    for page in ("endpoint", "rollout"):
        assert client.get(f"/admin/deployments/{page}/").status_code == 200


def test_who_may_not_act_is_told_who_may_and_where_to_ask(endpoint: Endpoint, stuck: Rollout, rita: Actor) -> None:
    client = browser(rita)
    for address in ("/endpoints/fraud-staging", f"/deployments/{stuck.pk}"):
        page = client.get(address).content.decode()
        assert "takes the role ML engineer or Ops" in page
        assert 'href="/account/access?role=ml-engineer"' in page
        assert "<textarea" not in page
    done = endpoint.rollouts.filter(state=RolloutState.DONE).earliest("pk")
    assert "takes the role" not in client.get(f"/deployments/{done.pk}").content.decode()


def test_who_may_act_is_not_told_of_roles(endpoint: Endpoint, stuck: Rollout, eli: Actor) -> None:
    for address in (f"/endpoints/{endpoint.name}", f"/deployments/{stuck.pk}"):
        assert "takes the role" not in browser(eli).get(address).content.decode()


def at_share(endpoint: Endpoint, dana: Actor, eli: Actor, share: int, observed: dict[str, object]) -> Rollout:
    """Return a canary of 5 and 25 % that is watched at `share`, with what is seen there; 5 % ended well."""
    plan = Plan.of({"strategy": "canary", "shares": [5, 25]})
    rollout = rollouts.start(locked_version(endpoint.model, dana), endpoint, plan, actor=eli)
    Rollout.objects.filter(pk=rollout.pk).update(state=RolloutState.RUNNING)
    begun = {"started_at": clock.now()}
    rollout.steps.filter(name__in=["install", "route"], arguments__share_pct__isnull=True).update(status="done")
    at_five = rollout.steps.filter(arguments__share_pct=5)
    at_five.update(status="done" if share > 5 else "applied", **begun)
    if share > 5:
        guard = {"name": "error", "peak": 3.7e23, "limit": 40, "ratio": [0, None], "state": "inside"}
        seen = {"verdict": "promote", "sentence": "Promote: it is as good.", "guards": [guard]}
        at_five.filter(name="watch").update(observed={**seen, "since": {"canary": 1}, "counted": {"canary": 60}})
    rollout.steps.filter(name="route", arguments__share_pct=share).update(status="done", **begun)
    rollout.steps.filter(name="watch", arguments__share_pct=share).update(observed=observed, **begun)
    return rollout


def live_part(rollout: Rollout, actor: Actor) -> str:
    page = browser(actor).get(f"/deployments/{rollout.pk}/live").content.decode()
    return page[page.index("Verdict") : page.index(">Log<")]


def test_just_after_a_step_began_the_page_shows_no_verdict_and_no_counts_of_the_one_before(
    endpoint: Endpoint, dana: Actor, eli: Actor
) -> None:
    shown = live_part(at_share(endpoint, dana, eli, 25, {}), eli)
    verdict = shown[: shown.index("Guardrails")]
    assert "Nothing is judged at 25 % yet." in verdict
    assert "<b>25 %</b> asked" in verdict
    assert "promote" not in verdict.lower()
    assert "taken" not in verdict
    assert "Evidence, highest" in shown, "guardrails count over all steps"


def test_counts_are_of_the_moment_of_the_verdict(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    seen = {"verdict": "hold", "sentence": "Hold: 0 of 100 canary requests in this step."}
    counters = {"since": {"canary": 60, "stable": 940}, "counted": {"canary": 93, "stable": 1_055}}
    shown = live_part(at_share(endpoint, dana, eli, 25, {**seen, **counters}), eli)
    assert "33 of 148 requests" in shown
    assert "Hold: 0 of 100 canary requests" in shown
    assert "gets no traffic" not in shown


def test_evidence_over_a_million_is_said_in_words(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    shown = live_part(at_share(endpoint, dana, eli, 25, {}), eli)
    assert '<td class="num">over 1,000,000</td>' in shown
    assert "000,000,000" not in shown


def test_a_gate_is_opened_on_the_deployments_page_with_a_comment(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    plan = Plan.of({"strategy": "canary", "shares": [{"pct": 5, "gate": True}]})
    rollout = rollouts.start(locked_version(endpoint.model, dana), endpoint, plan, actor=eli)
    Rollout.objects.filter(pk=rollout.pk).update(state=RolloutState.RUNNING)
    rollout.steps.filter(name__in=["install", "watch"]).update(status="done")
    rollout.steps.filter(name="route", arguments__share_pct=5).update(status="done")
    waits = {"sentence": "The gate behind 5 % waits.", "needs_person": True}
    rollout.steps.filter(name="gate").update(status="applied", started_at=clock.now(), observed=waits)
    client, address = browser(eli), f"/deployments/{rollout.pk}"
    shown = client.get(address).content.decode()
    assert "Gate at 5 %" in shown
    assert 'value="open_gate"' in shown
    assert "The gate behind 5 % waits." in client.get("/").content.decode()
    assert "gate-5" in client.get(f"{address}/live").content.decode()
    said = {"do": "open_gate", "share_pct": "5", "reason": ""}
    assert client.post(f"{address}/steer", said).status_code == 400
    assert client.post(f"{address}/steer", {**said, "reason": "saw it"}).status_code == 302
    assert rollout.steps.get(name="gate").why == "let through by eli"
    assert client.post(f"{address}/steer", {**said, "reason": "again"}).status_code == 409


@pytest.mark.parametrize(
    ("taken", "everything", "said"),
    [(0, 10, 0), (8, 200, 4), (412, 8_340, 4.9), (5_003, 100_000, 5.0), (499_512, 10_000_000, 5.0), (1, 1, 100)],
)
def test_a_share_is_said_in_no_more_places_than_were_seen(taken: int, everything: int, said: float) -> None:
    assert canaries.taken_pct(taken, everything) == said

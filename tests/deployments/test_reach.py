"""A signature up to a share: the rollout is kept there, watched, until a wider one; nothing goes round it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from accounts.actors import Actor, Via, person
from accounts.permissions import Scope
from audit import seal
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import engine, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import conditions, decisions, delegations, glass, requests, transitions
from registry.decisions import Choice, Verdict
from registry.models import ApprovalRequest, Decision, ModelVersion
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed
from tests.deployments.traffic import Traffic, routes, traffic
from tests.factories import ask_production, make_version
from tests.monitoring.conftest import Stream, stream
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.rest.test_rest import Caller

__all__ = ["stream", "traffic"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RULES = {"min_units": 20, "min_labels": 10, "min_s": 0, "max_s": 60, "ratio_bound": None}
SHARES = Plan.of({"strategy": "canary", "shares": [5, 25], "rules": RULES})
GATED = Plan.of({"strategy": "canary", "shares": [{"pct": 5, "gate": True}, 25], "rules": RULES})
BACKEND = "django.contrib.auth.backends.ModelBackend"
ONE = "[{group: reviewer, count: 1}]"


def approve(request: ApprovalRequest, by: Actor, up_to_pct: int = 100) -> Decision | decisions.Moved:
    accepted = [check.pk for check in request.checks.all()]
    choice = Choice(Verdict.APPROVE, request.subject_digest, "fine so far", accepted, up_to_pct)
    decided = decisions.decide(request, choice, actor=by)
    seal.seal()
    return decided


def ask(version: ModelVersion, endpoint: Endpoint, by: Actor, plan: Plan = SHARES) -> ApprovalRequest:
    return rollouts.request_deployment(version, endpoint, plan, reason="go", actor=by).request


@pytest.fixture
def second(
    hands: Hands, unsealed: None, production: Endpoint, people: dict[str, Actor], stream: Stream
) -> ModelVersion:
    """A version that is asked for where version 1 serves."""
    first = locked_version(production.model, people["dana"])
    signed(first, production, people["dana"], people["rita"])
    run(hands, rollouts.start(first, production, AT_ONCE, actor=people["olga"]))
    stream.endpoint = production.name
    return locked_version(production.model, people["dana"])


@pytest.fixture
def at_five(hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor]) -> Rollout:
    """A canary at 5 %, which is how far it was approved."""
    approve(ask(second, production, people["dana"]), people["rita"], 5)
    return run(hands, rollouts.start(second, production, SHARES, actor=people["olga"]), turns=4)


def asked(rollout: Rollout) -> ApprovalRequest:
    assert rollout.request
    return requests.find_request(rollout.request.pk, actor=person(rollout.created_by, Via.PASSWORD))


def test_a_canary_stays_at_the_share_that_is_approved_until_a_wider_approval(
    hands: Hands, at_five: Rollout, traffic: Traffic, people: dict[str, Actor]
) -> None:
    traffic(at_five, 5)
    run(hands, at_five)
    watch = at_five.steps.get(name="watch", arguments__share_pct=5)
    words = "Approved up to 5 %; 25 % comes next. It waits for 1 from reviewer."
    assert (routes(hands, at_five)["canary"], watch.observed["sentence"]) == (500, f"Hold: {words}")
    approve(asked(at_five), people["rita"], 25)
    run(hands, at_five, turns=3)
    assert routes(hands, at_five)["canary"] == 2_500
    traffic(at_five, 25, requests=300)
    assert run(hands, at_five).state == RolloutState.RUNNING
    approve(asked(at_five), people["rob"])
    assert run(hands, at_five).state == RolloutState.DONE
    told = Event.objects.filter(action="request.decided", object_id=str(at_five.request_id))
    assert [row.actor_name for row in told.order_by("id")] == ["rita", "rita", "rob"]


def test_what_is_approved_in_part_moves_neither_stage_nor_champion(at_five: Rollout, people: dict[str, Actor]) -> None:
    version = at_five.version
    waits = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    assert isinstance(waits, ApprovalRequired)
    assert (waits.request.pk, waits.opened) == (at_five.request_id, False)
    approve(asked(at_five), people["rita"])
    moved = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    assert isinstance(moved, transitions.Transitioned)


@pytest.mark.parametrize("deed", ["promote", "promote_all", "open_gate"])
def test_no_word_of_an_operator_goes_past_what_is_approved(
    hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor], deed: str
) -> None:
    approve(ask(second, production, people["dana"], GATED), people["rita"], 5)
    rollout = run(hands, rollouts.start(second, production, GATED, actor=people["olga"]), turns=4)
    if deed == "open_gate":
        rollout.steps.filter(name="watch", arguments__share_pct=5).update(status="done")
        run(hands, rollout)
    with pytest.raises(Conflict, match=r"stays at its share. Approved up to 5 %; (25|100) % comes next"):
        steering.BY_NAME[deed](rollout, reason="hurry", actor=people["olga"])
    run(hands, rollout)
    assert routes(hands, rollout)["canary"] == 500


def test_neither_a_row_written_by_hand_nor_another_engine_goes_past_it(hands: Hands, at_five: Rollout) -> None:
    ApprovalRequest.objects.filter(rollout=at_five).update(ceiling_pct=100)
    at_five.steps.filter(name="watch", arguments__share_pct=5).update(status="done")
    for holder in ("engine-2", "engine-3"):
        Rollout.objects.filter(pk=at_five.pk).update(lease_until=clock.now())
        engine.turn(holder)
        hands.work()
    assert routes(hands, at_five)["canary"] == 500


def test_evidence_sends_it_back_while_it_waits_for_a_wider_approval(
    hands: Hands, at_five: Rollout, traffic: Traffic
) -> None:
    at_five.steps.filter(name="watch", arguments__share_pct=5).update(status="done")
    run(hands, at_five, turns=2)
    traffic(at_five, 5, requests=600, wrong=0.6)
    assert run(hands, at_five).state == RolloutState.ROLLED_BACK


def test_it_goes_back_when_the_signature_is_over_before_a_wider_one_came(
    hands: Hands, at_five: Rollout, traffic: Traffic, people: dict[str, Actor]
) -> None:
    traffic(at_five, 5)
    run(hands, at_five)
    ApprovalRequest.objects.filter(rollout=at_five).update(expires_at=clock.now() - timedelta(seconds=1))
    done = run(hands, at_five)
    assert done.state == RolloutState.ROLLED_BACK
    assert f"approval #{at_five.request_id} expired before 25 %" in done.why


def test_who_may_not_decide_widens_nothing(at_five: Rollout, people: dict[str, Actor]) -> None:
    request = asked(at_five)
    blind = replace(people["rob"], via=Via.TOKEN, scopes=frozenset({Scope.READ, Scope.WRITE}))
    for nobody in (people["dana"], people["olga"], people["ada"], blind):
        with pytest.raises(Denied):
            approve(request, nobody)
    with pytest.raises(Conflict, match="digest"):
        decisions.decide(request, Choice(Verdict.APPROVE, "f" * 64, "x"), actor=people["rob"])
    assert conditions.ceiling_of(asked(at_five)) == 5


def test_a_word_only_ever_goes_further(at_five: Rollout, people: dict[str, Actor]) -> None:
    request, rita = asked(at_five), people["rita"]
    again = approve(request, rita, 5)
    assert isinstance(again, Decision)
    assert Decision.objects.filter(request=request).count() == 1, "the same sent twice is kept once"
    with pytest.raises(Conflict, match="approved further only"):
        decisions.decide(request, Choice(Verdict.REJECT, request.subject_digest, "no"), actor=people["rob"])
    approve(request, rita, 25)
    with pytest.raises(Conflict, match="You decided already: approved up to 25 %"):
        approve(asked(at_five), rita, 5)
    approve(asked(at_five), rita)
    with pytest.raises(Conflict, match="cannot be decided any more"):
        approve(asked(at_five), people["rob"])


def test_only_a_share_that_is_asked_for_can_be_approved(
    second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    request = ask(second, production, people["dana"])
    with pytest.raises(Invalid, match=r"a share that is asked for: 5 %, 25 %, 100 %") as refused:
        approve(request, people["rita"], 10)
    assert refused.value.field == "up_to_pct"
    choice = Choice(Verdict.REJECT, request.subject_digest, "no", (), 5)
    with pytest.raises(Invalid, match="Only an approval"):
        decisions.decide(request, choice, actor=people["rita"])
    with pytest.raises(Invalid, match="100 %"):
        approve(ask_production(make_version(second.model, people["dana"]), people["dana"]), people["rita"], 5)


def test_two_are_counted_at_each_share_by_how_far_they_go(
    second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(actions="[{deploy: production}]"), people)
    request = ask(second, production, people["dana"])
    approve(request, people["rita"], 5)
    assert conditions.ceiling_of(request) == 0
    approve(request, people["rita"], 25)
    assert ApprovalRequest.objects.get(pk=request.pk).state == "open", "one person counts once, however often"
    approve(request, people["rob"], 5)
    row = ApprovalRequest.objects.get(pk=request.pk)
    assert (row.state, row.ceiling_pct) == ("approved", 5)
    approve(request, people["rob"])
    row.refresh_from_db()
    assert row.ceiling_pct == 25


def test_a_policy_for_larger_shares_asks_for_its_people_there_only(
    hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(text_of("usual", order=20, actions="[{deploy: production}]", approvals=ONE), people)
    put_in_force(text_of("large", actions="[{deploy: production, share_above_pct: 5}]"), people)
    request = ask(second, production, people["dana"])
    assert request.approvals_needed == 2
    approve(request, people["rita"])
    row = ApprovalRequest.objects.get(pk=request.pk)
    assert (row.state, row.ceiling_pct) == ("approved", 5)
    assert ApprovalRequest.objects.waiting_for(people["rob"]).get() == row
    assert not ApprovalRequest.objects.waiting_for(people["rita"]).exists()
    rollout = run(hands, rollouts.start(second, production, SHARES, actor=people["olga"]), turns=4)
    with pytest.raises(Conflict, match=r"25 % comes next. It waits for 1 from reviewer"):
        steering.promote(rollout, reason="hurry", actor=people["olga"])
    approve(request, people["rob"])
    steering.promote(rollout, reason="both signed", actor=people["olga"], to_all=True)
    assert run(hands, rollout).state == RolloutState.DONE


def test_a_deputy_goes_further_in_the_same_place(
    second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    delegations.delegate("rob", ends_at=clock.now() + timedelta(days=1), reason="away", actor=people["rita"])
    request = ask(second, production, people["dana"])
    approve(request, people["rob"], 5)
    approve(request, people["rob"])
    assert ApprovalRequest.objects.get(pk=request.pk).ceiling_pct == 100


EVERYTHING = "[{stage: Production}, {alias: champion}, {deploy: production}]"


def test_in_an_emergency_the_rest_is_let_through(
    hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(actions=EVERYTHING, approvals=ONE, more="break_glass: allowed\n"), people)
    request = ask(second, production, people["dana"])
    approve(request, people["rita"], 5)
    rollout = run(hands, rollouts.start(second, production, SHARES, actor=people["olga"]), turns=4)
    glass.break_glass(request, digest=request.subject_digest, reason="fire", actor=people["olga"])
    seal.seal()
    steering.promote(rollout, reason="fire", actor=people["olga"], to_all=True)
    assert run(hands, rollout).state == RolloutState.DONE
    assert Event.objects.get(action="glass.broken").object_id == str(request.pk)


def test_a_reviewer_says_on_the_page_how_far_and_everybody_is_shown_it(
    hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor], client: Client
) -> None:
    request = ask(second, production, people["dana"])
    address = f"/approvals/{request.pk}"
    client.force_login(people["rita"].person, backend=BACKEND)
    assert '<option value="5">up to 5 %, and wait there</option>' in client.get(address).content.decode()
    said = {"verdict": "approve", "digest": request.subject_digest, "comment": "five first"}
    said |= {f"accept-{check.pk}": "yes" for check in request.checks.all()}
    refused = client.post(f"{address}/decide", {**said, "up_to_pct": "7"})
    assert refused.status_code == 400
    assert 'aria-describedby="decision-reach-error' in refused.content.decode()
    assert client.post(f"{address}/decide", {**said, "up_to_pct": "5"}).status_code == 302
    seal.seal()
    page = client.get(address).content.decode()
    for words in (
        "up to 5 %</span>",
        "<span> up to 5 %</span>",
        "waits for 1 from reviewer",
        "Approve v2 for",
    ):
        assert words in page
    assert '<option value="5"' not in page, "it goes further only"
    assert "Reject v2" not in page
    assert f'href="{address}"' in client.get("/approvals").content.decode(), "it waits for a wider approval"
    rollout = run(hands, rollouts.start(second, production, SHARES, actor=people["olga"]), turns=4)
    shown = client.get(f"/deployments/{rollout.pk}").content.decode()
    assert "Approved up to 5 %; 25 % comes next. It waits for 1 from reviewer." in shown
    client.force_login(people["dana"].person, backend=BACKEND)
    assert "Move v2 to Production" not in client.get(address).content.decode()


def test_by_rest_a_deployment_is_asked_for_and_approved_step_by_step(
    hands: Hands, second: ModelVersion, production: Endpoint, people: dict[str, Actor]
) -> None:
    dana, rita, olga = (Caller(people[name], *Scope) for name in ("dana", "rita", "olga"))
    move = {"model": second.model.name, "version": 2, "stage": "Production", "archive_existing": True}
    wanted = {**move, "endpoint": production.name, "plan": SHARES.document}
    assert dana("POST", "requests", **move, endpoint=production.name).status_code == 400
    opened = dana("POST", "requests", **wanted)
    assert (opened.status_code, opened.json()["approved_up_to_pct"]) == (201, 0)
    address, digest = f"requests/{opened.json()['id']}", opened.json()["subject_digest"]
    accepted = [check["id"] for check in opened.json()["checks"]]
    word = {"verdict": "approve", "subject_digest": digest, "comment": "five first", "accepted": accepted}
    assert rita("POST", f"{address}/decisions", **word, up_to_pct=6).status_code == 400
    decided = rita("POST", f"{address}/decisions", **word, up_to_pct=5)
    assert (decided.status_code, decided.json()["up_to_pct"]) == (201, 5)
    seal.seal()
    read = dana("GET", address).json()
    assert (read["state"], read["approved_up_to_pct"]) == ("approved", 5)
    assert dana("POST", "moves", **move).status_code == 202
    started = olga("POST", "rollouts", endpoint=production.name, version=2, plan=SHARES.document)
    assert started.json()["approved_up_to_pct"] == 5
    run(hands, Rollout.objects.get(pk=started.json()["id"]), turns=4)
    assert olga("GET", f"rollouts/{started.json()['id']}").json()["waits"].startswith("Approved up to 5 %")
    assert rita("POST", f"{address}/decisions", **word).status_code == 201
    assert dana("GET", address).json()["approved_up_to_pct"] == 100

"""Pages of policies, as people use them: write, propose, look at what it would change, accept."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.actors import Actor
from core import clock
from deployments import endpoints
from deployments.models import Rollout
from registry import registered
from registry.models import PolicyVersion
from registry.policies import book, changes
from tests.deployments.story import AT_ONCE, locked_version
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = pytest.mark.django_db
TEXT = text_of()


def client_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(actor: Actor, path: str) -> str:
    return client_of(actor).get(path).content.decode()


def test_a_policy_is_written_proposed_looked_at_and_accepted(people: dict[str, Actor]) -> None:
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    rita, rob = client_of(people["rita"]), client_of(people["rob"])
    assert "policy: production" in page(people["rita"], "/new-policy")
    answer = rita.post("/new-policy", {"text": TEXT, "reason": "after the incident"})
    assert answer["Location"] == "/policies/careful/versions/1"
    mine = page(people["rita"], "/policies/careful/versions/1")
    assert "You proposed this, so somebody else accepts it." in mine
    assert "Withdraw the proposal" in mine
    theirs = page(people["rob"], "/policies/careful/versions/1")
    assert "Held to careful v1 instead of default v1." in theirs
    assert "after the incident" in theirs
    assert f"/approvals/{request.pk}" in theirs
    version = PolicyVersion.objects.get()
    missed = rob.post("/policies/careful/versions/1/accept", {"digest": version.digest, "comment": ""})
    assert missed.status_code == 400
    assert "Say why" in missed.content.decode()
    rob.post("/policies/careful/versions/1/accept", {"digest": version.digest, "comment": "agreed"})
    assert [one.name for one in book.in_force()] == ["careful"]
    assert "2 from reviewer" in page(people["aude"], "/policies")
    assert "in force" in page(people["aude"], "/policies/careful")


def test_errors_are_told_by_line_and_the_text_is_kept(rita: Actor) -> None:
    text = TEXT.replace("order: 10", "order: ten\nordre: 3")
    answer = client_of(rita).post("/new-policy", {"text": text, "reason": "because"})
    said = answer.content.decode()
    assert answer.status_code == 400
    assert "Line 3, column 1: &#x27;order&#x27; has to be a whole number, not text" in said
    assert "Line 4, column 1: unknown key &#x27;ordre&#x27;" in said
    assert 'id="line-3"' in said
    assert "order: ten" in said
    assert "because" in said
    assert not PolicyVersion.objects.exists()


def test_a_change_is_shown_against_what_is_in_force(people: dict[str, Actor]) -> None:
    put_in_force(TEXT, people)
    assert "policy: careful" in page(people["rob"], "/new-policy?from=careful")
    changes.propose(text_of(more="wait: 1h\n"), actor=people["rob"])
    said = page(people["rita"], "/policies/careful/versions/2")
    assert "against v1, which is in force" in said
    assert '<li class="textline textline-ok">' in said
    assert "proposed" in page(people["dana"], "/policies")


def test_a_proposal_is_refused_with_words(rita: Actor, rob: Actor) -> None:
    changes.propose(TEXT, actor=rita)
    client_of(rob).post("/policies/careful/versions/1/turn-down", {"comment": "too slow for us"})
    said = page(rita, "/policies/careful/versions/1")
    assert "refused" in said
    assert "too slow for us" in said


def test_whoever_may_not_accept_is_told_who_may(rita: Actor, dana: Actor) -> None:
    changes.propose(TEXT, actor=rita)
    assert "needs the role Reviewer or Admin" in page(dana, "/policies/careful/versions/1")
    assert client_of(dana).get("/new-policy").status_code == 403


def test_the_review_page_leads_to_the_policy(people: dict[str, Actor]) -> None:
    put_in_force(TEXT, people)
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    assert 'href="/policies/careful/versions/1"' in page(people["rita"], f"/approvals/{request.pk}")


def test_a_proposal_waits_at_the_home_and_bell_of_whoever_may_accept_it(people: dict[str, Actor]) -> None:
    changes.propose(TEXT, reason="after the incident", actor=people["rita"])
    for name in ("rob", "ada"):
        assert "Policy careful v1" in page(people[name], "/")
        assert "rita proposes a policy" in page(people[name], "/notifications")
    for name in ("rita", "dana", "aude"):
        assert "Policy careful v1" not in page(people[name], "/")
        assert "rita proposes a policy" not in page(people[name], "/notifications")


def test_whoever_sets_limits_sets_the_tier_and_leaves_the_rest(people: dict[str, Actor]) -> None:
    model = registered.update_model(make_model(people["dana"]), description="fraud", actor=people["dana"])
    assert "Set the risk tier" in page(people["rita"], "/models/Fraud-Detection")
    client_of(people["rita"]).post("/models/Fraud-Detection", {"risk_tier": "high"})
    model.refresh_from_db()
    assert (model.risk_tier, model.description) == ("high", "fraud")
    put_in_force(text_of(match="  risk: [high]\n"), people)
    answer = client_of(people["dana"]).post("/models/Fraud-Detection", {"description": "x", "risk_tier": "low"})
    assert answer.status_code == 403
    assert "other policies would hold for Fraud-Detection" in answer.content.decode()


def test_the_page_of_policies_lists_the_freezes_ahead(people: dict[str, Actor]) -> None:
    day = clock.now().date()
    windows = ((9, 10, "year end"), (-1, 1, "audit"))
    said = ", ".join(
        f"{{from: {day + timedelta(days=start)}, until: {day + timedelta(days=end)}, zone: UTC, why: {why}}}"
        for start, end, why in windows
    )
    assert "No policy in force has a freeze ahead" in page(people["dana"], "/policies")
    put_in_force(text_of(more=f"freeze: [{said}]\n"), people)
    shown = page(people["dana"], "/policies")
    assert shown.index("audit") < shown.index("year end")
    assert shown.count("holds</span>") == 1


def test_an_endpoint_and_a_waiting_deployment_say_until_when(people: dict[str, Actor]) -> None:
    day, olga = clock.now().date(), people["olga"]
    made = endpoints.create_endpoint("fraud", model=make_model(people["dana"]), environment="production", actor=olga)
    freeze = f"freeze: [{{from: {day - timedelta(days=1)}, until: {day + timedelta(days=1)}, zone: UTC, why: audit}}]\n"
    put_in_force(text_of(actions="[{deploy: production}]", more=freeze), people)
    until = f"Frozen until {day + timedelta(days=1)} 00:00 UTC: audit."
    assert until in page(olga, "/endpoints/fraud")
    version = locked_version(made.model, people["dana"])
    row = Rollout.objects.create(endpoint=made, version=version, plan=AT_ONCE.document, created_by=olga.person)
    assert until in page(olga, f"/deployments/{row.pk}")
    assert client_of(olga).get(f"/api/v1/rollouts/{row.pk}").json()["waits"] == until

"""Break-glass: one named person, one digest, 4 hours, in front of everybody, reviewed by somebody else."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.actors import Actor
from audit import seal
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import endpoints, engine, rollouts
from deployments.models import Rollout
from registry import glass, history, requests, transitions
from registry.models import ApprovalRequest, BrokenGlass, ModelVersion
from registry.models.approvals import RequestState
from registry.requests import ApprovalRequired
from registry.stages import Stage
from registry.transitions import Transitioned
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
FROZEN = "freeze: [{from: 2026-01-01, until: 2099-01-01, zone: UTC, why: for ever}]\n"
ALLOWED = text_of(more=f"checks: [{{metric: auc, at_least: 0.9}}]\nwait: 9h\n{FROZEN}break_glass: allowed\n")


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    return make_version(make_model(dana), dana)


def broken(request: ApprovalRequest, by: Actor) -> BrokenGlass:
    outcome = glass.break_glass(request, digest=request.subject_digest, reason="payments are down", actor=by)
    assert isinstance(outcome, BrokenGlass)
    request.refresh_from_db()
    return outcome


def test_one_named_person_lets_exactly_this_through_and_the_ledger_says_what_was_overridden(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    put_in_force(ALLOWED, people)
    request = ask_production(version, people["dana"])
    found = broken(request, people["olga"])
    assert request.state == RequestState.APPROVED
    assert found.overridden[0] == "It waits for 2 from reviewer."
    assert found.overridden[1] == "'auc >= 0.9' failed: it must pass first."
    assert found.overridden[2].startswith("It can be approved from")
    assert found.overridden[3] == "Frozen until 2099-01-01 00:00 UTC: for ever."
    told = history.tell(Event.objects.get(action="glass.broken"))
    assert (told.comment, told.facts["subject"]) == ("payments are down", request.subject_digest)
    assert told.facts["overridden"] == found.overridden
    outcome = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    assert isinstance(outcome, Transitioned)
    assert history.tell(Event.objects.get(action="version.stage.changed")).facts["break_glass"] is True


def test_it_ends_after_four_hours(
    version: ModelVersion, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(ALLOWED, people)
    request = ask_production(version, people["dana"])
    found = broken(request, people["olga"])
    assert found.ends_at - found.opened_at <= timedelta(hours=4)
    later = clock.now() + timedelta(hours=4, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    outcome = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    assert isinstance(outcome, ApprovalRequired)
    request.refresh_from_db()
    assert request.state == RequestState.EXPIRED


@pytest.mark.parametrize("text", ["", text_of(), text_of(more="break_glass: forbidden\n")])
def test_a_policy_has_to_allow_it(text: str, version: ModelVersion, people: dict[str, Actor]) -> None:
    if text:
        put_in_force(text, people)
    with pytest.raises(Conflict, match="allows no break-glass"):
        broken(ask_production(version, people["dana"]), people["olga"])


def test_every_policy_that_holds_has_to_allow_it(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(ALLOWED, people)
    put_in_force(text_of("champion", order=11, actions="[{alias: champion}]"), people)
    with pytest.raises(Conflict, match="Policy champion v1 allows no break-glass"):
        broken(ask_production(version, people["dana"]), people["olga"])


@pytest.mark.parametrize("name", ["dana", "eli", "rita", "aude", "ada", "otto"])
def test_nobody_else_may(name: str, version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(ALLOWED, people)
    with pytest.raises(Denied):
        broken(ask_production(version, people["dana"]), people[name])


def test_digest_reason_and_state_are_held_to(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(ALLOWED, people)
    request, olga = ask_production(version, people["dana"]), people["olga"]
    with pytest.raises(Conflict, match="digest"):
        glass.break_glass(request, digest="0" * 64, reason="fire", actor=olga)
    with pytest.raises(Invalid, match="Say why"):
        glass.break_glass(request, digest=request.subject_digest, reason=" ", actor=olga)
    assert broken(request, olga) == broken(request, olga)
    assert Event.objects.filter(action="glass.broken").count() == 1
    transitions.transition(version, to=Stage.ARCHIVED, actor=people["eli"])
    other = ask_production(make_version(version.model, people["dana"]), people["dana"])
    transitions.transition(other.version, to=Stage.ARCHIVED, actor=people["eli"])
    with pytest.raises(Conflict, match="superseded"):
        broken(requests.find_request(other.pk, actor=olga), olga)


def test_somebody_without_a_part_in_it_reviews_it_once(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(ALLOWED, people)
    request = ask_production(version, people["dana"])
    with pytest.raises(Conflict, match="Nobody broke the glass"):
        glass.review(request, comment="fine", actor=people["rita"])
    broken(request, people["olga"])
    assert list(BrokenGlass.objects.waiting_for(people["rita"])) == [glass.of(request)]
    for name in ("olga", "dana", "ada"):
        assert not BrokenGlass.objects.waiting_for(people[name]).exists()
        with pytest.raises(Denied):
            glass.review(request, comment="fine", actor=people[name])
    for _ in range(2):
        assert glass.review(request, comment="it was right", actor=people["rita"]).review == "it was right"
    assert Event.objects.filter(action="glass.reviewed").count() == 1
    assert not BrokenGlass.objects.waiting_for(people["rob"]).exists()


def test_a_deployment_that_was_let_through_starts_in_a_freeze_once_it_is_sealed(
    hands: Hands, people: dict[str, Actor]
) -> None:
    put_in_force(ALLOWED, people)
    model = make_model(people["dana"])
    endpoint = endpoints.create_endpoint("fraud", model=model, environment="production", actor=people["olga"])
    version = locked_version(model, people["dana"])
    move = requests.move_of(ask_production(version, people["dana"]))
    request = rollouts.request_deployment(
        version, endpoint, AT_ONCE, move=move, reason="", actor=people["dana"]
    ).request
    broken(request, people["olga"])
    rollout = rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"])
    seal.seal()
    seal.seal()
    engine.turn("engine-1")
    assert Rollout.objects.get(pk=rollout.pk).state == "running"


def client_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_it_is_broken_on_the_page_shown_on_every_page_and_reviewed(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    put_in_force(ALLOWED, people)
    request = ask_production(version, people["dana"])
    olga, rita, path = client_of(people["olga"]), client_of(people["rita"]), f"/approvals/{request.pk}"
    assert "Break glass" in olga.get(path).content.decode()
    assert "Break glass" not in rita.get(path).content.decode()
    said = {"digest": request.subject_digest, "reason": "payments are down", "confirm": "wrong"}
    assert "Type the model" in olga.post(f"{path}/break-glass", said).content.decode()
    assert olga.post(f"{path}/break-glass", {**said, "confirm": "Fraud-Detection"}).status_code == 302
    elsewhere = rita.get("/models").content.decode()
    assert "BREAK-GLASS" in elsewhere
    assert "payments are down" in elsewhere
    home = rita.get("/").content.decode()
    assert "Broken glass: Fraud-Detection v1" in home
    assert "olga broke the glass: review it" in rita.get("/notifications").content.decode()
    assert "Close the matter" in rita.get(path).content.decode()
    assert "BREAK-GLASS" in rita.get(path).content.decode()
    rita.post(f"{path}/glass-review", {"comment": "it was right"})
    after = rita.get(path).content.decode()
    assert "it was right" in after
    assert "Overridden" in after
    told = olga.get(f"/api/v1/requests/{request.pk}").json()["glass"]
    assert (told["person"], told["reviewed_by"], told["review"]) == ("olga", "rita", "it was right")
    assert client_of(people["aude"]).get("/api/v1/requests?tab=all").json()[0]["glass"]["person"] == "olga"

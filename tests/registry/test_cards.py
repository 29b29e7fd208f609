"""Model cards: filled from the run, gaps shown, approved by another, and what a signature covers."""

import pytest

from accounts.actors import Actor
from core.refusals import Conflict, Denied, Invalid
from registry import card_writing, cards, decisions, measurements, requests, versions
from registry.cards import SECTIONS
from registry.models import ApprovalRequest, CardState, ModelVersion, RunTag
from tests.factories import ask_production, make_model, make_run, make_version
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
WHOLE = {name: f"{name} in words" for name in SECTIONS}
REQUIRED = "checks: [{card: complete}]\n"


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    return make_version(make_model(dana), dana)


def approved(version: ModelVersion, dana: Actor, rita: Actor) -> None:
    card_writing.write(version, WHOLE, submit=True, actor=dana)
    card_writing.review(fresh(version), verdict="approve", digest=read(version).digest, words="fine", actor=rita)


def fresh(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


def read(version: ModelVersion) -> cards.Card:
    return cards.card_of(fresh(version))


def approve(request: ApprovalRequest, rita: Actor) -> None:
    request = requests.find_request(request.pk, actor=rita)
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine", accepted)
    decisions.decide(request, choice, actor=rita)


def test_a_card_is_filled_from_the_run_and_shows_its_gaps(dana: Actor) -> None:
    run = make_run(dana, metrics={"auc": 0.9, "auc/region:eu": 0.8, "loose/end": 1.0})
    RunTag.objects.create(run=run, key="signoff.card.limits", value="Thin files.")
    measurements.log_inputs(
        run, datasets=[{"dataset": {"name": "loans-2026", "digest": "abc123"}}], model_ids=[], actor=dana
    )
    asked = versions.Registration(f"runs:/{run.run_id}/model", run_id=run.run_id, description="Scores loans.")
    card = read(versions.register_version(make_model(dana), asked, actor=dana))
    texts = {part.name: (part.text, part.source) for part in card.sections}
    assert texts["purpose"] == ("Scores loans.", "description")
    assert texts["limits"] == ("Thin files.", "tag signoff.card.limits")
    assert texts["data"] == ("loans-2026 (abc123)", "data logged by the run")
    assert card.gaps == ["users", "ethics"]
    assert card.slices == [("auc", "region:eu", 0.8)]
    assert card.state == CardState.DRAFT


def test_a_card_goes_from_draft_through_review_to_approved(version: ModelVersion, dana: Actor, rita: Actor) -> None:
    with pytest.raises(Invalid, match="gaps"):
        card_writing.write(version, {"users": "clerks"}, submit=True, actor=dana)
    card_writing.write(version, {"users": "clerks"}, actor=dana)
    assert read(version).gaps == ["limits", "data", "ethics"]
    card_writing.write(version, WHOLE, submit=True, actor=dana)
    card_writing.write(version, WHOLE, submit=True, actor=dana)
    digest = read(version).digest
    with pytest.raises(Conflict):
        card_writing.review(fresh(version), verdict="approve", digest="f", words="fine", actor=rita)
    with pytest.raises(Denied):
        card_writing.review(fresh(version), verdict="approve", digest=digest, words="fine", actor=dana)
    for _ in range(2):
        card_writing.review(fresh(version), verdict="approve", digest=digest, words="fine", actor=rita)
    assert read(version).is_complete
    card_writing.write(fresh(version), {"limits": "others"}, actor=dana)
    assert read(version).state == CardState.DRAFT


def test_whoever_wrote_it_does_not_approve_it(version: ModelVersion, dana: Actor, rita: Actor, rob: Actor) -> None:
    card_writing.write(version, WHOLE, submit=True, actor=dana)
    row = read(version).row
    assert row
    row.edited_by = rita.person
    row.save()
    assert not cards.may_review(fresh(version), actor=rita)
    assert cards.may_review(fresh(version), actor=rob)


def test_a_policy_lets_nothing_through_until_the_card_is_complete(people: dict[str, Actor]) -> None:
    dana, rita = people["dana"], people["rita"]
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=REQUIRED), people)
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    with pytest.raises(Conflict, match="pending"):
        approve(request, rita)
    approved(version, dana, rita)
    approve(request, rita)
    assert ApprovalRequest.objects.get(pk=request.pk).state == "approved"


def test_another_text_ends_what_was_asked_for_with_an_approved_card(
    version: ModelVersion, dana: Actor, rita: Actor
) -> None:
    approved(version, dana, rita)
    request = ask_production(fresh(version), dana)
    card_writing.write(fresh(version), {"limits": "fewer"}, actor=dana)
    ended = ApprovalRequest.objects.get(pk=request.pk)
    assert (ended.state, ended.ended_why) == ("superseded", "The model card of version 1 changed.")


def test_the_page_and_own_rest_write_and_approve_it(version: ModelVersion, dana: Actor, rita: Actor) -> None:
    path = f"/models/{version.model.name}/versions/1/card"
    writer, reviewer = browser(dana), browser(rita)
    assert "missing" in writer.get(path).content.decode()
    assert writer.post(path, {**WHOLE, "limits": "", "do": "submit"}).status_code == 400
    assert writer.post(path, {**WHOLE, "do": "submit"}).status_code == 302
    digest = reviewer.get(f"/api/v1{path}").json()["digest"]
    assert digest in reviewer.get(path).content.decode()
    told = {"verdict": "send_back", "digest": digest, "words": "Say more."}
    assert reviewer.post(f"{path}/review", told).status_code == 302
    assert "Say more." in writer.get(path).content.decode()
    assert writer.post(path, {**WHOLE, "do": "submit"}).status_code == 302
    assert reviewer.post(f"{path}/review", {**told, "verdict": "approve"}).status_code == 302
    said = writer.get(f"/api/v1{path}").json()
    assert (said["state"], said["complete"], said["gaps"]) == ("approved", True, [])
    assert "ethics in words" in writer.get(path.removesuffix("/card")).content.decode()

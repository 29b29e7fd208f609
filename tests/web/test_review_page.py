from datetime import timedelta

import pytest
from django.test import Client
from rest_framework.exceptions import ValidationError

from accounts.actors import COMMAND, Actor, Via, person
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user, set_roles
from audit.models import Denial
from core import clock
from registry import decisions, registered, transitions, weakening
from registry.models import ApprovalRequest
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.rest.test_rest import Caller
from web.rest.request_shapes import SubjectDigest

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
STRIP = "<b>PRODUCTION</b>"


def client_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.person, backend=BACKEND)
    return client


def page(request: ApprovalRequest, actor: Actor) -> str:
    return client_of(actor).get(f"/approvals/{request.pk}").content.decode()


def approve(request: ApprovalRequest, actor: Actor) -> None:
    decisions.decide(request, decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine"), actor=actor)


def test_a_request_whose_version_was_archived_offers_no_decision_and_says_why(
    dana: Actor, eli: Actor, rita: Actor
) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    assert "Approve v1 for Production" in page(request, rita)
    transitions.transition(version, to=Stage.ARCHIVED, actor=eli)
    after = page(request, rita)
    assert "Approve v1" not in after
    assert STRIP not in after
    assert "Version 1 is archived." in after
    assert "What changed since this was asked" in after
    assert "What was asked for" in after
    assert "button on this page" not in after
    assert "archive existing: yes, from: None" in after
    done = client_of(rita).get("/approvals?tab=done").content.decode()
    assert "ended</span>" in done
    assert "expires</span>" not in done
    assert "Fraud-Detection" not in client_of(rita).get("/approvals").content.decode()


def test_a_digest_may_be_sent_as_other_tools_print_it() -> None:
    field = SubjectDigest()
    assert field.run_validation("sha256:" + "a" * 64) == field.run_validation("a" * 64) == "a" * 64
    with pytest.raises(ValidationError):
        field.run_validation("sha512:" + "a" * 64)


def test_the_page_says_whether_the_environment_was_locked(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    early, late = make_version(model, dana), make_version(model, dana)
    assert "not locked when this was asked: approved without it" in page(ask_production(early, dana), rita)
    late.environment = {**late.environment, "lock": "e" * 64}
    late.save(update_fields=["environment"])
    assert "e" * 64 in page(ask_production(late, dana), rita)


def test_the_strip_is_there_while_a_click_can_still_change_production(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    assert "A decision here is about what may be in production." in page(request, rita)
    approve(request, rita)
    assert "Carrying this out changes what is in production." in page(request, dana)
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    assert STRIP not in page(request, dana)


def test_nobody_is_asked_to_move_a_version_that_is_there(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    first, second = ask_production(version, dana), transitions.transition(version, to=Stage.PRODUCTION, actor=dana)
    approve(first, rita)
    approve(second.request, rita)  # type: ignore[union-attr]
    assert "make the move on its page" in client_of(dana).get("/").content.decode()
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    assert "make the move on its page" not in client_of(dana).get("/").content.decode()


def test_a_decision_on_what_went_stale_is_refused_in_words(dana: Actor, eli: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    request = ask_production(version, dana)
    transitions.transition(version, to=Stage.ARCHIVED, actor=eli)
    said = {"verdict": "approve", "digest": request.subject_digest, "comment": "fine"}
    answer = client_of(rita).post(f"/approvals/{request.pk}/decide", said)
    assert answer.status_code == 409
    assert "it cannot be decided any more. Version 1 is archived." in answer.content.decode()


def test_each_rule_of_the_policy_is_told_with_who_counts_for_it(people: dict[str, Actor]) -> None:
    put_in_force(text_of(more="checks: [{metric: auc, at_least: 0.9}]\nwait: 1h\n"), people)
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    before = page(request, people["rita"])
    assert "Policy careful v1" in before
    assert "2 from reviewer" in before
    assert "nobody yet" in before
    assert "&#x27;auc &gt;= 0.9&#x27; failed: it must pass first." in before
    assert "It can be approved from" in before
    assert "Approve v1 for Production" not in before
    assert "Reject v1 for Production" in before


def test_own_rest_tells_the_same_conditions(people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    approve(request, people["rita"])
    told = client_of(people["aude"]).get(f"/api/v1/requests/{request.pk}").json()
    assert told["conditions"] == [
        {"name": "2 from reviewer", "status": "pending", "people": ["rita"], "why": "1 missing"}
    ]
    assert told["subject"]["policy"]["id"] == "careful"
    assert "rob" in page(request, people["aude"])


def test_the_inbox_shows_what_is_overdue(people: dict[str, Actor]) -> None:
    put_in_force(text_of(more="due: 1h\n"), people)
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    inbox = "/approvals"
    assert "overdue" not in client_of(people["rita"]).get(inbox).content.decode()
    ApprovalRequest.objects.filter(pk=request.pk).update(due_at=request.created_at)
    assert "overdue" in client_of(people["rita"]).get(inbox).content.decode()
    assert "overdue" in page(request, people["rita"])


def test_a_request_is_sent_back_with_words_and_asked_for_anew(people: dict[str, Actor]) -> None:
    version = make_version(make_model(people["dana"]), people["dana"])
    request = ask_production(version, people["dana"])
    said = {"verdict": "request_changes", "digest": request.subject_digest, "comment": "say what it was trained on"}
    client_of(people["rita"]).post(f"/approvals/{request.pk}/decide", said)
    request.refresh_from_db()
    assert request.state == "changes_requested"
    after = page(request, people["dana"])
    assert "changes requested" in after
    assert "say what it was trained on" in after
    assert "rita asks for changes to your request" in client_of(people["dana"]).get("/notifications").content.decode()
    assert f"#{request.pk} " in client_of(people["rita"]).get("/approvals?tab=done").content.decode()
    assert ask_production(version, people["dana"]).pk != request.pk


def test_a_warning_that_was_not_accepted_is_led_to_and_one_that_was_is_told(dana: Actor, rita: Actor) -> None:
    model = make_model(dana)
    first = ask_production(make_version(model, dana, metrics={"auc": 0.9}), dana)
    approve(first, rita)
    transitions.transition(first.version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    worse = ask_production(make_version(model, dana, metrics={"auc": 0.8}), dana)
    said = {"verdict": "approve", "digest": worse.subject_digest, "comment": "cheaper"}
    refused = client_of(rita).post(f"/approvals/{worse.pk}/decide", said)
    warnings = [check for check in worse.checks.all() if check.status == "warn"]
    assert warnings, list(worse.checks.values_list("name", "status", "measured"))
    assert f'<a href="#accept-{warnings[0].pk}">' in refused.content.decode()
    client_of(rita).post(f"/approvals/{worse.pk}/decide", {**said, **{f"accept-{w.pk}": "yes" for w in warnings}})
    assert "Accepted the warning" in page(worse, dana)


def test_the_page_says_who_made_a_decider_one_a_moment_ago_and_leads_to_the_decision(
    dana: Actor, rita: Actor, ada: Actor, otto: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_production(make_version(make_model(dana), dana), dana)
    assert '<a class="skip" href="#decision-comment">' in page(asked, rita)
    later = clock.now() + timedelta(hours=30)
    monkeypatch.setattr(clock, "now", lambda: later)
    set_roles(otto.person, roles=[Role.REVIEWER], actor=ada)
    approve(asked, person(otto.person, Via.PASSWORD))
    said = page(asked, rita)
    assert f"reviewer since {clock.minute(later)}, given by ada" in said
    assert 'href="#decision-comment">' not in said
    approve(other := ask_production(make_version(make_model(dana, "Other"), dana), dana), rita)
    assert "given by" not in page(other, rita), "she has it longer"


def test_the_page_shows_what_asks_for_less_and_an_approval_there_names_it(people: dict[str, Actor]) -> None:
    dana, rita, rob = (people[name] for name in ("dana", "rita", "rob"))
    version = make_version(make_model(dana), dana)
    assert "Asks for less than before" not in page(ask_production(version, dana), rob)
    registered.update_model(version.model, risk_tier="low", actor=rita)
    request = ask_production(version, dana)
    (weakened,) = weakening.of(version.model)
    for reader in (rita, rob, people["aude"]):
        text = page(request, reader)
        assert "Asks for less than before" in text
        assert "<b>rita</b> lowered the risk tier from medium to low" in text
        assert (f'name="weakened" value="{weakened.event}" form="decision"' in text) == (reader is rob)
    said = {"verdict": "approve", "digest": request.subject_digest, "comment": "fine", "weakened": [weakened.event]}
    assert client_of(rob).post(f"/approvals/{request.pk}/decide", said).status_code == 302
    assert weakening.of(version.model) == []
    assert "Asks for less than before" not in page(request, rob)


def test_own_rest_shows_what_asks_for_less_and_takes_what_was_seen(people: dict[str, Actor]) -> None:
    version = make_version(make_model(people["dana"]), people["dana"])
    registered.update_model(version.model, risk_tier="low", actor=people["rita"])
    request, call = ask_production(version, people["dana"]), Caller(people["rob"], *Scope)
    (shown,) = call("GET", f"requests/{request.pk}").json()["weakened"]
    assert (shown["person"], shown["words"]) == ("rita", "lowered the risk tier from medium to low")
    said = {"verdict": "approve", "subject_digest": request.subject_digest, "comment": "fine"}
    assert call("POST", f"requests/{request.pk}/decisions", **said, weakened=[shown["event"]]).status_code == 201
    assert weakening.of(version.model) == []
    assert call("GET", f"requests/{request.pk}").json()["weakened"] == []


def test_a_move_refused_to_whoever_asked_for_less_stands_in_the_ledger(people: dict[str, Actor]) -> None:
    mix = person(create_user("mix", roles=[Role.REVIEWER, Role.ML_ENGINEER], actor=COMMAND), Via.PASSWORD)
    put_in_force(text_of(actions="[{stage: Staging}]", match="  risk: [medium]\n"), people)
    version = make_version(make_model(people["dana"]), people["dana"])
    registered.update_model(version.model, risk_tier="low", actor=mix)
    asked = {"model": version.model.name, "version": 1, "stage": "Staging"}
    answer = Caller(mix, *Scope)("POST", "moves", **asked)
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("You lowered the risk tier from medium to low: before, it took more")
    assert Denial.objects.filter(actor_name="mix").count() == 1

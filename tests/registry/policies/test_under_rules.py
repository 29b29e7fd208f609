"""Requests under policies: who counts, what blocks, and that no way leads round."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from accounts import teams, users
from accounts.actors import Actor, Via, person
from accounts.roles import Role
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied
from registry import decisions, registered, requests, transitions
from registry.decisions import Choice, Verdict
from registry.models import ApprovalRequest, Check, Decision, ModelVersion
from registry.models.approvals import RequestState
from registry.requests import ApprovalRequired
from registry.stages import Stage
from registry.transitions import Transitioned
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
Clock = list[datetime]


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, to be put forward: `moment[0] += …`."""
    held = [datetime(2026, 12, 1, 12, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: held[0])
    return held


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    return make_version(make_model(dana), dana, metrics={"auc": 0.91})


def say(request: ApprovalRequest, by: Actor, verdict: Decision.Verdict = Decision.Verdict.APPROVE) -> RequestState:
    accepted = [check.pk for check in request.checks.all()]
    decisions.decide(request, Choice(verdict, request.subject_digest, "looked at it", accepted), actor=by)
    request.refresh_from_db()
    return RequestState(request.state)


def to_production(version: ModelVersion, by: Actor) -> Transitioned | ApprovalRequired:
    return transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=by)


def test_two_people_are_needed_and_one_person_counts_once(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    request = ask_production(version, people["dana"])
    assert say(request, people["rita"]) == RequestState.OPEN
    assert say(request, people["rita"]) == RequestState.OPEN  # the same decision again
    with pytest.raises(Conflict, match="You decided already"):
        say(request, people["rita"], Verdict.REJECT)
    assert isinstance(to_production(version, people["dana"]), ApprovalRequired)
    assert say(request, people["rob"]) == RequestState.APPROVED
    assert isinstance(to_production(version, people["dana"]), Transitioned)
    told = Event.objects.filter(action="version.stage.changed").latest("id")
    assert b'"policy":{"digest":' in bytes(told.body)


def test_one_no_ends_it_whoever_is_still_asked(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    request = ask_production(version, people["dana"])
    say(request, people["rita"])
    assert say(request, people["rob"], Verdict.REJECT) == RequestState.REJECTED


def test_each_group_is_asked_and_who_is_in_none_does_not_count(version: ModelVersion, people: dict[str, Actor]) -> None:
    team = teams.create_team("risk", actor=people["ada"])
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}, {group: risk, count: 1}]"), people)
    request = ask_production(version, people["dana"])
    say(request, people["rita"])
    with pytest.raises(Conflict, match="would not count: it waits for 1 from risk"):
        say(request, people["rob"])
    teams.set_members(team, [people["rob"].person], actor=people["ada"])
    assert say(request, person(people["rob"].person, Via.PASSWORD)) == RequestState.APPROVED
    assert Decision.objects.get(person=people["rob"].person).groups == ["reviewer", "risk"]


def test_a_team_decides_nothing_without_the_role(version: ModelVersion, people: dict[str, Actor]) -> None:
    team = teams.create_team("risk", actor=people["ada"])
    teams.set_members(team, [people["eli"].person], actor=people["ada"])
    put_in_force(text_of(approvals="[{group: risk, count: 1}]"), people)
    request = ask_production(version, people["dana"])
    with pytest.raises(Denied, match="eli may not decide"):
        say(request, people["eli"])


def test_four_eyes_hold_under_every_policy(people: dict[str, Actor]) -> None:
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]"), people)
    users.set_roles(people["dana"].person, roles=[Role.DATA_SCIENTIST, Role.REVIEWER], actor=people["ada"])
    dana = person(people["dana"].person, Via.PASSWORD)
    request = ask_production(make_version(make_model(dana), dana), dana)
    with pytest.raises(Denied, match="You asked for this"):
        say(request, dana)


def test_the_inbox_holds_what_asks_for_a_group_of_hers(version: ModelVersion, people: dict[str, Actor]) -> None:
    team = teams.create_team("risk", actor=people["ada"])
    teams.set_members(team, [people["rob"].person], actor=people["ada"])
    put_in_force(text_of(approvals="[{group: risk, count: 1}]"), people)
    request = ask_production(version, people["dana"])
    inbox = {name: list(ApprovalRequest.objects.waiting_for(people[name])) for name in ("rita", "rob")}
    assert inbox == {"rita": [], "rob": [request]}


def test_failed_checks_of_the_policy_block(version: ModelVersion, people: dict[str, Actor]) -> None:
    checks = "checks: [{metric: auc, at_least: 0.95}, {metric: f1, above: 0}, {metric: auc, below: 1}]\n"
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=checks), people)
    request = ask_production(version, people["dana"])
    found = {check.name: check.status for check in request.checks.filter(required=True)}
    assert found == {
        "Files frozen under one digest": "passed", "Signature present": "passed",
        "auc >= 0.95": "failed", "f1 > 0": "failed", "auc < 1": "passed",
    }  # fmt: skip
    with pytest.raises(Conflict, match=r"'auc >= 0\.95' failed: it must pass first.*'f1 > 0' failed"):
        say(request, people["rita"])


@pytest.mark.parametrize(
    ("auc", "bound", "status"), [(0.9, 0.005, "failed"), (0.9, 0.05, "passed"), (0.95, 0, "passed")]
)
def test_a_version_is_held_against_the_champion(
    auc: float, bound: float, status: str, version: ModelVersion, people: dict[str, Actor]
) -> None:
    more = f"checks: [{{metric: auc, worse_than_champion_by_at_most: {bound}}}]\n"
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=more), people)
    first = ask_production(version, people["dana"])
    name = f"auc worse than the champion by {bound:g} at most"
    assert first.checks.get(name=name).measured == "there is no champion"
    say(first, people["rita"])
    to_production(version, people["dana"])
    next_one = make_version(version.model, people["dana"], metrics={"auc": auc})
    assert ask_production(next_one, people["dana"]).checks.get(name=name).status == status


@pytest.mark.parametrize("fact", ["environment: locked", "scan: clean", "card: complete", "artifact: signed"])
def test_a_fact_that_is_not_known_is_pending_and_blocks(
    fact: str, version: ModelVersion, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=f"checks: [{{{fact}}}]\n"), people)
    request = ask_production(version, people["dana"])
    assert request.checks.filter(required=True, status=Check.Status.PENDING).count() == 1
    with pytest.raises(Conflict, match="is pending: it must pass first"):
        say(request, people["rita"])


def test_a_fact_that_arrives_is_seen_without_asking_again(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more="checks: [{environment: locked}]\n"), people)
    request = ask_production(version, people["dana"])
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    assert say(requests.find_request(request.pk, actor=people["rita"]), people["rita"]) == RequestState.APPROVED
    assert request.checks.get(name="Environment locked").status == Check.Status.PASSED


def test_a_breaking_signature_is_advice_by_default_and_a_block_by_policy(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    unsigned = make_version(version.model, people["dana"], mlmodel="flavors: {sklearn: {}}\n")
    request = ask_production(unsigned, people["dana"])
    assert not request.checks.filter(required=True, status=Check.Status.FAILED).exists()
    put_in_force(text_of(more="checks: [{signature: compatible}]\n"), people)
    found = ask_production(unsigned, people["dana"]).checks.filter(name__startswith="Signature")
    assert [(check.status, check.required) for check in found] == [("failed", True)]


def test_a_wait_blocks_yes_but_not_no(moment: Clock, version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more="wait: 4h\nexpires: 2d\n"), people)
    request = ask_production(version, people["dana"])
    assert request.expires_at == moment[0] + timedelta(days=2)
    with pytest.raises(Conflict, match="approved from 2026-12-01 16:00 UTC on"):
        say(request, people["rita"])
    moment[0] += timedelta(hours=4)
    assert say(request, people["rita"]) == RequestState.APPROVED


def test_a_freeze_blocks_the_yes_and_the_move_and_names_its_end(
    moment: Clock, version: ModelVersion, people: dict[str, Actor]
) -> None:
    freeze = "freeze: [{from: 2026-12-02, until: 2026-12-03 18:00, zone: Europe/Paris, why: year end}]\n"
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=freeze), people)
    early, late = ask_production(version, people["dana"]), make_version(version.model, people["dana"])
    say(early, people["rita"])
    moment[0] = datetime(2026, 12, 1, 23, tzinfo=UTC)  # midnight in Paris
    with pytest.raises(
        Conflict, match=r"may go to Production, but not now\. Frozen until 2026-12-03 17:00 UTC: year end"
    ):
        to_production(version, people["dana"])
    request = ask_production(late, people["dana"])
    with pytest.raises(Conflict, match="Frozen until"):
        say(request, people["rita"])
    moment[0] = datetime(2026, 12, 3, 17, tzinfo=UTC)
    assert isinstance(to_production(version, people["dana"]), Transitioned)
    assert say(ask_production(late, people["dana"]), people["rita"]) == RequestState.APPROVED


def test_the_first_match_by_order_holds(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of("strict", order=20, approvals="[{group: reviewer, count: 3}]"), people)
    put_in_force(text_of("lenient", order=10, approvals="[{group: reviewer, count: 1}]"), people)
    assert ask_production(version, people["dana"]).approvals_needed == 1


def test_a_move_that_needed_nobody_may_need_somebody(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(actions="[{stage: Staging}, {alias: live-*}]"), people)
    assert isinstance(transitions.transition(version, to=Stage.STAGING, actor=people["eli"]), ApprovalRequired)
    assert isinstance(transitions.set_alias(version, "LIVE-eu", actor=people["dana"]), ApprovalRequired)
    assert isinstance(transitions.set_alias(version, "shadow", actor=people["dana"]), Transitioned)


def test_the_stage_is_no_way_round_a_policy_for_the_alias_that_goes_along(
    version: ModelVersion, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(actions="[{alias: champion}]", approvals="[{group: reviewer, count: 2}]"), people)
    assert ask_production(version, people["dana"]).approvals_needed == 2


def test_a_policy_for_one_part_takes_nothing_from_the_others(version: ModelVersion, people: dict[str, Actor]) -> None:
    team = "risk"
    teams.create_team(team, actor=people["ada"])
    put_in_force(text_of(actions="[{deploy: production}]", approvals="[{group: risk, count: 1}]"), people)
    deployment: dict[str, object] = {
        "endpoint": "e", "environment": "production", "target": "local", "plan": {"strategy": "all-at-once"},
    }  # fmt: skip
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    move = requests.move_of(ask_production(version, people["dana"]))
    request = requests.open_request(version, move, reason="", actor=people["dana"], deployment=deployment).request
    assert [str(rule) for rule in request.rules.all()] == ["1 from reviewer", "1 from risk"]


@pytest.mark.parametrize(("begins_pct", "asked"), [(5, 1), (25, 2)])
def test_a_policy_may_be_for_deployments_that_begin_large(
    begins_pct: int, asked: int, version: ModelVersion, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(actions="[{deploy: production, begins_above_pct: 10}]"), people)
    deployment: dict[str, object] = {
        "endpoint": "e", "environment": "production", "target": "local",
        "plan": {"strategy": "canary", "shares": [begins_pct, 50]},
    }  # fmt: skip
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    move = requests.move_of(ask_production(version, people["dana"]))
    request = requests.open_request(version, move, reason="", actor=people["dana"], deployment=deployment).request
    assert request.approvals_needed == asked


def test_a_policy_accepted_meanwhile_ends_what_was_approved(version: ModelVersion, people: dict[str, Actor]) -> None:
    request = ask_production(version, people["dana"])
    assert say(request, people["rita"]) == RequestState.APPROVED
    put_in_force(text_of(), people)
    outcome = to_production(version, people["dana"])
    assert isinstance(outcome, ApprovalRequired)
    assert outcome.request.approvals_needed == 2


def test_neither_a_new_name_nor_a_lower_tier_leads_out_of_a_policy(people: dict[str, Actor]) -> None:
    dana = people["dana"]
    put_in_force(text_of(match="  models: [credit-*]\n"), people)
    put_in_force(text_of("high", order=5, match="  risk: [high]\n"), people)
    model = make_model(dana, "Credit-Risk")
    registered.update_model(model, risk_tier="high", actor=dana)
    with pytest.raises(Denied, match="other policies would hold for Credit-Risk"):
        registered.rename_model(model, "risk", actor=dana)
    with pytest.raises(Denied, match="other policies would hold for Credit-Risk"):
        registered.update_model(model, risk_tier="low", actor=dana)
    assert registered.update_model(model, risk_tier="low", actor=people["rita"]).risk_tier == "low"
    assert registered.rename_model(model, "CREDIT-2", actor=dana).name == "CREDIT-2"


def test_a_higher_tier_is_no_way_out_of_a_policy_for_the_lower_one(people: dict[str, Actor]) -> None:
    put_in_force(text_of(match="  risk: [medium]\n"), people)
    model = make_model(people["dana"])
    with pytest.raises(Denied, match="other policies would hold"):
        registered.update_model(model, risk_tier="high", actor=people["dana"])
    put_in_force(text_of(match="  risk: [medium, high]\n"), people)
    assert registered.update_model(model, risk_tier="high", actor=people["dana"]).risk_tier == "high"


def test_with_approvals_off_policies_hold_nobody_up(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    with override_settings(APPROVALS=False):
        assert isinstance(to_production(version, people["olga"]), Transitioned)


def test_a_stale_digest_is_refused_under_a_policy_too(version: ModelVersion, people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    request = ask_production(version, people["dana"])
    with pytest.raises(Conflict, match="digest"):
        decisions.decide(request, Choice(Verdict.APPROVE, "0" * 64, "fine"), actor=people["rita"])

"""Rows alone let nothing through: what a signature rests on is held against the ledger where it is given or used."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client

from accounts import teams
from accounts.actors import Actor, Via, person
from audit import seal
from audit.models import Event, Mismatch
from audit.replay.attest import Differs
from core import clock
from core.refusals import Conflict
from deployments import replayed
from registry import conditions, decisions, delegations, glass, history, registered, transitions
from registry.models import Alias, ApprovalRequest, Decision, ModelVersion
from registry.models.approvals import RequestState
from registry.policies import book, changes
from registry.requests import ApprovalRequired
from registry.stages import Stage
from registry.transitions import Transitioned
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
BACKEND = "django.contrib.auth.backends.ModelBackend"


def sql(statement: str, *values: int | str) -> None:
    """Change rows as somebody with the database's password would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount, statement


def approve(request: ApprovalRequest, by: Actor) -> object:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    return decisions.decide(request, choice, actor=by)


def to_production(version: ModelVersion, by: Actor) -> object:
    return transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=by)


def forge(request: ApprovalRequest, *people: Actor) -> None:
    """Approve by rows alone."""
    Decision.objects.bulk_create(
        Decision(request=request, person=one.person, verdict="approve", comment="ok", via="password",
                 subject_digest=request.subject_digest, groups=["reviewer"]) for one in people
    )  # fmt: skip
    sql("UPDATE registry_approvalrequest SET state = 'approved' WHERE id = %s", request.pk)


@pytest.fixture
def asked(dana: Actor) -> ApprovalRequest:
    return ask_production(make_version(make_model(dana), dana), dana)


def kinds() -> set[str]:
    return set(Mismatch.objects.filter(settled_at=None).values_list("kind", flat=True))


def test_forged_decisions_move_nothing_and_raise_the_alarm_at_once(
    asked: ApprovalRequest, dana: Actor, rita: Actor, ada: Actor
) -> None:
    forge(asked, rita)
    with pytest.raises(Differs, match=r"decision on .* nothing by the ledger"):
        to_production(asked.version, dana)
    assert ModelVersion.objects.get().stage == Stage.NONE
    assert kinds() == {"request", "decision", "ceiling"}
    assert Event.objects.filter(action="state.mismatched").count() == 3
    for row in Mismatch.objects.all():
        with pytest.raises(Conflict, match="no reason makes it true"):
            replayed.settle(row, found=replayed.row_now(row), reason="ok", actor=ada)


def test_a_forged_row_is_no_ground_for_anothers_word(asked: ApprovalRequest, rita: Actor, eli: Actor) -> None:
    forge(asked, eli)
    sql("UPDATE registry_approvalrequest SET state = 'open' WHERE id = %s", asked.pk)
    with pytest.raises(Differs, match="Nobody can decide on request"):
        approve(asked, rita)
    assert kinds() == {"decision"}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE registry_approvalrequest SET subject_digest = 'f'", "subject"),
        ("UPDATE registry_approvalrequest SET subject = x'20'", "subject"),
        ("UPDATE registry_approvalrequest SET ceiling_pct = 5", "ceiling"),
        ("UPDATE registry_decision SET person_id = (SELECT id FROM accounts_user WHERE username = 'dana')", "decision"),
        ("DELETE FROM registry_decision", "decision"),
        ("UPDATE registry_modelversion SET manifest_id = NULL", "files"),
        (
            "UPDATE registry_modelversion SET registered_by_id = (SELECT id FROM accounts_user WHERE username = 'ada')",
            "registrant",
        ),
    ],
)
def test_what_was_signed_is_used_only_as_the_ledger_tells_it(
    asked: ApprovalRequest, dana: Actor, rita: Actor, ada: Actor, statement: str, kind: str
) -> None:
    approve(asked, rita)
    statement = statement.replace("x'20'", "'\\x20'") if connection.vendor == "postgresql" else statement
    sql(statement)
    with pytest.raises(Conflict, match="differ"):
        to_production(asked.version, dana)
    assert kind in kinds() or "x'20'" in statement or "x20" in statement
    assert ModelVersion.objects.get().stage == Stage.NONE


FORGED = [
    "UPDATE registry_requestrule SET count = 1",
    "UPDATE registry_requestrule SET \"group\" = 'admin'",
    "UPDATE registry_check SET status = 'passed', required = NOT required",
    "UPDATE registry_approvalrequest SET expires_at = '2099-01-01 00:00:00'",
    "UPDATE registry_approvalrequest SET created_at = '2020-01-01 00:00:00'",
    "UPDATE registry_approvalrequest SET requester_id = (SELECT id FROM accounts_user WHERE username = 'eli')",
    "UPDATE registry_approvalrequest SET approvals_needed = 9",
    'UPDATE registry_modelversion SET evidence = CAST(\'{"metrics": {"auc": 0.995}}\' AS {BYTES})',
    "UPDATE registry_modelversion SET signature = '{}'",
    "UPDATE registry_modelversion SET run_id = 'other'",
    "UPDATE registry_policyversion SET state = 'withdrawn'",
    "UPDATE registry_policyversion SET author_id = (SELECT id FROM accounts_user WHERE username = 'eli')",
    "UPDATE registry_policyversion SET text = 'other'",
    "UPDATE registry_decision SET groups = '[1]'",
    "UPDATE registry_registeredmodel SET risk_tier = 'low'",
    "UPDATE registry_registeredmodel SET protected_aliases = '[\"live\"]'",
    "UPDATE registry_metricthreshold SET value = 0.1",
    "DELETE FROM registry_metricthreshold",
]


def test_nobodys_word_is_taken_on_rows_that_were_changed(people: dict[str, Actor]) -> None:
    """One statement each: none of them lets one person's approval be enough, or a check pass, or time stand still."""
    dana, rita = people["dana"], people["rita"]
    model = make_model(dana)
    registered.set_threshold(model, metric="auc", comparison=">", value=0.9, actor=rita)
    put_in_force(text_of(), people)
    asked = ask_production(make_version(model, dana, metrics={"auc": 0.952}), dana)
    approve(asked, people["rob"])
    for statement in FORGED:
        with transaction.atomic():
            sql(statement.replace("{BYTES}", "BYTEA" if connection.vendor == "postgresql" else "BLOB"))
            with pytest.raises(Conflict, match="differ"):
                approve(asked, rita)
            transaction.set_rollback(True)
    assert approve(asked, rita)


def test_a_policy_that_a_row_took_away_still_asks(people: dict[str, Actor]) -> None:
    """What would need nobody's word by the rows alone does not happen, and nothing is asked for by other terms."""
    dana = people["dana"]
    version = make_version(make_model(dana), dana)
    put_in_force(text_of(actions="[{stage: Staging}]"), people)
    sql("UPDATE registry_policyversion SET state = 'withdrawn'")
    with pytest.raises(Differs, match="version of policy"):
        transitions.transition(version, to=Stage.STAGING, actor=people["eli"])
    with pytest.raises(Differs, match="version of policy"):
        ask_production(version, dana)


def test_what_is_measured_for_a_request_is_as_it_was_registered(dana: Actor) -> None:
    version = make_version(make_model(dana), dana, metrics={"auc": 0.952})
    said = bytes(version.evidence).replace(b"0.952", b"0.995")
    ModelVersion.objects.filter(pk=version.pk).update(evidence=said)
    with pytest.raises(Differs, match="registration of"):
        ask_production(version, dana)
    assert kinds() == {"registration"}


def test_nobody_accepts_her_own_policy_under_another_name(people: dict[str, Actor]) -> None:
    ada = people["ada"]
    proposed = changes.propose(text_of(), actor=ada).version
    sql("UPDATE registry_policyversion SET author_id = %s", people["eli"].person.pk)
    proposed.refresh_from_db()
    with pytest.raises(Differs, match="text and author of policy"):
        changes.accept(proposed, digest=proposed.digest, comment="fine", actor=ada)


def test_rules_are_those_of_the_text_that_was_signed_for(people: dict[str, Actor]) -> None:
    put_in_force(text_of(), people)
    asked = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    sql("DELETE FROM registry_requestrule")
    assert [str(rule) for rule in conditions.rules_up_to(asked)] == ["2 from reviewer"]
    book._as_it_was.cache_clear()
    sql("UPDATE registry_policyversion SET text = REPLACE(text, 'count: 2', 'count: 1')")
    with pytest.raises(Conflict, match="not the one that was signed for"):
        conditions.rules_up_to(asked)


def test_a_stage_that_only_a_row_says_is_not_there_already_and_ends_no_request(
    asked: ApprovalRequest, dana: Actor, rita: Actor, eli: Actor, ada: Actor
) -> None:
    approve(asked, rita)
    sql("UPDATE registry_modelversion SET stage = 'Production'")
    with pytest.raises(Differs, match=r"stage of .*: None by the ledger, Production in the row"):
        to_production(asked.version, dana)
    other = make_version(asked.model, dana)
    transitions.transition(other, to=Stage.STAGING, actor=eli)  # what looks for stale requests beside
    asked.refresh_from_db()
    assert asked.state == RequestState.APPROVED
    sql("UPDATE registry_modelversion SET stage = 'None' WHERE version = 1")
    replayed.settle(Mismatch.objects.get(), found="None", reason="put back", actor=ada)
    assert isinstance(to_production(asked.version, dana), Transitioned)


def test_an_alias_that_only_a_row_sets_is_not_there_already(dana: Actor, rita: Actor) -> None:
    version = make_version(make_model(dana), dana)
    waiting = transitions.set_alias(version, "champion", actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    Alias.objects.bulk_create([Alias(model=version.model, name="champion", version=version)])
    with pytest.raises(Differs, match="alias of"):
        transitions.set_alias(version, "champion", actor=dana)
    waiting.request.refresh_from_db()
    assert waiting.request.state == RequestState.OPEN


def test_a_role_or_team_that_only_a_row_gives_decides_nothing(asked: ApprovalRequest, people: dict[str, Actor]) -> None:
    eli, ada = people["eli"], people["ada"]
    eli.person.groups.add(Group.objects.get(name="reviewer"))
    with pytest.raises(Differs, match="roles of user"):
        approve(asked, person(eli.person, Via.PASSWORD))
    assert not asked.decisions.exists()
    team = teams.create_team("risk", actor=ada)
    people["rita"].person.groups.add(team)
    with pytest.raises(Differs, match="people in team"):
        approve(asked, person(people["rita"].person, Via.PASSWORD))


def test_a_delegation_that_only_a_row_tells_of_gives_no_second_voice(people: dict[str, Actor]) -> None:
    dana, rita, rob, ada = (people[name] for name in ("dana", "rita", "rob", "ada"))
    team = teams.create_team("risk", actor=ada)
    teams.set_members(team, [rob.person], actor=ada)
    put_in_force(text_of().replace("group: reviewer", "group: risk"), people)
    asked = ask_production(make_version(make_model(dana), dana), dana)
    delegations.delegate("rob", ends_at=clock.now() + timedelta(days=1), reason="away", actor=rita)
    sql("UPDATE registry_delegation SET person_id = %s, to_id = %s", rob.person.pk, rita.person.pk)
    with pytest.raises(Differs, match="delegation of"):
        approve(asked, rita)


def test_glass_is_broken_for_no_request_that_a_row_changed(people: dict[str, Actor]) -> None:
    dana = people["dana"]
    asked = ask_production(make_version(make_model(dana), dana), dana)
    sql("UPDATE registry_approvalrequest SET subject_digest = 'f'")
    with pytest.raises((Differs, Conflict)):
        glass.break_glass(asked, digest="f", reason="fire", actor=people["olga"])
    assert not hasattr(ApprovalRequest.objects.get(), "glass")


def test_pages_and_history_say_what_was_in_doubt_and_how_it_was_settled(
    asked: ApprovalRequest, people: dict[str, Actor], client: Client
) -> None:
    dana, rita, ada = people["dana"], people["rita"], people["ada"]
    approve(asked, rita)
    to_production(asked.version, dana)
    other = make_version(asked.model, dana)
    sql("UPDATE registry_modelversion SET stage = 'Production' WHERE version = 2")
    sql("UPDATE registry_modelversion SET stage = 'None' WHERE version = 1")
    sql("UPDATE registry_decision SET verdict = 'reject'")
    seal.seal()
    replayed.replay_state()
    client.force_login(people["aude"].person, backend=BACKEND)
    path = f"/models/{asked.model.name}"
    for page in (f"/approvals/{asked.pk}", f"{path}/versions/2", f"{path}/history"):
        assert "In doubt: a row differs from the ledger" in client.get(page).content.decode(), page
    held = history.live_at(asked.model)
    assert [(s.version, s.label, s.actor, s.approval) for s in held if s.label == "Production"] == [
        (2, "Production", "nobody known", "nobody")
    ]
    sql("UPDATE registry_modelversion SET stage = 'None' WHERE version = 2")
    sql("UPDATE registry_modelversion SET stage = 'Production' WHERE version = 1")
    sql("UPDATE registry_decision SET verdict = 'approve'")
    for row in Mismatch.objects.all():
        replayed.settle(row, found=replayed.row_now(row), reason="from the backup", actor=ada)
    held = [one for one in history.live_at(asked.model) if one.label == "Production"]
    assert [(one.version, one.approval, one.approved_by, one.doubt) for one in held] == [
        (1, asked.pk, ["rita"], "Settled as a mismatch by ada: from the backup")
    ]
    for page in (f"/approvals/{asked.pk}", f"{path}/versions/{other.version}", f"{path}/history"):
        text = client.get(page).content.decode()
        assert "In doubt" not in text, page
        assert "from the backup" in text, page
    assert "state.settled" in client.get(f"/approvals/{asked.pk}").content.decode()

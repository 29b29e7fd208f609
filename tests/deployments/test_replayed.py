"""Rows against the ledger: what people did agrees; what was changed behind its back is named, and shuts the gate."""

import dataclasses
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import DateTimeField, Field, ForeignKey, Model
from django.test import Client

from accounts import teams, tokens, users
from accounts.actors import Actor
from accounts.permissions import Scope
from audit import seal
from audit.models import Event, Mismatch, ReplayedFact, ReplayPosition
from audit.record import Change, record
from audit.replay import turns
from audit.replay.attest import Differs
from audit.replay.mismatches import require_open_gate
from audit.replay.story import Story
from audit.replay.turns import Turn
from core import canonical, clock
from core.refusals import Conflict, Denied, Invalid
from deployments import replayed, rights, rollouts
from deployments.endpoints import mint_endpoint_token
from deployments.models import Endpoint
from registry import (
    access,
    card_writing,
    decisions,
    delegations,
    discussion,
    examining,
    glass,
    grants,
    protection,
    registered,
    transitions,
    versions,
)
from registry.cards import SECTIONS
from registry.models import Alias, ApprovalRequest, Decision, ModelVersion, RegisteredModel
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.deployments.governed import GOVERNED, HARMLESS, SERVED, UNGOVERNED
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run, signed
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
BACKEND = "django.contrib.auth.backends.ModelBackend"


def turn() -> Turn:
    seal.seal()
    return replayed.replay_state()


def sql(statement: str, *values: Any) -> None:
    """Change rows as somebody with the database's password would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount, statement


def only() -> Mismatch:
    return Mismatch.objects.get(settled_at=None)


@pytest.fixture
def story(
    people: dict[str, Actor], hands: Hands, model: RegisteredModel, production: Endpoint, staging: Endpoint,
    unsealed: None,
) -> ModelVersion:  # fmt: skip
    """Something of each kind: versions in both stages, aliases, decisions, rights, a policy, deployments."""
    dana, rita, olga, ada = (people[name] for name in ("dana", "rita", "olga", "ada"))
    first = locked_version(model, dana)
    signed(first, production, dana, rita)
    transitions.transition(first, to=Stage.PRODUCTION, archive_existing=True, actor=olga)
    run(hands, rollouts.start(first, production, AT_ONCE, actor=olga))
    installed(hands, staging, dana, people["eli"], versions=3)
    rights.withdraw(rights.find_right(staging, 2), reason="leaks ages", actor=people["eli"])
    transitions.set_alias(first, "best", actor=dana)
    grants.give(model, grants.Grant("person", "eli", grants.Right.WRITE), actor=dana)
    protection.protect(model, "live", actor=dana)
    registered.set_threshold(model, metric="auc", comparison=">", value=0.5, required=False, actor=rita)
    delegations.delegate("rob", ends_at=clock.now() + timedelta(days=1), reason="away", actor=rita)
    put_in_force(text_of(), people)
    put_in_force(text_of(order=11, more="break_glass: allowed\n"), people)
    teams.create_team("later", actor=ada)
    team = teams.create_team("risk", actor=ada)
    teams.set_members(team, [rita.person], actor=ada)
    grants.give(model, grants.Grant("group", "risk", grants.Right.WRITE), actor=dana)
    registered.update_model(model, risk_tier="high", actor=rita)
    ask_production(make_version(model, dana), dana)
    _let_through(ask_production(make_version(model, dana), dana), olga, rita)
    examining.examine_pending()
    card = card_writing.write(first, dict.fromkeys(SECTIONS, "clerks"), actor=dana, submit=True)
    digest = canonical.digest(card.sections)
    card_writing.review(first, verdict="send_back", digest=digest, words="say more", actor=rita)
    users.describe(people["otto"].person, first_name="Otto", last_name="", email="", actor=ada)
    tokens.mint(rita.person, label="phone", scopes=list(Scope), days=1, actor=rita, fresh=True)
    mint_endpoint_token(production, label="till", days=1, actor=olga)
    return first


def _let_through(request: ApprovalRequest, olga: Actor, rita: Actor) -> None:
    discussion.add_comment(request, body="why now?", actor=rita)
    glass.break_glass(request, digest=request.subject_digest, reason="payments are down", actor=olga)
    glass.review(request, comment="it was right", actor=rita)


def test_what_people_did_through_the_server_agrees_with_the_ledger(
    story: ModelVersion, people: dict[str, Actor]
) -> None:
    made = make_model(people["dana"], "Gone")
    gone = make_version(made, people["dana"])
    transitions.set_alias(gone, "a", actor=people["dana"])
    versions.delete_version(make_version(made, people["dana"]), actor=people["dana"])
    turn()
    registered.delete_model(made, actor=people["dana"])
    assert turn().found == 0, [vars(row) for row in Mismatch.objects.all()]
    if connection.vendor == "sqlite":  # PostgreSQL seals nothing inside a test's own transaction
        assert {kind.name for kind in replayed.KINDS} - {"environment", "event"} == set(
            ReplayedFact.objects.values_list("kind", flat=True)
        )


CHANGES = {
    "stage": "UPDATE registry_modelversion SET stage = 'Production' WHERE version = 2",
    "files": "UPDATE registry_modelversion SET manifest_id = NULL WHERE version = 1",
    "registrant": "UPDATE registry_modelversion SET registered_by_id = "
    "(SELECT id FROM accounts_user WHERE username = 'eli') WHERE version = 1",
    "registration": 'UPDATE registry_modelversion SET evidence = CAST(\'{"metrics": {"auc": 0.99}}\' AS {BYTES}) '
    "WHERE version = 2",
    "description": "UPDATE registry_modelversion SET description = 'for all' WHERE version = 2",
    "number": "UPDATE registry_modelversion SET semver = '9.9.9' WHERE version = 2",
    "name": "UPDATE registry_registeredmodel SET name = 'Other'",
    "model description": "UPDATE registry_registeredmodel SET description = 'for all'",
    "owner": "UPDATE registry_registeredmodel SET owner_id = (SELECT id FROM accounts_user WHERE username = 'eli')",
    "tier": "UPDATE registry_registeredmodel SET risk_tier = 'low'",
    "restriction": "UPDATE registry_registeredmodel SET restricted = NOT restricted",
    "strictness": "UPDATE registry_registeredmodel SET strict_sources = NOT strict_sources",
    "data policy": """UPDATE registry_registeredmodel SET data_policy = '{"share_pct": 1}'""",
    "outcome values": "UPDATE registry_registeredmodel SET outcome_values = '[1]'",
    "protection": "UPDATE registry_registeredmodel SET protected_aliases = '[]'",
    "alias": "UPDATE registry_alias SET version_id = (SELECT max(id) FROM registry_modelversion) WHERE name = 'best'",
    "grant": "DELETE FROM registry_registeredmodeluserpermission",
    "threshold": "DELETE FROM registry_metricthreshold",
    "request": "UPDATE registry_approvalrequest SET state = 'withdrawn' WHERE state = 'open'",
    "subject": "UPDATE registry_approvalrequest SET subject_digest = 'f' WHERE state = 'open'",
    "ceiling": "UPDATE registry_approvalrequest SET ceiling_pct = 5 WHERE id = "
    "(SELECT min(id) FROM registry_approvalrequest WHERE state = 'executed')",
    "decision": "UPDATE registry_decision SET verdict = 'reject'",
    "voice": "UPDATE registry_decision SET comment = 'other words'",
    "groups": "UPDATE registry_decision SET groups = '[\"risk\"]'",
    "moment": "UPDATE registry_approvalrequest SET created_at = '2020-01-01 00:00:00' WHERE state = 'open'",
    "decision moment": "UPDATE registry_decision SET at = '2020-01-01 00:00:00'",
    "glass moment": "UPDATE registry_brokenglass SET opened_at = '2020-01-01 00:00:00'",
    "review moment": "UPDATE registry_brokenglass SET reviewed_at = '2020-01-01 00:00:00'",
    "check": "UPDATE registry_check SET required = NOT required WHERE id = (SELECT max(id) FROM registry_check)",
    "rule": "UPDATE registry_requestrule SET count = 9 WHERE id = (SELECT max(id) FROM registry_requestrule)",
    "reason": "UPDATE registry_approvalrequest SET reason = 'other words' WHERE state = 'open'",
    "execution": "UPDATE registry_approvalrequest SET executed_by_id = NULL WHERE state = 'executed'",
    "remark": "UPDATE registry_comment SET body = 'other words'",
    "glass": "UPDATE registry_brokenglass SET reason = 'other words'",
    "review": "UPDATE registry_brokenglass SET review = 'other words'",
    "policy": "UPDATE registry_policyversion SET state = 'withdrawn' WHERE state = 'active'",
    "proposal": "UPDATE registry_policyversion SET author_id = (SELECT id FROM accounts_user WHERE username = 'eli') "
    "WHERE number = 1",
    "policy decision": "UPDATE registry_policyversion SET comment = 'other words' WHERE number = 1",
    "delegation": "UPDATE registry_delegation SET to_id = (SELECT id FROM accounts_user WHERE username = 'ada')",
    "card": "UPDATE registry_modelcard SET state = 'approved'",
    "card writer": "UPDATE registry_modelcard SET edited_by_id = (SELECT id FROM accounts_user WHERE username = 'eli')",
    "card review": "UPDATE registry_modelcard SET words = 'other words'",
    "user": "UPDATE accounts_user SET username = 'nobody' WHERE username = 'otto'",
    "person": "UPDATE accounts_user SET email = 'x@example.com' WHERE username = 'otto'",
    "password": "UPDATE accounts_user SET password = 'x' WHERE username = 'otto'",
    "team name": "UPDATE auth_group SET name = 'others' WHERE name = 'later'",
    "fact": "UPDATE registry_versionfact SET good = NOT good WHERE id = (SELECT max(id) FROM registry_versionfact)",
    "roles": "UPDATE accounts_user SET is_superuser = NOT is_superuser WHERE username = 'otto'",
    "token": "UPDATE accounts_apitoken SET expires_at = created_at",
    "secret": "UPDATE accounts_apitoken SET sha256 = 'f'",
    "author": "UPDATE registry_modelversion SET run_author_id = NULL WHERE version = 1",
    "plan": "UPDATE deployments_rollout SET plan = '{}' WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "step": "UPDATE deployments_rolloutstep SET name = 'route' WHERE name = 'install' "
    "AND rollout_id = (SELECT max(id) FROM deployments_rollout)",
    "endpoint-token": "UPDATE deployments_endpointtoken SET sha256 = 'f'",
    "access": "UPDATE accounts_user SET is_active = NOT is_active WHERE username = 'otto'",
    "team": "DELETE FROM accounts_user_groups WHERE group_id = (SELECT id FROM auth_group WHERE name = 'risk')",
    "endpoint": "UPDATE deployments_endpoint SET environment_id = "
    "(SELECT id FROM deployments_environment WHERE name = 'staging') WHERE name = 'fraud'",
    "rollout": "UPDATE deployments_rollout SET state = 'rolled_back' "
    "WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "goal": "UPDATE deployments_rollout SET digest = 'f' WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "purpose": "UPDATE deployments_rollout SET kind = 'rollback' WHERE id = (SELECT min(id) FROM deployments_rollout)",
    "signature": "UPDATE deployments_rollout SET request_id = NULL WHERE request_id IS NOT NULL",
    "starter": "UPDATE deployments_rollout SET created_by_id = (SELECT id FROM accounts_user WHERE username = 'ada') "
    "WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "rollout reason": "UPDATE deployments_rollout SET reason = 'x' "
    "WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "terms": "UPDATE deployments_rollout SET last_good_id = NULL WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "end": "UPDATE deployments_rollout SET ended_at = NULL WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "hold": "UPDATE deployments_rollout SET paused_at = created_at "
    "WHERE id = (SELECT max(id) FROM deployments_rollout)",
    "installation": "UPDATE deployments_installedright SET installed_at = '2020-01-01 00:00:00' "
    "WHERE id = (SELECT max(id) FROM deployments_installedright)",
    "withdrawal": "UPDATE deployments_installedright SET withdrawn_at = '2020-01-01 00:00:00' "
    "WHERE withdrawn_at IS NOT NULL",
    "right": "UPDATE deployments_installedright SET digest = 'f' "
    "WHERE id = (SELECT max(id) FROM deployments_installedright)",
}


def test_each_kind_of_row_changed_behind_the_ledgers_back_is_named(story: ModelVersion) -> None:
    assert turn().found == 0
    assert set(CHANGES) | {"lock", "event", "environment", "unsigned"} == {kind.name for kind in replayed.KINDS}
    for kind, statement in CHANGES.items():
        with transaction.atomic():
            sql(statement.replace("{BYTES}", "BYTEA" if connection.vendor == "postgresql" else "BLOB"))
            assert turn().found == 1, kind
            row = only()
            assert row.kind == kind
            assert row.said != row.found
            assert Event.objects.get(action="state.mismatched").object_label == row.label
            assert turn().found == 0, "it is told once"
            transaction.set_rollback(True)


INSERTED: dict[str, Callable[[ModelVersion], object]] = {
    "alias": lambda first: Alias.objects.bulk_create([Alias(model=first.model, name="champion2", version=first)]),
    "decision": lambda first: Decision.objects.bulk_create(
        [
            Decision(
                request=ApprovalRequest.objects.get(state="open"), person=first.registered_by, verdict="approve",
                comment="x", subject_digest="f", via="password",
            )
        ]
    ),
    "roles": lambda first: first.registered_by.groups.add(Group.objects.get(name="admin")),
}  # fmt: skip


def other_than(row: Model, field: "Field[Any, Any]") -> Any:
    """Return another value that the column can hold."""
    value = getattr(row, field.attname)
    if isinstance(field, ForeignKey):
        return field.related_model._default_manager.exclude(pk=value).values_list("pk", flat=True).last()
    if isinstance(field, DateTimeField):
        return (value or clock.now()) + timedelta(days=1)
    others: dict[type, Callable[[Any], Any]] = {
        str: lambda text: f"x{text}"[: field.max_length], bool: lambda yes: not yes,
        uuid.UUID: lambda _: uuid.uuid4(), dict: lambda _: {"x": 1}, list: lambda _: ["x"],
        bytes: lambda _: b'{"x": 1}', memoryview: lambda _: b'{"x": 1}',
    }  # fmt: skip
    return others.get(type(value), lambda number: number + 1)(value)


def test_each_column_that_governance_rests_on_is_told_of(story: ModelVersion) -> None:
    """Whatever one statement changes is found, or stands in HARMLESS with a reason: so does each column to come."""
    assert turn().found == 0
    silent = []
    for table in (*GOVERNED, *SERVED):
        row = table._default_manager.order_by("pk").last()
        assert row, table
        harmless = HARMLESS.get(table, {})
        columns = {field.attname: field for field in table._meta.concrete_fields if not field.primary_key}
        assert harmless.keys() <= columns.keys(), table
        for name in columns.keys() - harmless.keys():
            with suppress(IntegrityError), transaction.atomic():  # what the database refuses is not done
                table._default_manager.filter(pk=row.pk).update(**{name: other_than(row, columns[name])})
                if next(turns.differing(replayed.KINDS), None) is None:
                    silent.append(f"{table.__name__}.{name}")
                transaction.set_rollback(True)
    assert silent == []


def test_each_table_of_the_registry_and_of_people_is_governed_or_is_not_for_a_reason() -> None:
    tables: set[type[Model]] = {
        *apps.get_app_config("registry").get_models(),
        *apps.get_app_config("accounts").get_models(),
        Group,
    }
    assert {one for one in tables if not one._meta.proxy} == {*GOVERNED, *UNGOVERNED}


def test_an_event_that_cannot_be_replayed_is_named_and_shuts_the_gate(
    story: ModelVersion, people: dict[str, Actor]
) -> None:
    with transaction.atomic():
        about = access.version_subject(story)
        written = record("alias.set", about, actor=people["olga"], change=Change(after={"alias": "champion"}))
    assert turn().found == 1
    assert (only().kind, only().event_id, only().found) == ("event", written.pk, None)
    assert "KeyError 'version'" in str(only().said)
    assert only().label == f"unreadable event about {story}"
    with pytest.raises(Conflict, match="gate is shut"):
        require_open_gate("be deployed")
    assert turn().found == 0, "it is told once"
    replayed.settle(only(), found=None, reason="written by a script of ours", actor=people["ada"])
    turns.forget()
    assert turn().found == 0, "what was settled stays so, read from the start too"
    require_open_gate("be deployed")


def test_a_row_that_no_event_tells_of_is_named(story: ModelVersion) -> None:
    turn()
    for kind, insert in INSERTED.items():
        with transaction.atomic():
            insert(story)
            assert turn().found == 1
            assert only().kind == kind
            transaction.set_rollback(True)


def test_a_deleted_row_is_named(story: ModelVersion) -> None:
    turn()
    sql("DELETE FROM registry_alias WHERE name = 'best'")
    turn()
    assert (only().kind, only().said, only().found) == ("alias", "1", None)


PUT_BACK = "UPDATE registry_modelversion SET stage = 'None' WHERE version = 2"


@pytest.fixture
def shut(story: ModelVersion) -> Mismatch:
    turn()
    sql(CHANGES["stage"])
    turn()
    return only()


def test_the_gate_is_shut_until_an_admin_settles_it_with_a_reason(
    shut: Mismatch, story: ModelVersion, people: dict[str, Actor], staging: Endpoint
) -> None:
    second = ModelVersion.objects.select_related("model", "manifest").get(version=2)
    with pytest.raises(Conflict, match="gate is shut") as refused:
        rollouts.start(second, staging, AT_ONCE, actor=people["eli"])
    assert "/audit/mismatches" in refused.value.sentence
    with pytest.raises(Denied):
        replayed.settle(shut, found=shut.found, reason="x", actor=people["olga"])
    with pytest.raises(Invalid):
        replayed.settle(shut, found=shut.found, reason=" ", actor=people["ada"])
    with pytest.raises(Conflict, match="changed since"):
        replayed.settle(shut, found="Staging", reason="restored", actor=people["ada"])
    with pytest.raises(Conflict, match="no reason makes it true"):
        replayed.settle(shut, found=shut.found, reason="looks fine to me", actor=people["ada"])
    with pytest.raises(Conflict, match="gate is shut"):
        require_open_gate("be deployed")
    sql(PUT_BACK)
    replayed.settle(shut, found="None", reason="a restore went wrong", actor=people["ada"])
    replayed.settle(shut, found="None", reason="again", actor=people["ada"])
    assert Event.objects.filter(action="state.settled").count() == 1
    assert Mismatch.objects.get().reason == "a restore went wrong"
    assert turn().found == 0
    rollouts.start(second, staging, AT_ONCE, actor=people["eli"])


def approve(request: ApprovalRequest, *people: Actor) -> None:
    accepted = [check.pk for check in request.checks.all()]
    for person in people:
        choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine", accepted)
        decisions.decide(request, choice, actor=person)


def test_a_version_goes_to_production_only_through_an_open_gate(shut: Mismatch, people: dict[str, Actor]) -> None:
    dana, rita, rob = (people[name] for name in ("dana", "rita", "rob"))
    version = make_version(make_model(dana, "Second"), dana)
    approve(ask_production(version, dana), rita, rob)
    with pytest.raises(Conflict, match="cannot go to Production"):
        transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    waiting = transitions.set_alias(version, "champion", actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    approve(waiting.request, rita)
    with pytest.raises(Conflict, match="cannot become @champion"):
        transitions.set_alias(version, "champion", actor=dana)
    assert ApprovalRequest.objects.filter(version=version, state="approved").count() == 2, "signatures wait meanwhile"
    transitions.transition(version, to=Stage.STAGING, actor=people["eli"])


def test_the_gate_holds_for_whatever_a_policy_asks_a_signature_for(shut: Mismatch, people: dict[str, Actor]) -> None:
    dana, rita, eli = (people[name] for name in ("dana", "rita", "eli"))
    put_in_force(
        text_of(order=1, actions='[{alias: "prod*"}, {stage: Staging}]', approvals="[{group: reviewer, count: 1}]"),
        people,
    )
    version = make_version(make_model(dana, "Second"), dana)
    waiting = transitions.set_alias(version, "prod-eu", actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    approve(waiting.request, rita)
    with pytest.raises(Conflict, match="cannot become @prod-eu"):
        transitions.set_alias(version, "prod-eu", actor=dana)
    staged = transitions.transition(version, to=Stage.STAGING, actor=eli)
    assert isinstance(staged, ApprovalRequired)
    approve(staged.request, rita)
    with pytest.raises(Conflict, match="cannot go to Staging"):
        transitions.transition(version, to=Stage.STAGING, actor=eli)
    sql(PUT_BACK)
    replayed.settle(shut, found="None", reason="put back", actor=people["ada"])
    transitions.set_alias(version, "prod-eu", actor=dana)
    sql(CHANGES["stage"])
    turn()
    with pytest.raises(Conflict, match="cannot lose @prod-eu"):
        transitions.delete_alias(version.model, "prod-eu", actor=dana)


def test_what_is_queued_waits_and_what_goes_back_goes(
    story: ModelVersion, people: dict[str, Actor], staging: Endpoint, hands: Hands
) -> None:
    turn()
    third = locked_version(staging.model, people["dana"])
    queued = rollouts.start(third, staging, AT_ONCE, actor=people["eli"])
    sql(CHANGES["tier"])
    turn()
    assert run(hands, queued).state == "queued"
    rollouts.cancel(queued, actor=people["eli"], reason="never mind")
    back = rollouts.roll_back(staging, reason="worse", actor=people["eli"])
    assert run(hands, back).state == "done"


def test_a_row_put_back_still_waits_for_the_admins_word(shut: Mismatch, people: dict[str, Actor]) -> None:
    sql(PUT_BACK)
    assert turn().found == 0
    assert replayed.row_now(shut) == "None"
    replayed.settle(shut, found="None", reason="put back from the backup", actor=people["ada"])
    assert turn().found == 0


def test_kept_facts_that_were_changed_settle_nothing(shut: Mismatch, people: dict[str, Actor]) -> None:
    ReplayedFact.objects.filter(kind="stage").update(value="Production")
    Mismatch.objects.update(said="Production")
    with pytest.raises(Conflict, match="no reason makes it true"):
        replayed.settle(shut, found="Production", reason="mine", actor=people["ada"])


def test_a_secret_that_was_changed_is_settled_by_revoking_its_token(
    story: ModelVersion, people: dict[str, Actor]
) -> None:
    turn()
    sql(CHANGES["secret"])
    turn()
    token = people["rita"].person.api_tokens.get()
    tokens.revoke(people["rita"].person, token_id=token.pk, actor=people["rita"])
    assert turn().found == 0
    replayed.settle(only(), found=None, reason="revoked it", actor=people["ada"])
    require_open_gate("be deployed")


def test_a_forged_signature_deploys_nothing(
    story: ModelVersion, people: dict[str, Actor], production: Endpoint
) -> None:
    third = locked_version(production.model, people["dana"])
    asked = rollouts.request_deployment(third, production, AT_ONCE, reason="new", actor=people["dana"])
    sql("UPDATE registry_approvalrequest SET state = 'approved' WHERE id = %s", asked.request.pk)
    with pytest.raises(Differs, match="state of"):
        rollouts.start(third, production, AT_ONCE, actor=people["olga"])
    assert {row.kind for row in Mismatch.objects.all()} == {"request", "ceiling"}
    assert not third.rollouts.exists()


def test_a_row_changed_again_is_told_again(shut: Mismatch) -> None:
    sql("UPDATE registry_modelversion SET stage = 'Archived' WHERE version = 2")
    assert turn().found == 1
    assert only().pk == shut.pk
    assert only().found == "Archived"


def test_a_turn_cut_off_in_the_middle_is_taken_up_again(story: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    seal.seal()
    if connection.vendor != "sqlite":
        pytest.skip("nothing is sealed inside a test's own transaction")
    monkeypatch.setattr(turns, "BATCH", 7)
    written = iter(range(3))

    def killed(_: object) -> None:
        if next(written, None) is None:
            raise KeyboardInterrupt

    def keep(story: Story) -> None:
        killed(story)
        usual(story)

    usual = turns._keep
    monkeypatch.setattr(turns, "_keep", keep)
    with pytest.raises(KeyboardInterrupt):
        replayed.replay_state()
    assert ReplayPosition.objects.get().seq == 21
    monkeypatch.setattr(turns, "_keep", usual)
    assert replayed.replay_state() == Turn(Event.objects.count() - 21, caught_up=True, found=0)


def test_a_turn_without_time_goes_on_at_the_next(story: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("nothing is sealed inside a test's own transaction")
    monkeypatch.setattr(turns, "BATCH", 50)
    short = turns.take_turn(replayed.KINDS, limit_s=0)
    assert dataclasses.astuple(short) == (50, False, 0)
    assert replayed.replay_state().caught_up


def test_kept_facts_that_were_changed_do_not_hide_a_row_from_a_whole_replay(story: ModelVersion) -> None:
    turn()
    sql(CHANGES["stage"])
    ReplayedFact.objects.filter(kind="stage", key__endswith="/2").update(value="Production")
    if connection.vendor == "sqlite":
        assert turn().found == 0
    turns.forget()
    assert turn().found == 1


def test_an_admin_is_told_looks_and_settles_it_on_its_page(
    shut: Mismatch, people: dict[str, Actor], client: Client
) -> None:
    assert client.get("/health").content.decode().splitlines()[0] == "OK"
    assert "1 row differs" in client.get("/health").content.decode()
    assert client.get("/readyz").json()["alerts"] == client.get("/health").content.decode().splitlines()[1:]
    client.force_login(people["ada"].person, backend=BACKEND)
    for path in ("/", "/notifications", "/audit/mismatches"):
        assert f"/audit/mismatches/{shut.pk}" in client.get(path).content.decode(), path
    page = client.get(f"/audit/mismatches/{shut.pk}").content.decode()
    assert "stage of Fraud-Detection version 2" in page
    assert "<code>None</code>" in page
    assert "<code>Production</code>" in page
    address = f"/audit/mismatches/{shut.pk}/settle"
    stale = {"is_there": "yes", "found": "Staging", "reason": "mine"}
    assert client.post(address, stale).status_code == 409
    assert client.post(address, {**stale, "found": "Production", "reason": ""}).status_code == 400
    assert client.post(address, {**stale, "found": "Production"}).status_code == 409
    sql(PUT_BACK)
    assert client.post(address, {**stale, "found": "None"}).status_code == 302
    assert client.get("/health").content == b"OK"
    assert "mine" in client.get(f"/audit/mismatches/{shut.pk}").content.decode()


def test_the_command_ends_with_1_while_a_row_differs(story: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit_replay")
    assert "0 new mismatches, 0 open" in capsys.readouterr().out
    sql(CHANGES["stage"])
    with pytest.raises(CommandError, match="differ"):
        call_command("audit_replay", "--from-start")

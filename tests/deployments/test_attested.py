"""What is served, held against the ledger where it is used: rows changed for a moment bring nothing to an endpoint."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from audit.models import Event, Mismatch
from audit.record import Change, record
from audit.replay.attest import Differs
from core.refusals import Conflict
from deployments import attested, endpoints, engine, interventions, orders, replayed, rights, rollouts, upkeep
from deployments.batch import jobs
from deployments.batch.desk import Desk
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from deployments.targets.contract import GiveUp
from registry.models import ModelVersion
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run
from tests.deployments.test_replayed import sql, turn

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
OTHER_GOAL = "UPDATE deployments_rollout SET version_id = %s, digest = %s WHERE id = %s"
OTHER_RIGHT = "UPDATE deployments_installedright SET version_id = %s, digest = %s WHERE rollout_id = %s"
BAKED = Plan(Strategy.BLUE_GREEN, 600)


def point(rollout: Rollout, to: ModelVersion) -> None:
    """Have the rollout and its right, if it has one, bring another version."""
    assert to.manifest
    values = (to.pk, to.manifest.digest, rollout.pk)
    sql(OTHER_GOAL, *values)
    if InstalledRight.objects.filter(rollout=rollout).exists():
        sql(OTHER_RIGHT, *values)


def named() -> set[str]:
    return set(Mismatch.objects.filter(settled_at=None).values_list("kind", flat=True))


def settle(by: Actor) -> None:
    for row in Mismatch.objects.filter(settled_at=None):
        replayed.settle(row, found=replayed.row_now(row), reason="put back", actor=by)


@pytest.fixture
def evil(staging: Endpoint, dana: Actor) -> ModelVersion:
    return locked_version(staging.model, dana)


@pytest.fixture
def served(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> list[Rollout]:
    """Two rollouts of an endpoint that serves the second and could go back to the first."""
    installed(hands, staging, dana, eli, versions=2)
    return list(staging.rollouts.order_by("pk"))


def test_an_endpoint_moved_to_staging_by_hand_gets_nothing_unsigned(
    production: Endpoint, dana: Actor, eli: Actor
) -> None:
    version = locked_version(production.model, dana)
    sql(
        "UPDATE deployments_endpoint SET environment_id = (SELECT id FROM deployments_environment "
        "WHERE name = 'staging') WHERE name = 'fraud'"
    )
    moved = endpoints.find_endpoint("fraud", actor=eli)
    with pytest.raises(Differs, match="environment of endpoint fraud: production"):
        rollouts.start(version, moved, AT_ONCE, actor=eli)
    assert named() == {"endpoint"}
    assert not production.rollouts.exists()


def test_production_renamed_to_staging_gets_nothing_unsigned(production: Endpoint, dana: Actor, eli: Actor) -> None:
    version = locked_version(production.model, dana)
    sql("UPDATE deployments_environment SET name = 'x' WHERE name = 'staging'")
    sql("UPDATE deployments_environment SET name = 'staging' WHERE name = 'production'")
    with pytest.raises(Differs, match="environment of endpoint fraud: production"):
        rollouts.start(version, endpoints.find_endpoint("fraud", actor=eli), AT_ONCE, actor=eli)
    assert turn().found == 2, "x and no production; the endpoint was told already"
    assert named() == {"environment", "endpoint"}


def test_a_rollback_goes_only_to_what_was_installed(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, eli: Actor, ada: Actor, hands: Hands
) -> None:
    first, digest = served[0].version, served[0].digest
    point(served[0], evil)
    with pytest.raises(Differs, match="goal of"):
        rollouts.roll_back(staging, reason="odd refusals", actor=eli)
    assert named() == {"goal", "right"}
    assert staging.rollouts.count() == 2
    sql(OTHER_GOAL, first.pk, digest, served[0].pk)
    sql(OTHER_RIGHT, first.pk, digest, served[0].pk)
    settle(ada)
    assert run(hands, rollouts.roll_back(staging, reason="odd refusals", actor=eli)).state == RolloutState.DONE
    assert turn().found == 0


def test_a_right_alone_that_was_changed_or_given_back_leads_nowhere(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, eli: Actor, hands: Hands
) -> None:
    sql("UPDATE deployments_installedright SET version_id = %s WHERE rollout_id = %s", evil.pk, served[0].pk)
    with pytest.raises(Differs, match="right left by"):
        rollouts.roll_back(staging, to=served[0], reason="worse", actor=eli)
    sql(OTHER_RIGHT, served[0].version_id, served[0].digest, served[0].pk)
    rights.withdraw(rights.find_right(staging, 1), reason="leaks ages", actor=eli)
    run(hands, staging.rollouts.latest("pk"))
    sql("UPDATE deployments_installedright SET withdrawn_at = NULL WHERE rollout_id = %s", served[0].pk)
    with pytest.raises(Differs, match="withdrawn by the ledger"):
        rollouts.roll_back(staging, to=served[0], reason="worse", actor=eli)


def test_what_is_queued_begins_only_as_what_was_asked_for(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, eli: Actor, ada: Actor, hands: Hands
) -> None:
    queued = rollouts.roll_back(staging, reason="worse", actor=eli)
    point(queued, evil)
    waits = run(hands, queued)
    assert (waits.state, hands.serving("fraud-staging")) == (RolloutState.QUEUED, ["2"])
    assert "rows differ from the ledger (goal of" in waits.why
    assert named() == {"goal"}
    point(queued, served[0].version)
    assert run(hands, queued).state == RolloutState.DONE
    settle(ada)
    assert turn().found == 0


def test_what_is_under_way_brings_nothing_else_and_waits_for_an_operator(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, dana: Actor, eli: Actor, hands: Hands
) -> None:
    third = locked_version(staging.model, dana)
    started = rollouts.start(third, staging, AT_ONCE, actor=eli)
    hands.slow.add(str(third.version))
    assert run(hands, started, turns=2).state == RolloutState.RUNNING
    hands.slow.clear()
    point(started, evil)
    waits = run(hands, started)
    assert (waits.state, hands.serving("fraud-staging")) == (RolloutState.NEEDS_OPERATOR, ["2"])
    assert "Nobody can go on with" in waits.why
    interventions.turn_back(waits, reason="somebody is at the database", actor=eli)
    back = run(hands, waits)
    assert (back.state, hands.serving("fraud-staging")) == (RolloutState.ROLLED_BACK, ["2"])


def test_what_failed_goes_back_only_to_what_was_installed(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, dana: Actor, eli: Actor, hands: Hands
) -> None:
    third = locked_version(staging.model, dana)
    started = run(hands, rollouts.start(third, staging, BAKED, actor=eli), turns=5)
    assert hands.serving("fraud-staging") == [str(third.version)]
    point(served[1], evil)
    rollouts.send_back(rollouts.whole(started.pk), why="worse")
    waits = run(hands, started)
    assert (waits.state, hands.serving("fraud-staging")) == (RolloutState.NEEDS_OPERATOR, [str(third.version)])
    assert named() == {"goal", "right"}


def test_what_was_changed_at_the_end_leaves_no_right(
    evil: ModelVersion, staging: Endpoint, dana: Actor, eli: Actor, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli)
    monkeypatch.setattr(engine, "_finish", lambda *_: False)
    run(hands, started)
    monkeypatch.undo()
    assert not started.steps.exclude(status="done").exists()
    point(started, evil)
    assert run(hands, started).state == RolloutState.NEEDS_OPERATOR
    assert not InstalledRight.objects.exists()


def test_what_went_missing_is_not_put_back_as_something_else(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, hands: Hands
) -> None:
    point(served[1], evil)
    for path in hands.layout.desired_folder.glob("*.json"):
        path.unlink()
    assert upkeep.look_after() == 0
    assert hands.running() == []
    with pytest.raises(GiveUp, match="Nobody can keep"):
        orders.told_release(rollouts.whole(served[1].pk))


def test_no_file_is_scored_by_what_was_never_installed(
    served: list[Rollout], evil: ModelVersion, staging: Endpoint, eli: Actor, settings: Any, tmp_path: Path
) -> None:
    settings.HOME = tmp_path
    job = jobs.score_upload(staging, "a.csv", [b"amount\n1\n"], jobs.Wish(), actor=eli)
    point(served[1], evil)
    with pytest.raises(Differs, match="have a file scored"):
        jobs.score_upload(staging, "b.csv", [b"amount\n2\n"], jobs.Wish(), actor=eli)
    Mismatch.objects.all().delete()
    sql("UPDATE deployments_batchjob SET version_id = %s, digest = %s", evil.pk, evil.manifest.digest)  # type: ignore[union-attr]
    desk = Desk("desk-1")
    assert desk.turn() == 0
    job.refresh_from_db()
    assert job.state == "queued"
    assert named() == {"goal", "right"}
    desk.close()


def test_the_replay_names_a_deployment_to_production_that_nobody_signed_until_it_is_withdrawn(
    production: Endpoint, dana: Actor, olga: Actor, ada: Actor, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "needs_signature", lambda *_: False)  # as if a column had said so
    done = run(hands, rollouts.start(locked_version(production.model, dana), production, AT_ONCE, actor=olga), turns=0)
    assert turn().found == 1
    row = Mismatch.objects.get()
    assert (row.kind, row.said, row.found) == ("unsigned", "no approval needed", "an approval needed")
    assert row.label.startswith("unsigned deployment deployment #")
    with pytest.raises(Conflict, match="no reason makes it true"):
        replayed.settle(row, found=row.found, reason="fine by me", actor=ada)
    rollouts.cancel(done, actor=olga, reason="nobody signed it")
    settle(ada)
    assert turn().found == 0


def test_a_rollout_that_an_older_server_asked_for_is_left_alone(
    served: list[Rollout], staging: Endpoint, eli: Actor
) -> None:
    told = json.loads(bytes(Event.objects.filter(action="rollout.requested").latest("id").body))
    less = {key: told["facts"][key] for key in ("digest", "plan", "approval", "kind")}
    record("rollout.requested", rollouts.rollout_subject(served[1]), actor=eli, change=Change(facts=less))
    record(
        "rollout.done", rollouts.rollout_subject(served[1]), actor=eli,
        change=Change(after={"state": "done"}, facts={"digest": served[1].digest, "kind": "deploy"}),
    )  # fmt: skip
    assert attested.differs(staging, *served) == []


def test_one_look_up_in_the_ledger_tells_of_all(served: list[Rollout], staging: Endpoint) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert attested.differs(staging, *served) == []
    assert sum("audit_event" in query["sql"] for query in asked) == 1

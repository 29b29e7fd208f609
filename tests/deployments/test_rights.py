import json
from datetime import timedelta

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from deployments import endpoints, rights, rollouts
from deployments.models import Endpoint, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import history, transitions, versions
from registry.models import RegisteredModel
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run, signed
from tests.factories import make_version
from tests.web.visitors import browser

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def withdrawn(endpoint: Endpoint, version: int, by: Actor) -> Rollout:
    """Withdraw what serves or stands by; return the rollout that takes it out."""
    taken = rights.withdraw(rights.find_right(endpoint, version), reason="leaks ages", actor=by)
    assert taken
    return taken


def test_what_serves_is_taken_out_and_requests_go_to_the_version_before(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    taken = run(hands, withdrawn(staging, 2, eli))
    assert (taken.state, taken.kind, taken.reason) == (RolloutState.DONE, "withdraw", "leaks ages")
    assert [step.name for step in taken.steps.all()] == ["install", "revert"]
    assert hands.serving("fraud-staging") == ["1"]
    assert hands.running() == ["1"]
    now = endpoints.serving(staging)
    assert now
    assert now.version.version == 1
    told = history.tell(Event.objects.filter(action="version.withdrawn").get())
    assert (told.comment, told.actor, told.facts["endpoint"]) == ("leaks ages", "eli", "fraud-staging")


def test_where_nothing_is_left_requests_are_refused(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> None:
    installed(hands, staging, dana, eli, versions=1)
    right = rights.find_right(staging, 1)
    assert rights.leaves_nothing(right)
    assert run(hands, withdrawn(staging, 1, eli)).state == RolloutState.DONE
    assert hands.serving("fraud-staging") == []
    assert hands.running() == []
    assert endpoints.serving(staging) is None


def test_what_stands_by_is_stopped_and_what_serves_serves_on(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    assert run(hands, withdrawn(staging, 1, eli)).state == RolloutState.DONE
    assert hands.serving("fraud-staging") == ["2"]
    assert hands.running() == ["2"]


def test_what_runs_nowhere_takes_no_rollout(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> None:
    installed(hands, staging, dana, eli, versions=3)
    right = rights.find_right(staging, 1)
    assert rights.withdraw(right, reason="old", actor=eli) is None
    assert rights.withdraw(right, reason="old", actor=eli) is None
    assert Event.objects.filter(action="version.withdrawn").count() == 1
    assert hands.running() == ["2", "3"]


def test_it_takes_the_environments_permission_and_a_reason(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=1)
    right = rights.find_right(staging, 1)
    with pytest.raises(Denied):
        rights.withdraw(right, reason="bad", actor=dana)
    with pytest.raises(Invalid, match="reason"):
        rights.withdraw(right, reason=" ", actor=eli)
    with pytest.raises(NotFound):
        rights.find_right(staging, 9)
    assert endpoints.serving(staging)


def test_a_withdrawn_version_is_not_rolled_back_to(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> None:
    installed(hands, staging, dana, eli, versions=3)
    run(hands, withdrawn(staging, 2, eli))
    before = rollouts.previous(staging)
    assert before
    assert before.version.version == 1
    with pytest.raises(Conflict, match="withdrawn"):
        rollouts.roll_back(staging, to=staging.rollouts.get(version__version=2, kind="deploy"), reason="x", actor=eli)


def test_a_signature_from_before_a_withdrawal_deploys_nothing(
    hands: Hands, production: Endpoint, model: RegisteredModel, dana: Actor, olga: Actor, rita: Actor, unsealed: None
) -> None:
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    run(hands, rollouts.start(version, production, AT_ONCE, actor=olga))
    signed(version, production, dana, rita)
    run(hands, withdrawn(production, 1, olga))
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, production, AT_ONCE, actor=olga)
    signed(version, production, dana, rita)
    assert run(hands, rollouts.start(version, production, AT_ONCE, actor=olga)).state == RolloutState.DONE


def test_a_rollout_that_has_not_taken_over_makes_way(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    hands.slow.add("3")
    third = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli), turns=2)
    taken = withdrawn(staging, 2, eli)
    third = run(hands, third, turns=4)
    assert (third.state, third.why) == (RolloutState.ROLLED_BACK, "A withdrawal comes first.")
    assert run(hands, taken).state == RolloutState.DONE
    assert hands.serving("fraud-staging") == ["1"]
    assert hands.running() == ["1"]


def test_a_rollout_that_has_taken_over_goes_on_and_nothing_is_left_to_withdraw(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    plan = Plan(Strategy.BLUE_GREEN, 3600)
    third = run(hands, rollouts.start(locked_version(model, dana), staging, plan, actor=eli), turns=5)
    taken = withdrawn(staging, 2, eli)
    third.steps.filter(name="bake").update(started_at=clock.now() - timedelta(hours=1))
    assert run(hands, third).state == RolloutState.DONE
    assert run(hands, taken).state == RolloutState.CANCELLED
    assert hands.serving("fraud-staging") == ["3"]
    assert hands.running() == ["1", "3"]


def test_where_the_version_before_does_not_start_requests_are_refused_and_a_person_asked(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    hands.broken.add("1")
    taken = run(hands, withdrawn(staging, 2, eli), turns=30)
    assert taken.state == RolloutState.NEEDS_OPERATOR
    assert taken.why.startswith("Requests are refused.")
    assert hands.serving("fraud-staging") == []
    assert "2" not in hands.running()


def test_a_rollback_to_what_is_withdrawn_meanwhile_goes_back(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    hands.router_is_away = True
    back = run(hands, rollouts.roll_back(staging, reason="worse", actor=eli), turns=3)
    assert back.state == RolloutState.RUNNING
    withdrawn(staging, 1, eli)
    hands.router_is_away = False
    back = run(hands, back)
    assert back.state == RolloutState.ROLLED_BACK
    assert hands.serving("fraud-staging") == ["2"]
    assert hands.running() == ["2"]


def test_displacement_by_another_version_in_production_touches_nothing_that_serves(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, olga: Actor
) -> None:
    first, second = installed(hands, staging, dana, eli, versions=2)
    before, ordered = endpoints.serving(staging), hands.replicas()
    transitions.transition(second, to=Stage.STAGING, archive_existing=False, actor=olga)
    transitions.transition(first, to=Stage.STAGING, archive_existing=True, actor=olga)
    second.refresh_from_db()
    assert second.stage == Stage.ARCHIVED
    assert endpoints.serving(staging) == before
    assert rights.find_right(staging, 2).withdrawn_at is None
    assert hands.replicas() == ordered
    assert staging.rollouts.filter(kind="withdraw").count() == 0


def test_a_withdrawn_version_is_held_no_longer_once_it_is_out(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    _, second = installed(hands, staging, dana, eli, versions=2)
    run(hands, withdrawn(staging, 2, eli))
    versions.delete_version(second, actor=dana)


def test_a_pickle_is_deployed_by_nobody_who_does_not_accept_that_it_runs_code(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    version = locked_version(model, dana)
    version.environment["runs_code"] = ["cloudpickle"]
    version.save()
    with pytest.raises(Invalid, match="saved as cloudpickle: loading it runs code of its files") as refused:
        rollouts.start(version, staging, AT_ONCE, actor=eli)
    assert refused.value.field == "accepts_code"
    said = browser(eli).post(
        f"/endpoints/{staging.name}/deploy", {"version": version.version, "strategy": "all-at-once"}
    )
    assert b'href="#id_accepts_code"' in said.content
    rollouts.start(version, staging, AT_ONCE, actor=eli, accepts_code=True)
    event = Event.objects.filter(action="rollout.requested").latest("id")
    assert json.loads(bytes(event.body))["facts"]["runs_code"] == ["cloudpickle"]


def test_what_has_no_locked_environment_is_not_deployed_and_the_reason_is_said(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    version = make_version(model, dana)
    with pytest.raises(Conflict, match="is not locked yet"):
        rollouts.start(version, staging, AT_ONCE, actor=eli)
    version.environment = {**version.environment, "lock_why": "No version of torch==0.0 was found."}
    version.save(update_fields=["environment"])
    with pytest.raises(Conflict, match="could not be locked: No version of torch"):
        rollouts.start(version, staging, AT_ONCE, actor=eli)
    assert not Rollout.objects.exists()

from datetime import timedelta

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import capacity, claims, endpoints, engine, rollouts
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.plan import Sight, Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from deployments.targets.contract import Capabilities, Seen
from deployments.targets.kinds import target
from registry import registered, requests, transitions, versions
from registry.models import RegisteredModel
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed
from tests.web.visitors import browser

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def test_a_version_goes_to_staging_without_a_signature(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    assert rollout.state == RolloutState.DONE
    assert hands.serving("fraud-staging") == ["1"]
    assert endpoints.serving(staging) == rollout
    assert InstalledRight.objects.get().digest == rollout.digest


def test_the_next_version_takes_over_and_only_the_one_before_stands_by(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    for number in range(1, 4):
        run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
        assert hands.serving("fraud-staging") == [str(number)]
    assert hands.running() == ["2", "3"]


def test_what_would_change_nothing_is_refused_with_what_could_be_done(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    first, second = locked_version(model, dana), locked_version(model, dana)
    for version in (first, second):
        run(hands, rollouts.start(version, staging, AT_ONCE, actor=eli))
    with pytest.raises(Conflict, match="nothing would change") as refused:
        rollouts.start(second, staging, AT_ONCE, actor=eli)
    assert "Roll back to version 1" in str(refused.value.next_step)
    capacity.set_capacity(staging, {"memory_mb": 4096}, actor=eli)
    assert run(hands, rollouts.start(second, staging, AT_ONCE, actor=eli)).state == RolloutState.DONE
    against_itself = rollouts.start(second, staging, Plan.of({"strategy": "canary"}), actor=eli)
    assert against_itself.state == RolloutState.QUEUED


def test_while_a_bake_lasts_the_new_version_has_the_requests_and_going_back_is_to_abort_it(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    plan = Plan(Strategy.BLUE_GREEN, 600)
    baking = run(hands, rollouts.start(locked_version(model, dana), staging, plan, actor=eli), turns=5)
    assert baking.steps.get(name="bake").status == "applied"
    client = browser(eli)
    page = client.get("/endpoints/fraud-staging").content.decode()
    assert "All requests go to" in page
    assert "Version 1, which served before, stands by." in page
    assert f'href="/deployments/{baking.pk}#steer-abort"' in page
    assert "v2, not installed yet" in client.get("/endpoints").content.decode()
    with pytest.raises(Conflict, match="version 2 has all requests") as refused:
        rollouts.roll_back(staging, reason="worse", actor=eli)
    assert "send it back (abort)" in str(refused.value.next_step)
    page = client.get(f"/deployments/{baking.pk}").content.decode()
    assert 'value="abort"' in page
    assert 'value="pause"' in page
    assert 'value="promote"' not in page
    assert "100 % now" in page
    said = {"do": "abort", "reason": "worse"}
    assert client.post(f"/deployments/{baking.pk}/steer", said).status_code == 302
    back = run(hands, baking)
    assert (back.state, hands.serving("fraud-staging")) == (RolloutState.ROLLED_BACK, ["1"])
    page = client.get(f"/deployments/{baking.pk}").content.decode()
    assert "100 % sent back here" in page
    assert "Sent back</td>" in page
    assert "All requests go to" not in client.get("/endpoints/fraud-staging").content.decode()


def test_a_rollback_finds_what_stands_by_and_orders_no_other_model_server(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    for _ in range(2):
        run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    before = hands.replicas()
    back = run(hands, rollouts.roll_back(staging, reason="worse", actor=eli))
    assert back.state == RolloutState.DONE
    assert hands.serving("fraud-staging") == ["1"]
    assert hands.replicas() == before
    assert endpoints.stand_by(staging, back.version) == staging.rollouts.get(version__version=2)


def test_a_rollback_sent_twice_does_not_turn_round(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    for _ in range(2):
        run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    run(hands, rollouts.roll_back(staging, version=1, reason="worse", actor=eli))
    with pytest.raises(Conflict, match="changed since you looked"):
        rollouts.roll_back(staging, version=1, reason="worse", actor=eli)
    assert hands.serving("fraud-staging") == ["1"]


def test_a_model_that_does_not_load_is_rolled_back_and_the_old_one_serves_on(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    hands.broken.add("2")
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli), turns=20)
    assert rollout.state == RolloutState.ROLLED_BACK
    assert "cannot be loaded" in rollout.why
    assert hands.serving("fraud-staging") == ["1"]
    assert hands.running() == ["1"]
    assert [step.name for step in rollout.steps.filter(status="done")] == ["revert"]


def test_requests_are_sent_back_only_once_the_router_says_so(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    hands.broken.add("1")
    hands.router_is_away = True
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    assert rollout.state == RolloutState.ROLLING_BACK
    rollout.steps.filter(name="revert").update(deadline_at=clock.now())
    rollout = run(hands, rollout)
    assert rollout.state == RolloutState.NEEDS_OPERATOR
    assert "revert was not reached in time" in rollout.why


def test_a_step_says_what_makes_it_wait_until_it_does_not(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    hands.router_is_away = True
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli), turns=5)
    route, why = rollout.steps.get(name="route"), "the router has not taken it up yet"
    assert (route.status, route.why) == ("applied", why)
    assert why in browser(eli).get(f"/deployments/{rollout.pk}").content.decode()
    hands.router_is_away = False
    assert run(hands, rollout).state == RolloutState.DONE
    assert not rollout.steps.exclude(why="").exists()


def test_the_page_says_that_no_engine_works_on_it(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    for late_s, said in ((5, False), (60, True)):
        Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now() - timedelta(seconds=late_s))
        page = browser(eli).get(f"/deployments/{rollout.pk}/live").content.decode()
        assert ("No engine works on it" in page) == said


def test_a_later_rollout_waits_its_turn_and_is_ahead_of_every_earlier_fence(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    first = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    asked = Rollout(endpoint=staging, version=locked_version(model, dana), digest="d" * 64)
    later = rollouts.queue(asked, AT_ONCE.steps, actor=eli)
    engine.turn("engine-1")
    later.refresh_from_db()
    assert later.state == RolloutState.QUEUED
    first, later = run(hands, first), run(hands, later)
    assert (first.state, later.state) == (RolloutState.DONE, RolloutState.DONE)
    assert first.ended_at
    assert later.started_at
    assert first.ended_at <= later.started_at
    assert first.fence < later.fence


def test_rolling_back_takes_a_reason_and_no_new_signature(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    for _ in range(2):
        run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    with pytest.raises(Invalid, match="reason"):
        rollouts.roll_back(staging, reason=" ", actor=eli)
    back = run(hands, rollouts.roll_back(staging, reason="worse on weekends", actor=eli))
    assert (back.state, back.kind, back.reason) == (RolloutState.DONE, "rollback", "worse on weekends")
    assert hands.serving("fraud-staging") == ["1"]


def test_production_needs_ops_and_a_signature_over_endpoint_and_plan(
    hands: Hands,
    production: Endpoint,
    model: RegisteredModel,
    dana: Actor,
    eli: Actor,
    olga: Actor,
    rita: Actor,
    unsealed: None,
) -> None:
    version = locked_version(model, dana)
    with pytest.raises(Denied):
        rollouts.start(version, production, AT_ONCE, actor=eli)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, production, AT_ONCE, actor=olga)
    signed(version, production, dana, rita)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, production, Plan(Strategy.BLUE_GREEN, 60), actor=olga)
    rollout = run(hands, rollouts.start(version, production, AT_ONCE, actor=olga))
    assert rollout.state == RolloutState.DONE
    with pytest.raises(Conflict):
        rollouts.start(version, production, AT_ONCE, actor=olga)


def test_another_lock_than_the_signed_one_is_not_covered(
    hands: Hands, production: Endpoint, model: RegisteredModel, dana: Actor, olga: Actor, rita: Actor
) -> None:
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    version.environment["lock"] = "f" * 64
    version.save(update_fields=["environment"])
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, production, AT_ONCE, actor=olga)


def test_a_signed_rollout_waits_until_its_approval_is_sealed(
    hands: Hands,
    production: Endpoint,
    model: RegisteredModel,
    dana: Actor,
    olga: Actor,
    rita: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    rollout = rollouts.start(version, production, AT_ONCE, actor=olga)
    monkeypatch.setattr(engine, "_is_sealed", lambda _: False)
    engine.turn("engine-1")
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.QUEUED


def test_a_double_click_queues_one_rollout(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    version = locked_version(model, dana)
    assert rollouts.start(version, staging, AT_ONCE, actor=eli) == rollouts.start(version, staging, AT_ONCE, actor=eli)
    with pytest.raises(Conflict, match="queued"):
        rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)


def test_one_engine_at_a_time_and_a_paused_one_is_overtaken(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    assert engine.claim(rollout.pk, "engine-1")
    assert not engine.claim(rollout.pk, "engine-2")
    engine.work(rollout.pk, "engine-1")
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert engine.claim(rollout.pk, "engine-2")
    engine.work(rollout.pk, "engine-2")
    hands.work()
    done = rollout.steps.filter(status="done").count()
    stale = Rollout.objects.get(pk=rollout.pk)
    stale.fence -= 1
    late = engine.Turn(stale, rollout.steps.get(position=0), target("local"), "engine-1")
    engine._finish_step(late, Seen(Sight.REACHED))
    assert rollout.steps.filter(status="done").count() == done
    assert run(hands, rollout).state == RolloutState.DONE


def test_a_clock_that_is_set_back_an_hour_keeps_nobody_waiting_for_one(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever held the claim is gone, and what was to be tried again or had to bake was noted before."""
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    plan = Plan.of({"strategy": "blue-green", "bake_s": 60})
    rollout = rollouts.start(locked_version(model, dana), staging, plan, actor=eli)
    for _ in range(3):
        engine.turn("elsewhere/1/1")
        hands.work()
    assert rollout.steps.get(name="bake").started_at
    now = clock.now() - timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: now)
    assert engine.turn("engine-2") == 1
    now += timedelta(seconds=61)
    engine.turn("engine-2")
    assert rollout.steps.get(name="bake").status == "done"
    hands.work()
    engine.turn("engine-2")
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.DONE


def test_a_claim_that_another_clock_dates_a_little_ahead_is_one(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    assert engine.claim(rollout.pk, "engine-1")
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now() + claims.LEASE + timedelta(seconds=5))
    assert not engine.claim(rollout.pk, "engine-2")


def test_a_crash_after_apply_is_looked_at_before_anything_is_done(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    engine.turn("engine-1")
    hands.work()
    rollout.steps.filter(position=0).update(status="pending", attempts=0)
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    engine.turn("engine-2")
    assert rollout.steps.get(position=0).status == "done"
    assert rollout.steps.get(position=0).attempts == 0


def test_every_step_leaves_one_event(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli), turns=20)
    told = (
        Event.objects.filter(object_kind="rollout", object_id=str(rollout.pk))
        .order_by("id")
        .values_list("action", flat=True)
    )
    assert list(told) == ["rollout.requested", "rollout.started", *["rollout.step.done"] * 3, "rollout.done"]


def test_what_serves_or_could_be_gone_back_to_cannot_be_deleted(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    made = []
    for _ in range(3):
        made.append(locked_version(model, dana))
        run(hands, rollouts.start(made[-1], staging, AT_ONCE, actor=eli))
    for held in made[1:]:
        with pytest.raises(Conflict, match="held"):
            versions.delete_version(held, actor=dana)
    versions.delete_version(made[0], actor=dana)
    with pytest.raises(Conflict, match="held"):
        registered.delete_model(model, actor=dana)


def test_a_strategy_that_the_target_cannot_follow_is_refused_with_the_reason(
    hands: Hands,
    staging: Endpoint,
    model: RegisteredModel,
    dana: Actor,
    eli: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    able = Capabilities(frozenset({Strategy.ALL_AT_ONCE}), unable={Strategy.BLUE_GREEN: "nothing stands by there"})
    monkeypatch.setattr(target("local"), "capabilities", lambda: able)
    with pytest.raises(Conflict, match="cannot roll out blue-green: nothing stands by there; it can all-at-once"):
        rollouts.start(locked_version(model, dana), staging, Plan(Strategy.BLUE_GREEN), actor=eli)


def test_damaged_files_are_not_deployed(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    from registry import blobs, listed_files  # noqa: PLC0415 - only here

    version = locked_version(model, dana)
    assert version.manifest
    victim = blobs.blob_path(listed_files.files_of(version.manifest)[1].sha256)
    victim.chmod(0o600)
    victim.write_bytes(b"tampered")
    with pytest.raises(Conflict, match="damaged"):
        rollouts.start(version, staging, AT_ONCE, actor=eli)


def test_what_went_back_needs_a_new_signature_for_the_stage_as_well(
    hands: Hands, production: Endpoint, model: RegisteredModel, dana: Actor, rita: Actor, olga: Actor, unsealed: None
) -> None:
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    hands.broken.add("1")
    rollout = run(hands, rollouts.start(version, production, AT_ONCE, actor=olga), turns=20)
    assert rollout.state == RolloutState.ROLLED_BACK
    assert rollout.request
    rollout.request.refresh_from_db()
    assert rollout.request.state == "superseded"
    again = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    assert isinstance(again, requests.ApprovalRequired)
    assert (again.opened, again.request.pk != rollout.request.pk) == (True, True)


def test_what_was_signed_is_started_as_it_stands_and_once(
    hands: Hands, production: Endpoint, model: RegisteredModel, dana: Actor, rita: Actor, olga: Actor, unsealed: None
) -> None:
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    waiting = rollouts.signed_for(production)
    assert [(row.version, row.plan) for row in waiting] == [(version, AT_ONCE)]
    with pytest.raises(Denied):
        rollouts.start_signed(production, waiting[0].request.pk, actor=dana)
    rollout = run(hands, rollouts.start_signed(production, waiting[0].request.pk, actor=olga))
    assert (rollout.state, rollout.request) == (RolloutState.DONE, waiting[0].request)
    assert rollouts.signed_for(production) == []
    with pytest.raises(Conflict, match="no unused signature"):
        rollouts.start_signed(production, waiting[0].request.pk, actor=olga)

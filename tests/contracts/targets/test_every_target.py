"""What holds for every kind of target. A new kind in the table is tested here once it has a stage."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from deployments import endpoints, orders, rollouts
from deployments.models import Rollout, RolloutStep
from deployments.plan import REVERT, Sight, Strategy, steps_of
from deployments.plans import Plan
from deployments.targets.contract import GiveUp, Release, Seen, StaleFence, Step, Target, TryAgain
from deployments.targets.kinds import KINDS
from tests.contracts.targets.stages import STAGES, Died, Stage, stage_of
from tests.factories import make_model, make_version
from tests.serving.waiting import until

pytestmark = pytest.mark.faults
PROMPT_S = 2.0
VERBS = ["install", "route", "retire", "revert"]
numbers = count(1)


@pytest.fixture(scope="module", params=list(KINDS))
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    assert request.param in STAGES, f"the kind {request.param} needs a stage in tests/contracts/targets/stages.py"
    with stage_of(request.param, tmp_path_factory.mktemp(request.param) / "home") as made:
        yield made


@pytest.fixture
def endpoint() -> str:
    return f"endpoint-{next(numbers)}"


class Engine:
    """Does one step after another at a target, as the engine does, with a fence of its own."""

    def __init__(self, target: Target, fence: int) -> None:
        self.target, self.fence = target, fence

    def apply(self, step: Step) -> None:
        begun = time.monotonic()
        act = self.target.revert if step.name == REVERT.name else self.target.apply
        try:
            act(step, key=key(step), fence=self.fence)
        finally:
            assert time.monotonic() - begun < PROMPT_S

    def see(self, step: Step) -> Seen:
        begun = time.monotonic()
        seen = self.target.observe(step, key=key(step), fence=self.fence)
        assert time.monotonic() - begun < PROMPT_S
        return seen

    def reach(self, *steps: Step) -> None:
        for step in steps:
            self.apply(step)
            until(lambda step=step: self.see(step).sight is Sight.REACHED, 20)  # type: ignore[misc]

    def deploy(self, release: Release, *, previous: Release | None = None, keep: Release | None = None) -> None:
        self.reach(*(Step(name, release, {}, previous, keep) for name in ("install", "route", "retire")))


def key(step: Step) -> str:
    return f"{step.release.rollout}/{step.name}"


def two_versions(stage: Stage, endpoint: str) -> tuple[Release, Release, Engine]:
    """Return one release that serves, one that is being rolled out and has the requests, and the engine at it."""
    first, second = stage.release(endpoint, 1), stage.release(endpoint, 2)
    Engine(stage.target(), 1).deploy(first)
    engine = Engine(stage.target(), 2)
    engine.reach(*(Step(name, second, {}, first) for name in ("install", "route")))
    assert stage.answer(endpoint) == "2"
    return first, second, engine


def test_requests_go_where_the_last_rollout_sent_them(stage: Stage, endpoint: str) -> None:
    first, second, engine = two_versions(stage, endpoint)
    engine.reach(Step("retire", second, {}, first, first))
    engine = Engine(stage.target(), 3)
    again = replace(first, rollout=f"{first.rollout[:-4]}back")
    engine.deploy(again, previous=second, keep=second)
    assert stage.answer(endpoint) == "1"


def test_it_shows_what_runs_of_a_release(stage: Stage, endpoint: str) -> None:
    engine = Engine(stage.target(), 1)
    release = stage.release(endpoint, 1)
    assert stage.target().runs(release).sight is not Sight.REACHED
    engine.reach(Step("install", release))
    seen = stage.target().runs(release)
    assert (seen.sight, seen.facts["state"]) == (Sight.REACHED, "ready")
    assert stage.target().runs(stage.release(endpoint, 2)).sight is not Sight.REACHED


def test_the_same_step_applied_again_is_one_step(stage: Stage, endpoint: str) -> None:
    first, second, _ = two_versions(stage, endpoint)
    for fence, name in enumerate(("install", "route"), start=2):
        step = Step(name, second, {}, first)
        before = Engine(stage.target(), fence).see(step)
        Engine(stage.target(), fence).apply(step)
        following = Engine(stage.target(), fence + 1)
        following.apply(step)
        time.sleep(0.5)
        assert following.see(step) == before


@pytest.mark.parametrize("verb", VERBS)
def test_an_engine_that_was_overtaken_changes_nothing(stage: Stage, endpoint: str, verb: str) -> None:
    first, second, _ = two_versions(stage, endpoint)
    late = Engine(stage.target(), 1)
    step = Step(verb, first, {}, None, None)
    with pytest.raises(StaleFence):
        late.apply(step)
    assert late.see(step).sight is Sight.STALE
    time.sleep(0.3)
    assert stage.answer(endpoint) == "2"
    newer = Engine(stage.target(), 3)
    newer.reach(Step("retire", second, {}, first))
    with pytest.raises(StaleFence):
        Engine(stage.target(), 2).apply(step)


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_applied_before_a_crash_is_seen_by_the_next_engine(stage: Stage, endpoint: str, verb: str) -> None:
    first, second, engine = two_versions(stage, endpoint)
    step = Step(verb, second, {}, first)
    engine.apply(step)
    following = Engine(stage.target(), 3)
    until(lambda: following.see(step).sight is Sight.REACHED, 20)


@pytest.mark.parametrize("change", [1, 2])
@pytest.mark.parametrize("verb", VERBS)
def test_a_step_that_was_half_applied_is_completed(stage: Stage, endpoint: str, verb: str, change: int) -> None:
    _, second, _ = two_versions(stage, endpoint)
    third = stage.release(endpoint, 3)
    engine = Engine(stage.target(), 3)
    ahead = {"retire": ["install", "route"], "install": []}.get(verb, ["install"])
    engine.reach(*(Step(name, third, {}, second) for name in ahead))
    step = Step(verb, third, {}, second)
    with stage.dying(change), suppress(Died):
        engine.apply(step)
    Engine(stage.target(), 4).reach(step)
    assert stage.answer(endpoint) == ("3" if verb in {"route", "retire"} else "2")


def test_reverting_returns_requests_to_what_served_before_however_often(stage: Stage, endpoint: str) -> None:
    first, second, engine = two_versions(stage, endpoint)
    for _ in range(2):
        engine.reach(Step("revert", second, {}, first))
        assert stage.answer(endpoint) == "1"


def test_reverting_to_nothing_refuses_requests(stage: Stage, endpoint: str) -> None:
    _, second, engine = two_versions(stage, endpoint)
    for _ in range(2):
        engine.reach(Step("revert", second))
        assert stage.answer(endpoint) is None


def test_bytes_that_are_not_the_signed_ones_never_become_ready(stage: Stage, endpoint: str) -> None:
    engine = Engine(stage.target(), 1)
    step = Step("install", stage.damaged(stage.release(endpoint, 1)))
    engine.apply(step)
    seen = [engine.see(step)]
    deadline = time.monotonic() + 5
    while seen[-1].sight is not Sight.BROKEN and time.monotonic() < deadline:
        time.sleep(0.02)
        seen.append(engine.see(step))
    assert seen[-1].sight is Sight.BROKEN
    assert seen[-1].why
    assert Sight.REACHED not in {look.sight for look in seen}
    assert stage.target().runs(step.release).sight is Sight.BROKEN
    assert stage.answer(endpoint) is None


def test_what_it_cannot_do_is_refused_with_the_reason(stage: Stage, endpoint: str) -> None:
    engine = Engine(stage.target(), 1)
    with pytest.raises(GiveUp, match="teleport"):
        engine.apply(Step("teleport", stage.release(endpoint, 1)))


def test_every_strategy_it_offers_it_has_the_steps_of(stage: Stage, endpoint: str) -> None:
    engine = Engine(stage.target(), 1)
    for strategy in engine.target.capabilities().strategies:
        names = [spec.name for spec in steps_of(strategy, bake_s=1) if spec.name != "bake"]  # that wait for nobody
        release = stage.release(endpoint, 1)
        engine.reach(*(Step(name, release) for name in names))


def test_a_shadow_gets_copies_and_answers_nobody(stage: Stage, endpoint: str) -> None:
    if Strategy.SHADOW not in stage.target().capabilities().strategies:
        pytest.skip("it copies no requests")
    first, second, engine = stage.release(endpoint, 1), stage.release(endpoint, 2), Engine(stage.target(), 2)
    Engine(stage.target(), 1).deploy(first)
    mirror = Step("mirror", second, {"copies_pct": 100}, first)
    engine.reach(Step("install", second, {}, first), mirror)
    assert stage.answer(endpoint) == "1"
    until(lambda: stage.target().split(endpoint).requests.get("shadow", 0) > 0)
    with pytest.raises(GiveUp, match="could be copied"):
        engine.apply(replace(mirror, previous=None))
    engine.reach(Step("revert", second, {}, first))
    assert stage.answer(endpoint) == "1"


def test_more_model_servers_share_the_requests_and_when_they_are_fewer_none_is_lost(
    stage: Stage, endpoint: str
) -> None:
    most = stage.target().capabilities().replicas
    if most == 1:
        pytest.skip("it serves with one model server")
    release = stage.release(endpoint, 1)
    Engine(stage.target(), 1).deploy(release)
    wide = replace(release, replicas=3)
    until(lambda: scaled(stage.target(), wide) == "3 of 3", 20)
    assert stage.answer(endpoint) == "1"
    begun = time.monotonic()
    while scaled(stage.target(), release) or time.monotonic() - begun < 1:
        assert stage.answer(endpoint) == "1"
        assert time.monotonic() - begun < 20
    assert stage.target().runs(release).sight is Sight.REACHED
    engine = Engine(stage.target(), 2)
    second = stage.release(endpoint, 2)
    engine.deploy(replace(second, replicas=2), previous=release)
    assert stage.target().runs(replace(second, replicas=2)).facts["ready"] == "2 of 2"
    assert stage.answer(endpoint) == "2"


def scaled(target: Target, release: Release) -> object:
    """Let the target go on; return how many are ready, or nothing where there is one."""
    target.scale(release)
    return target.runs(release).facts.get("ready")


def test_it_returns_promptly_while_the_other_side_is_away(stage: Stage, endpoint: str) -> None:
    first, second, engine = two_versions(stage, endpoint)
    with stage.away():
        for name in VERBS:
            step = Step(name, second, {}, first)
            with suppress(TryAgain):
                engine.apply(step)
            with suppress(TryAgain):
                engine.see(step)
    engine.reach(Step("revert", second, {}, first))


def test_what_it_shows_holds_no_credentials(stage: Stage, endpoint: str) -> None:
    engine = Engine(stage.target(), 1)
    release, secrets = stage.talkative(stage.release(endpoint, 1))
    shown: list[str] = []
    for name in VERBS:
        step = Step(name, release)
        engine.apply(step)
        until(lambda step=step: engine.see(step).sight in {Sight.REACHED, Sight.BROKEN}, 20)  # type: ignore[misc]
        shown.append(repr(engine.see(step)))
    assert not [text for text in secrets if text in "".join(shown)]


@pytest.mark.django_db
def test_it_looks_at_the_place_and_never_at_our_rows(
    stage: Stage, dana: Actor, eli: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    endpoint = endpoints.create_endpoint(
        f"rows-{next(numbers)}", model=make_model(dana), environment="staging", actor=eli
    )
    version = make_version(endpoint.model, dana)
    version.environment = {**version.environment, "lock": "0" * 64}
    version.save(update_fields=["environment"])
    rollout = rollouts.start(version, endpoint, Plan(Strategy.ALL_AT_ONCE), actor=eli)
    engine = Engine(stage.target(), 1)
    for name in VERBS:
        row = RolloutStep(rollout=rollout, name=name)
        step = orders.step_of(rollout, row)
        engine.apply(step)
        with stage.away():
            before = engine.see(step)
            Rollout.objects.filter(pk=rollout.pk).update(digest="f" * 64, state="done", fence=99)
            rollout.steps.update(status="done", observed={"made": "up"})
            with django_assert_num_queries(0):
                assert engine.see(step) == before

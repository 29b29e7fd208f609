"""Reviewers say how far, operators push, engines come and go, in any order: no share is taken that was not signed."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.actors import Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from audit.replay import turns
from core.refusals import Refusal
from deployments import endpoints, engine, replayed, rollouts, steering
from deployments.models import Endpoint, Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from deployments.targets.kinds import target
from registry import decisions
from registry.models import ApprovalRequest, ModelVersion
from serving.contract import Layout
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed
from tests.deployments.test_reach import ask
from tests.deployments.traffic import routes
from tests.factories import make_model
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = pytest.mark.django_db
SHARES = [5, 25, 50, 100]
NEEDED = {5: 1, 25: 1, 50: 2, 100: 2}  # who has to sign at each share: another policy holds above 25 %
PLAN = Plan.of({"strategy": "canary", "shares": SHARES[:-1], "rules": {"min_s": 0, "max_s": 10_000}})
share = st.sampled_from([*SHARES, 100, 100])


class Reach(RuleBasedStateMachine):
    """One canary, three reviewers of whom one trained the version, an operator and an engine."""

    people: dict[str, Actor]
    endpoint: Endpoint
    second: ModelVersion
    served: Path  # the home of a target that serves version 1
    came: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, int] = {}
        self.rollout: Rollout | None = None
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.folder = tempfile.TemporaryDirectory()
        home = Path(shutil.copytree(self.served, self.folder.name, dirs_exist_ok=True))
        self.hands = Hands(home)
        self.layout = mock.patch.object(target("local"), "layout", Layout(home))
        self.layout.start()

    def teardown(self) -> None:
        """Hold the rows against the ledger, then throw it all away."""
        try:
            assert list(turns.differing(replayed.KINDS)) == []
        finally:
            self.layout.stop()
            self.folder.cleanup()
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.request = ask(self.second, self.endpoint, self.people["dana"], PLAN)

    @property
    def reach(self) -> int:
        """Up to which share it is signed, by the few lines that say what should be."""
        reached = 0
        for one in SHARES:
            if sum(far >= one for far in self.said.values()) < NEEDED[one]:
                break
            reached = one
        return reached

    @rule(by=st.sampled_from(["rita", "rita", "rob", "rob", "rex", "dana", "olga"]), up_to=share)
    def approve(self, by: str, up_to: int) -> None:
        row = ApprovalRequest.objects.get(pk=self.request.pk)
        accepted = [check.pk for check in row.checks.all()]
        choice = decisions.Choice(decisions.Verdict.APPROVE, row.subject_digest, "fine", accepted, up_to)
        may = by in {"rita", "rob"} and up_to > self.said.get(by, 0) and self.reach < 100
        before = self.reach
        try:
            decisions.decide(row, choice, actor=self.people[by])
        except Refusal:
            counts = {**self.said, by: up_to}
            assert not may or all(
                sum(far >= one for far in counts.values()) > NEEDED[one] for one in SHARES if one <= up_to
            )
            self.came["refused"] += 1
            return
        assert may or self.said.get(by) == up_to
        self.said[by] = up_to
        self.came["further" if self.reach > before else "noted"] += 1

    @rule()
    @precondition(lambda self: self.rollout is None)
    def start(self) -> None:
        try:
            self.rollout = rollouts.start(self.second, self.endpoint, PLAN, actor=self.people["olga"])
        except Refusal:
            assert self.reach < SHARES[0]
        else:
            assert self.reach >= SHARES[0]

    @rule(how=st.sampled_from(["promote", "promote_all", "pause", "go_on"]))
    @precondition(lambda self: self.rollout is not None)
    def push(self, how: str) -> None:
        try:
            steering.BY_NAME[how](self.rollout, reason="hurry", actor=self.people["olga"])
            self.came[how] += 1
        except Refusal:
            self.came["kept"] += 1

    @rule()
    @precondition(lambda self: self.rollout is not None)
    def write_the_row_by_hand(self) -> None:
        with transaction.atomic():
            ApprovalRequest.objects.filter(pk=self.request.pk).update(ceiling_pct=100)
            self.work()
            self.never_beyond_what_is_signed()
            ApprovalRequest.objects.filter(pk=self.request.pk).update(ceiling_pct=self.reach or 100)

    @rule()
    @precondition(lambda self: self.rollout is not None)
    def work(self) -> None:
        assert self.rollout
        with mock.patch.object(engine, "_is_sealed", return_value=True):
            run(self.hands, self.rollout, turns=2)

    @invariant()
    def never_beyond_what_is_signed(self) -> None:
        if self.rollout is None:
            return
        self.rollout.refresh_from_db()
        if self.rollout.state == RolloutState.DONE:
            assert self.reach == 100
        elif self.rollout.started_at:
            given = routes(self.hands, self.rollout).get("canary", 0) // 100
            assert given <= self.reach
            self.came[f"at {given}"] += 1


@pytest.fixture
def _scene(people: dict[str, Actor], hands: Hands) -> None:
    """Version 1 serves; version 2, which rex registered, is to follow. Two policies: two people sign above 25 %."""
    both = create_user("rex", roles=[Role.DATA_SCIENTIST, Role.ML_ENGINEER, Role.REVIEWER], actor=people["ada"])
    Reach.people = people | {"rex": person(both, Via.PASSWORD)}
    dana, rita, olga = (people[name] for name in ("dana", "rita", "olga"))
    model = make_model(dana)
    Reach.endpoint = endpoints.create_endpoint("fraud", model=model, environment="production", actor=olga)
    first, Reach.second = locked_version(model, dana), locked_version(model, Reach.people["rex"])
    signed(first, Reach.endpoint, dana, rita)
    run(hands, rollouts.start(first, Reach.endpoint, AT_ONCE, actor=olga))
    Reach.served = hands.layout.home
    one = "[{group: reviewer, count: 1}]"
    put_in_force(text_of("usual", order=20, actions="[{deploy: production}]", approvals=one), people)
    put_in_force(text_of("large", actions="[{deploy: production, share_above_pct: 25}]"), people)


def walk(examples: int) -> None:
    Reach.came.clear()
    chosen = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink], print_blob=True,
    )  # fmt: skip
    run_state_machine_as_test(Reach, settings=chosen)
    print(dict(Reach.came))  # noqa: T201


@pytest.mark.usefixtures("_scene")
def test_no_share_is_taken_that_was_not_signed() -> None:
    walk(30)
    assert {"further", "noted", "refused", "kept", "promote", "at 5"} <= {
        word for word, count in Reach.came.items() if count
    }


@pytest.mark.soak
@pytest.mark.usefixtures("_scene")
def test_no_share_is_taken_that_was_not_signed_for_long() -> None:
    walk(1_000)

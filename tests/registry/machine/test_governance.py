"""Thousands of deeds in any order by anybody: the registry does what a small reference says, each time."""

import time

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from registry import grants, versions
from tests.factories import make_model, make_run
from tests.registry.machine.machine import Governance

pytestmark = pytest.mark.django_db
BOTH = {
    "rex": [Role.DATA_SCIENTIST, Role.REVIEWER],
    "ray": [Role.DATA_SCIENTIST, Role.REVIEWER],
    "remy": [Role.OPS, Role.REVIEWER],
}
LENGTH = 100


@pytest.fixture
def _scene(people: dict[str, Actor]) -> None:
    """A model of dana's, ray's run to register from, and people who are on both sides of the table."""
    more = {name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in BOTH.items()}
    dana = people["dana"]
    Governance.people = people | more
    Governance.model = make_model(dana)
    grants.give(Governance.model, grants.Grant("person", "rex", grants.Right.WRITE), actor=dana)
    run = make_run(more["ray"], metrics={"auc": 0.9})
    Governance.source = versions.Registration(source=f"runs:/{run.run_id}/model", run_id=run.run_id)


def walk(at_least: int, start: int) -> None:
    """Let hypothesis walk until so many deeds were done."""
    Governance.steps.clear()
    began, number = time.monotonic(), start
    while Governance.steps.total() < at_least:
        chosen = settings(
            max_examples=20, stateful_step_count=LENGTH, deadline=None, database=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink], print_blob=True,
        )  # fmt: skip
        run_state_machine_as_test(seed(number)(Governance), settings=chosen)
        number += 1
    print(f"{Governance.steps.total():,} deeds in {time.monotonic() - began:.0f} s: {Governance.steps}")  # noqa: T201


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize("start", [1, 1_001])
def test_the_registry_does_what_the_reference_says(start: int) -> None:
    walk(5_000, start)
    came = {deed for deed, count in Governance.steps.items() if count}
    assert {"move: moved", "move: waits", "move: denied", "decide: moved", "decide: refused", "withdraw: moved"} <= came


@pytest.mark.soak
@pytest.mark.usefixtures("_scene")
def test_the_registry_does_what_the_reference_says_for_long() -> None:
    walk(50_000, 100_000)

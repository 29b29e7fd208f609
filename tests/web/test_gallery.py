import pytest
from django.test import Client

from deployments.plan import Strategy
from deployments.states import RolloutState
from web.pages.gallery_data import addresses
from web.pages.gallery_rollouts import STATES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", [str(row["href"]) for row in addresses()])
def test_every_state_of_every_page_is_rendered(address: str) -> None:
    assert b"<h1>" in Client().get(f"/gallery{address}").content


@pytest.mark.parametrize("name", STATES)
def test_a_made_up_deployment_says_one_thing_in_its_head_and_its_steps(name: str) -> None:
    context = STATES[name]
    state, at = context["rollout"].state, [step["state"] for step in context["steps"]]
    assert at.count("now") == (state in {RolloutState.RUNNING, RolloutState.ROLLING_BACK})
    assert (at == ["done"] * len(at)) == (state == RolloutState.DONE)
    columns = [column.state for column in context["picture"].columns]
    assert "now" not in columns or state == RolloutState.RUNNING
    assert not (context["canary"] or {}).get("needs_person") or state == RolloutState.RUNNING


def test_every_state_and_strategy_of_a_deployment_is_shown() -> None:
    rows = [context["rollout"] for context in STATES.values()]
    assert {row.state for row in rows} == set(RolloutState)
    assert {row.plan["strategy"] for row in rows} == set(Strategy)

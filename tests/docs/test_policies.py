"""The documented policies are accepted as they stand, and hold for the tier that the page says."""

from pathlib import Path

import pytest

from accounts import teams
from accounts.actors import Actor
from registry import registered
from registry.models.registered import RiskTier
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force
from web.pages.policies import START

pytestmark = pytest.mark.django_db
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "policies"
ASKED = {
    "low": ["1 from reviewer"],
    "medium": ["1 from reviewer"],
    "high": ["2 from reviewer", "1 from risk-committee"],
}


def test_there_is_one_example_per_tier() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {f"{tier}-risk" for tier in RiskTier}


@pytest.mark.parametrize("tier", RiskTier)
def test_an_example_holds_for_its_tier_beside_the_others(tier: RiskTier, people: dict[str, Actor]) -> None:
    teams.create_team("risk-committee", actor=people["ada"])
    for path in sorted(FOLDER.glob("*.yaml")):
        put_in_force(path.read_text(), people)
    model = registered.update_model(make_model(people["dana"]), risk_tier=tier, actor=people["rita"])
    request = ask_production(make_version(model, people["dana"], metrics={"accuracy": 0.95}), people["dana"])
    assert [str(rule) for rule in request.rules.all()] == ASKED[tier]
    assert request.checks.filter(status="failed").count() == 0


def test_what_the_editor_begins_with_can_be_proposed(people: dict[str, Actor]) -> None:
    assert put_in_force(START, people).number == 1

"""What was signed under a policy starts under that policy, and not in a freeze."""

from datetime import UTC, datetime

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import Conflict
from deployments import endpoints, rollouts
from deployments.models import Endpoint
from registry import transitions
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, signed
from tests.factories import make_model
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ONE = "[{group: reviewer, count: 1}]"


@pytest.fixture
def endpoint(people: dict[str, Actor]) -> Endpoint:
    model = make_model(people["dana"])
    return endpoints.create_endpoint("fraud", model=model, environment="production", actor=people["olga"])


def test_a_policy_accepted_after_the_stage_moved_asks_for_the_rollout_again(
    hands: Hands, endpoint: Endpoint, people: dict[str, Actor]
) -> None:
    version = locked_version(endpoint.model, people["dana"])
    signed(version, endpoint, people["dana"], people["rita"])
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    put_in_force(text_of(actions="[{deploy: production}]"), people)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"])


def test_nothing_starts_in_a_freeze(
    hands: Hands, endpoint: Endpoint, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [datetime(2026, 12, 1, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    freeze = "freeze: [{from: 2026-12-02, until: 2026-12-03, zone: UTC, why: year end}]\n"
    put_in_force(text_of(actions="[{deploy: production}]", approvals=ONE, more=freeze), people)
    version = locked_version(endpoint.model, people["dana"])
    signed(version, endpoint, people["dana"], people["rita"])
    moment[0] = datetime(2026, 12, 2, tzinfo=UTC)
    with pytest.raises(Conflict, match=r"nothing starts now\. Frozen until 2026-12-03 00:00 UTC: year end"):
        rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"])
    moment[0] = datetime(2026, 12, 3, tzinfo=UTC)
    assert rollouts.start(version, endpoint, AT_ONCE, actor=people["olga"]).request

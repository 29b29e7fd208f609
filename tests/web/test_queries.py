"""Pages stay at 20 queries, also where policies, a champion and a discussion are there."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from registry import decisions, discussion, transitions
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
MOST = 20


@pytest.mark.parametrize("who", ["dana", "rita", "olga", "aude"])
def test_the_pages_around_a_decision_take_few_queries(who: str, people: dict[str, Actor]) -> None:
    dana, rita = people["dana"], people["rita"]
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]"), people)
    model = make_model(dana)
    first = ask_production(make_version(model, dana), dana)
    decisions.decide(first, decisions.Choice(decisions.Verdict.APPROVE, first.subject_digest, "fine"), actor=rita)
    transitions.transition(first.version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    second = ask_production(make_version(model, dana), dana)
    discussion.add_comment(second, body="Why now?", actor=rita)
    visitor = browser(people[who])
    for path in ("/", "/models", f"/models/{model.name}/versions/2", "/approvals", f"/approvals/{second.pk}"):
        with CaptureQueriesContext(connection) as counted:
            assert visitor.get(path).status_code == 200
        asked = [one["sql"].split("FROM", 1)[-1][:150] for one in counted.captured_queries]
        assert len(counted) <= MOST, "\n".join([path, *asked])

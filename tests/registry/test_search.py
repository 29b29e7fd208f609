"""Searches of models and versions against a database."""

import pytest

from accounts.actors import Actor
from core.refusals import Invalid
from registry import registered, search, versions
from registry.search import Asked
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

NAMES = ["Fraud", "fraud", "Churn_1", "Churn-1", "100%", "a\\b"]


@pytest.fixture
def shelf(dana: Actor) -> Actor:
    for name in NAMES:
        registered.create_model(name, actor=dana, tags={"team": "risk", "kind": name.lower()})
    return dana


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", sorted(NAMES)),
        ("name = 'Fraud'", ["Fraud"]),
        ("name != 'Fraud'", sorted(set(NAMES) - {"Fraud"})),
        ("name LIKE 'F%'", ["Fraud"]),
        ("name ILIKE 'F%'", ["Fraud", "fraud"]),
        ("name LIKE 'Churn_1'", ["Churn-1", "Churn_1"]),
        ("name LIKE '%[%]%'", []),
        ("name LIKE '%\\'", []),
        ("name LIKE 'a\\_'", ["a\\b"]),
        ("name LIKE '*'", []),
        ("name IN ('Fraud', 'fraud')", ["Fraud", "fraud"]),
        ("name NOT IN ('Fraud', 'fraud')", sorted(set(NAMES) - {"Fraud", "fraud"})),
        ("tags.kind = 'fraud'", ["Fraud", "fraud"]),
        ("tags.kind = 'fraud' AND name = 'fraud'", ["fraud"]),
        ("tag.kind != 'fraud'", sorted(set(NAMES) - {"Fraud", "fraud"})),
        ("tags.absent != 'x'", []),
        ("tags.team ILIKE 'RI%' AND name LIKE 'Churn%'", ["Churn-1", "Churn_1"]),
    ],
)
def test_models_are_found_by_name_and_tag(shelf: Actor, text: str, found: list[str]) -> None:
    rows = search.search_models(Asked(filter=text), actor=shelf).rows
    assert sorted(row.name for row in rows) == found


@pytest.mark.parametrize(
    "text", ["description = 'x'", "name > 'a'", "name = 1", "run_id = 'x'", "tags.a > 'b'", "tags.a = 1"]
)
def test_models_are_not_found_by_what_mlflow_does_not_search(dana: Actor, text: str) -> None:
    with pytest.raises(Invalid, match="Invalid clause"):
        search.search_models(Asked(filter=text), actor=dana)


def test_pages_follow_each_other_and_end(shelf: Actor) -> None:
    seen, token = [], ""
    while True:
        got = search.search_models(Asked(max_results=4, token=token, order_by=("name DESC",)), actor=shelf)
        seen += [row.name for row in got.rows]
        token = got.next_token
        if not token:
            break
    assert seen == sorted(seen, reverse=True)
    assert sorted(seen) == sorted(NAMES)


@pytest.mark.parametrize("token", ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAidyJ9", "W10="])
def test_a_token_that_is_none_is_refused(dana: Actor, token: str) -> None:
    with pytest.raises(Invalid, match="Invalid page token"):
        search.search_models(Asked(token=token), actor=dana)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_page_size_has_bounds(dana: Actor, size: int) -> None:
    with pytest.raises(Invalid, match="Invalid value"):
        search.search_models(Asked(max_results=size), actor=dana)


@pytest.mark.parametrize("order", ["creation_timestamp", "description", "version_number", "name ASC ASC"])
def test_models_are_ordered_by_name_and_change_only(dana: Actor, order: str) -> None:
    with pytest.raises(Invalid, match="Invalid order_by"):
        search.search_models(Asked(order_by=(order,)), actor=dana)


def test_prompts_are_hidden_until_asked_for(dana: Actor) -> None:
    prompt = {"mlflow.prompt.is_prompt": "true"}
    greeting = registered.create_model("greeting", actor=dana, tags=prompt)
    versions.register_version(greeting, versions.Registration("dummy-source", tags=prompt), actor=dana)
    for asked, names in (("", []), ("tags.`mlflow.prompt.is_prompt` = 'true'", ["greeting"])):
        assert [m.name for m in search.search_models(Asked(filter=asked), actor=dana).rows] == names
        assert [v.name for v in search.search_versions(Asked(filter=asked), actor=dana).rows] == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [3, 2, 1]),
        ("version_number > 1", [3, 2]),
        ("version_number != '2'", [3, 1]),
        ("version_number <= 1", [1]),
        ("version_number > 99999999999999999", []),
        ("name = 'Fraud-Detection'", [3, 2, 1]),
        ("name ILIKE 'fraud%' AND version_number = 3", [3]),
        ("source_path LIKE 'runs:/%'", [3, 2, 1]),
        ("run_id = 'nothing'", []),
        ("tags.checked = 'yes'", [2]),
    ],
)
def test_versions_are_found_the_last_changed_first(dana: Actor, text: str, found: list[int]) -> None:
    model = make_model(dana)
    made = [make_version(model, dana) for _ in range(3)]
    versions.set_version_tag(made[1], "checked", "yes", actor=dana)
    rows = search.search_versions(Asked(filter=text), actor=dana).rows
    assert [row.version for row in rows] == found


@pytest.mark.parametrize(
    "text",
    [
        "version_number = 1.5",
        "version_number = 'x'",
        "version_number LIKE '1'",
        "current_stage = 'None'",
        "status = 'READY'",
    ],
)
def test_versions_are_not_found_by_what_mlflow_does_not_search(dana: Actor, text: str) -> None:
    with pytest.raises(Invalid, match="Invalid clause"):
        search.search_versions(Asked(filter=text), actor=dana)


def test_a_restricted_model_is_found_by_those_who_may_see_it(dana: Actor, eli: Actor, aude: Actor) -> None:
    model = make_model(dana)
    make_version(model, dana)
    registered.update_model(model, restricted=True, actor=dana)
    for actor, count in ((dana, 1), (eli, 0), (aude, 1)):
        assert len(search.search_models(Asked(), actor=actor).rows) == count
        assert len(search.search_versions(Asked(), actor=actor).rows) == count

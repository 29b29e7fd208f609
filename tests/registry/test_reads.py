"""The reads clients make all day: as many statements for many as for one, and the same eyes as everywhere else."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.permissions import Scope
from accounts.tokens import mint
from registry import access, grants, names, reads, registered, search, transitions, versions
from registry.models import RegisteredModel
from registry.search import Asked
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
API = "/api/2.0/mlflow/"


@pytest.fixture
def client(dana: Actor) -> Client:
    """Dana's program. The first call notes that her token was used."""
    token = mint(dana.person, label="notebook", scopes=[Scope.READ, Scope.WRITE], days=1, actor=dana)[1]
    client = Client(headers={"authorization": f"Bearer {token}"})
    client.get(f"{API}model-versions/search")
    return client


def statements(client: Client, path: str, **query: str | int) -> int:
    with CaptureQueriesContext(connection) as counted:
        assert client.get(f"{API}{path}", query).status_code == 200
    return len(counted)


def test_a_read_is_one_statement_besides_who_asks(client: Client, dana: Actor) -> None:
    model = make_model(dana)
    versions.set_version_tag(make_version(model, dana), "team", "risk", actor=dana)
    transitions.set_alias(access.find_version(model.name, 1, actor=dana), "best", actor=dana)
    assert statements(client, "model-versions/get", name=model.name, version=1) == 2
    assert statements(client, "registered-models/alias", name=model.name, alias="best") == 2


def test_a_search_takes_as_many_statements_for_many_as_for_one(client: Client, dana: Actor) -> None:
    for name in ("one", "two", "three"):
        make_version(make_model(dana, name), dana)
    for more in ({}, {"filter": "name = 'two'"}):
        assert statements(client, "model-versions/search", max_results=1, **more) == 2
        assert statements(client, "model-versions/search", **more) == 2
    for more in ({"filter": "name LIKE 't%'"}, {"order_by": "name"}):
        assert statements(client, "model-versions/search", max_results=1, **more) == 3
        assert statements(client, "model-versions/search", **more) == 3
    one = statements(client, "registered-models/search", max_results=1)
    assert statements(client, "registered-models/search") == one <= 7


def test_plain_reads_and_querysets_show_each_person_the_same(people: dict[str, Actor], dana: Actor) -> None:
    for name in ("open", "shut", "granted", "teams"):
        make_version(make_model(dana, name), dana)
        if name != "open":
            registered.update_model(access.find_model(name, actor=dana), restricted=True, actor=dana)
    grants.give(access.find_model("granted", actor=dana), grants.Grant("person", "rita", grants.Right.READ), actor=dana)
    team = grants.Grant("group", str(next(iter(people["eli"].roles))), grants.Right.WRITE)
    grants.give(access.find_model("teams", actor=dana), team, actor=dana)
    for actor in people.values():
        seen = set(RegisteredModel.objects.visible_to(actor).values_list("name", flat=True))
        assert {name for name in ("open", "shut", "granted", "teams") if reads.numbered(name, 1, actor=actor)} == seen
        assert {row.name for row in search.search_versions(Asked(), actor=actor).rows} == seen
    assert {name for name in ("shut", "granted", "teams") if reads.numbered(name, 1, actor=people["rita"])} == {
        "granted"
    }


def test_the_plain_search_finds_what_the_general_one_does(dana: Actor) -> None:
    for name in ("one", "two"):
        model = make_model(dana, name)
        for _ in range(3):
            make_version(model, dana)
    versions.set_version_tag(access.find_version("two", 2, actor=dana), "mlflow.prompt.is_prompt", "false", actor=dana)
    order = ("last_updated_timestamp DESC",)
    for text in ("", "name = 'one'", "name = 'nobody'"):
        plain = search.search_versions(Asked(text, max_results=2), actor=dana)
        general = search.search_versions(Asked(text, order, max_results=2), actor=dana)
        while plain.next_token:
            assert plain.rows == general.rows
            plain = search.search_versions(Asked(text, max_results=2, token=plain.next_token), actor=dana)
            general = search.search_versions(Asked(text, order, max_results=2, token=general.next_token), actor=dana)
        assert plain == general


def test_a_read_says_what_the_rows_hold(dana: Actor) -> None:
    version = make_version(make_model(dana, "Ünïcode 'quoted'"), dana)
    versions.set_version_tag(version, "b", 'it\'s "so"', actor=dana)
    versions.set_version_tag(version, "a", "", actor=dana)
    transitions.set_alias(version, "next", actor=dana)
    read = reads.numbered("Ünïcode 'quoted'", 1, actor=dana)
    assert read is not None
    assert read.tags == [["a", ""], ["b", 'it\'s "so"']]
    assert read.aliases == ["next"]
    assert (read.registered_by, read.stage, read.run_id) == ("dana", "None", version.run_id)
    assert read.created_ms == int(version.created_at.timestamp() * 1000)
    registered = versions.register_version(
        version.model,
        versions.Registration(source="s3://x", tags={"z": "1", names.SEMVER_TAG: "2.0.0", "a": ""}),
        actor=dana,
    )
    made = reads.just_made(registered, {"z": "1", names.SEMVER_TAG: "2.0.0", "a": ""})
    assert made == reads.version_now(registered)
    assert reads.at_alias("Ünïcode 'quoted'", "next", actor=dana) == read == reads.version_now(version)
    assert reads.at_alias("Ünïcode 'quoted'", "Next", actor=dana) is None

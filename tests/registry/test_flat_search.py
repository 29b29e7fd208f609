"""A search reads as much of a registry of 20,000 versions as of one of 100. Work is counted, not timed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor, Via, person
from accounts.models import User
from registry import search
from registry.models import ModelVersion, RegisteredModel, VersionTag
from registry.search import Asked
from tests.bench.seed import fill_plain

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
STEPS = 100  # of SQLite's machine between two counts
SPARE = 100


class Work:
    """How much a database did: hundreds of steps on SQLite, blocks read on PostgreSQL."""

    done = 0


@contextmanager
def counted() -> Iterator[Work]:
    work = Work()
    if connection.vendor == "postgresql":
        with CaptureQueriesContext(connection) as asked:
            yield work
        work.done = sum(_rows(one["sql"]) for one in asked.captured_queries if one["sql"].startswith("SELECT"))
        return

    def step() -> int:
        work.done += 1
        return 0

    connection.connection.set_progress_handler(step, STEPS)
    try:
        yield work
    finally:
        connection.connection.set_progress_handler(None, 0)


def _rows(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + sql.replace("%", "%%"), [])
        (told,) = cursor.fetchone()
    plan = json.loads(told)[0]["Plan"] if isinstance(told, str) else told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


FEW, MANY, BIG = 1_000, 20_000, "model-00003"
VERSIONS = {
    "the newest": Asked(),
    "one model": Asked(f"name = '{BIG}'"),
    "a tag that all have": Asked("tags.team = 'risk'"),
    "a tag that few have": Asked("tags.rare = 'yes'"),
    "a value that no tag has": Asked("tags.team = 'nobody'"),
    "a key that no tag has": Asked("tags.nothing = 'x'"),
    "one run": Asked("run_id = 'f00'"),
    "by name": Asked(order_by=("name",)),
    "by creation": Asked(order_by=("creation_timestamp DESC",)),
    "the oldest first": Asked(order_by=("last_updated_timestamp",)),
    "the highest numbers of one model": Asked(f"name = '{BIG}'", ("version_number DESC",)),
    "one number of one model": Asked(f"name = '{BIG}' AND version_number = 7"),
    "higher numbers of one model": Asked(f"name = '{BIG}' AND version_number > 7"),
    "a tag of one model": Asked(f"name = '{BIG}' AND tags.team = 'risk'"),
    "a value that no tag of one model has": Asked(f"name = '{BIG}' AND tags.team = 'nobody'"),
}
DEEP = ("the newest", "one model", "by creation", "the highest numbers of one model")


def look(asked: Asked, actor: Actor) -> int:
    with counted() as work:
        search.search_versions(replace(asked, max_results=100), actor=actor)
    return work.done


def deep(asked: Asked, actor: Actor) -> Asked:
    """Return the same search from the middle of what it finds."""
    some = search.search_versions(replace(asked, max_results=ModelVersion.objects.count() // 4), actor=actor)
    assert some.next_token
    return replace(asked, token=some.next_token)


def grow(count: int) -> None:
    """Give one model versions until there are `count` in all, and let the database know how many."""
    model = RegisteredModel.objects.get(name=BIG)
    there, last = ModelVersion.objects.count(), ModelVersion.objects.latest("updated_at").updated_at
    moments = [last + timedelta(seconds=n) for n in range(1, count - there + 1)]
    same = {"model": model, "source": "s3://a/b", "registered_by": model.owner}
    rows = ModelVersion.objects.bulk_create(
        ModelVersion(version=there + n, created_at=at, updated_at=at, **same) for n, at in enumerate(moments)
    )
    VersionTag.objects.bulk_create(VersionTag(version=row, key="team", value="risk") for row in rows)
    known()


def known() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def test_a_page_takes_as_much_of_many_versions_as_of_few() -> None:
    """Twice the work at most for twenty times the versions: the depth of an index, and rows that lie further apart."""
    fill_plain(25, 20)
    actor = person(User.objects.get(username="timer"), Via.PASSWORD)
    ModelVersion.objects.update(created_at=F("updated_at"))
    rare = ModelVersion.objects.order_by("pk")[:30]
    VersionTag.objects.bulk_create(VersionTag(version=version, key="rare", value="yes") for version in rare)
    grow(FEW)
    before = works(actor)
    grow(MANY)
    after = works(actor)
    assert {name: (before[name], work) for name, work in after.items() if work > 2 * before[name] + SPARE} == {}


def works(actor: Actor) -> dict[str, int]:
    found = {name: look(asked, actor) for name, asked in VERSIONS.items()}
    return found | {f"{name}, deep": look(deep(VERSIONS[name], actor), actor) for name in DEEP}

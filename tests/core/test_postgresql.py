"""One statement takes 65,535 parameters at most."""

from typing import Any, cast

import pytest
from django.db import connection

from accounts.actors import Actor
from core.postgresql.base import PARAMETERS
from registry.models import ModelTag, RegisteredModel
from tests.factories import make_model

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def test_more_rows_than_one_statement_takes_are_made_in_parts(dana: Actor) -> None:
    model = make_model(dana)
    count = PARAMETERS // 3 + 1
    made = ModelTag.objects.bulk_create(ModelTag(model=model, key=f"k{n}", value="x") for n in range(count))
    assert ModelTag.objects.filter(model=model).count() == len(made) == count
    keys = list(RegisteredModel.objects.values_list("pk", flat=True))
    assert RegisteredModel.objects.in_bulk(keys)[model.pk] == model


def test_what_is_asked_often_is_prepared(dana: Actor) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("of PostgreSQL")
    for n in range(8):
        RegisteredModel.objects.filter(name=f"absent {n}").exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%registeredmodel%name%"]
        )
        assert cursor.fetchone()[0]


def test_a_connection_that_the_server_ended_is_replaced_and_a_living_one_is_not_asked() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("of PostgreSQL")
    other = cast("Any", connection).copy()
    other.connect()
    mine = backend(other)
    other.health_check_enabled, other.health_check_done = True, False
    assert backend(other) == mine
    with connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [mine])
        assert "pg_backend_pid" in cursor.fetchone()[0]
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
    other.health_check_done = False
    assert backend(other) != mine
    other.close()


def backend(of: Any) -> int:
    with of.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])

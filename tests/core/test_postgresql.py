"""One statement takes 65,535 parameters at most."""

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

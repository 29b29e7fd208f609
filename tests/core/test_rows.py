"""Plain statements do what the ORM does, for each type of field."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from core import rows
from registry.models import ModelVersion, RegisteredModel
from tests.factories import make_model

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def test_a_row_comes_back_as_it_was_inserted(dana: Actor) -> None:
    made = ModelVersion(
        model=make_model(dana), version=7, source="s3://a/'b'", registered_by=dana.person, evidence=b"\x00\xff",
        signature={"inputs": [1, None]}, created_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    )  # fmt: skip
    rows.insert(made)
    again = ModelVersion.objects.get(pk=made.pk)
    found = rows.find(ModelVersion, "id = %s", [made.pk], lock=True)
    for row in (again, found):
        assert row is not None
        for field in ModelVersion._meta.concrete_fields:
            said, wanted = getattr(row, field.attname), getattr(made, field.attname)
            assert (bytes(said) if field.name == "evidence" else said) == wanted, field.name


def test_only_the_named_fields_are_written(dana: Actor) -> None:
    model = make_model(dana)
    model.description, model.restricted = "new", True
    rows.update(model, "restricted")
    again = RegisteredModel.objects.get(pk=model.pk)
    assert (again.description, again.restricted) == ("", True)
    assert rows.find(RegisteredModel, "name = %s", ["nobody's"]) is None


def test_a_constraint_holds(dana: Actor) -> None:
    model = make_model(dana)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(RegisteredModel(name=model.name, owner=dana.person))


def test_rows_of_several_queries_are_counted_by_one_statement(
    dana: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("A", "B", "C'%"):
        make_model(dana, name)
    all_of_them = RegisteredModel.objects.order_by("name")
    some, none = RegisteredModel.objects.filter(name="C'%").order_by(), all_of_them.none()
    both = some.values_list("pk").union(RegisteredModel.objects.order_by().values_list("pk"), all=True)
    with django_assert_num_queries(1):
        assert rows.counts(all_of_them, some, none, both) == [3, 1, 0, 4]

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from core.prepared import Prepared
from registry.models import ModelVersion, RegisteredModel
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
COLUMNS = ("uuid", "name", "restricted", "data_policy", "created_at", "owner__username")


def of(key: int, name: str) -> QuerySet[RegisteredModel, Any]:
    return RegisteredModel.objects.filter(pk=key, name=name).values_list(*COLUMNS)


def test_rows_are_what_the_queryset_gives_for_each_value(dana: Actor) -> None:
    asked = Prepared(of, int, str)
    models = [make_model(dana, name) for name in ("one", "it's % two", "three")]
    for model in models:
        assert asked(model.pk, model.name) == list(of(model.pk, model.name)) != []
    assert asked(models[1].pk, "one") == []


def test_what_is_asked_with_no_value_is_asked_as_it_is(dana: Actor) -> None:
    asked = Prepared(lambda: ModelVersion.objects.filter(description="").order_by("pk").values_list("pk", "stage"))
    assert asked() == []
    version = make_version(make_model(dana), dana)
    ModelVersion.objects.update(description="")
    with CaptureQueriesContext(connection) as counted:
        assert asked() == [(version.pk, "None")]
    assert len(counted) == 1


def test_a_value_that_is_made_into_another_is_refused() -> None:
    later = Prepared(lambda key: RegisteredModel.objects.filter(id__gt=F("id") + key * timedelta(0).days), int)
    with pytest.raises(ValueError, match="not asked for as it is"):
        later(1)

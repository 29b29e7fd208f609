import pytest
from django.db import connection

from accounts.actors import Actor
from deployments import endpoints, engine
from deployments.models import Endpoint
from registry.models import RegisteredModel
from tests.factories import make_model


@pytest.fixture
def model(dana: Actor) -> RegisteredModel:
    return make_model(dana)


@pytest.fixture
def staging(model: RegisteredModel, eli: Actor) -> Endpoint:
    return endpoints.create_endpoint("fraud-staging", model=model, environment="staging", actor=eli)


@pytest.fixture
def production(model: RegisteredModel, olga: Actor) -> Endpoint:
    return endpoints.create_endpoint("fraud", model=model, environment="production", actor=olga)


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL nothing is sealed inside a test's own transaction; test_sealed.py shows what is left out here."""
    if connection.vendor == "postgresql":
        monkeypatch.setattr(engine, "_is_sealed", lambda _: True)

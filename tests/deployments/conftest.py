from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.actors import Actor
from deployments import endpoints, engine
from deployments.models import Endpoint
from registry import blobs
from registry.models import RegisteredModel
from registry.stores.s3 import Bucket
from tests.factories import make_model
from tests.seaweed import Seaweed


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


@pytest.fixture
def bucket(seaweed: Seaweed, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """A bucket, in which all files are."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    settings.ARTIFACTS_URL = f"s3://deployed/{tmp_path.name}"
    blobs._store.cache_clear()
    store = blobs.store()
    assert isinstance(store, Bucket)
    if store.trouble():
        store.client.create_bucket(Bucket="deployed")
    yield store
    blobs._store.cache_clear()

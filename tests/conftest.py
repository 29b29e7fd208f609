"""People, databases and servers that tests share."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from deployments.targets.kinds import target
from deployments.targets.local.target import LocalTarget
from serving.contract import Layout
from tests.deployments.hands import Hands
from tests.seaweed import Seaweed
from tests.valkey import Valkey

PEOPLE = {
    "dana": [Role.DATA_SCIENTIST],
    "eli": [Role.ML_ENGINEER],
    "olga": [Role.OPS],
    "rita": [Role.REVIEWER],
    "rob": [Role.REVIEWER],
    "aude": [Role.AUDITOR],
    "ada": [Role.ADMIN],
    "otto": [],
}

# A busy machine is no fault of a property, and a commit is judged by the same examples each time; `make soak` explores.
PATIENT = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("same", PATIENT, derandomize=True)
hypothesis_settings.register_profile("explore", PATIENT, max_examples=1_000)
hypothesis_settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Start one PostgreSQL for all workers where this leg asks for it."""
    if os.environ.get("TEST_DATABASE") != "postgresql" or os.environ.get("TEST_POSTGRESQL_SOCKET"):
        return
    from tests.postgresql import Server  # noqa: PLC0415 - only this leg has the package

    server = Server(Path(os.environ["TEST_SCRATCH"]) / "postgresql")
    os.environ["TEST_POSTGRESQL_SOCKET"] = server.start()
    for found in settings.DATABASES.values():
        found["HOST"] = os.environ["TEST_POSTGRESQL_SOCKET"]
    config.add_cleanup(server.stop)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that may use the database may use both."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and "databases" not in marker.kwargs:
            item.add_marker(pytest.mark.django_db(*marker.args, **marker.kwargs, databases="__all__"), append=False)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Create and migrate each worker's databases, whatever tests it runs: `committed` copies them."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """One Valkey for all tests of this process; each flushes what it reads."""
    server = Valkey()
    yield server
    server.close()


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """One S3 server for all tests of this process."""
    server = Seaweed()
    yield server
    server.close()


@pytest.fixture(scope="session", autouse=True)
def _scratch() -> Iterator[None]:
    """Leave nothing behind."""
    yield
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["TEST_SCRATCH"], ignore_errors=True)


@pytest.fixture
def people(db: None) -> dict[str, Actor]:
    """The named people, each signed in by password."""
    return {name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in PEOPLE.items()}


def _one(name: str) -> object:
    """Return the fixture of one person."""

    def fixture(people: dict[str, Actor]) -> Actor:
        return people[name]

    fixture.__doc__ = f"{name}, {', '.join(PEOPLE[name]) or 'without a role'}."
    return pytest.fixture(fixture, name=name)


dana, eli, olga, rita, rob, aude, ada, otto = (_one(name) for name in PEOPLE)


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """A local target on a home of its own, with runner and router played."""
    place = target("local")
    assert isinstance(place, LocalTarget)
    monkeypatch.setattr(place, "layout", Layout(tmp_path))
    return Hands(tmp_path)


@pytest.fixture
def committed(django_db_blocker: DjangoDbBlocker, django_db_setup: None, tmp_path: Path) -> Iterator[None]:
    """A database whose transactions really commit: a copy of the migrated template, thrown away afterwards.

    The ledger is append-only, so it is never flushed.
    """
    from tests.copies import copied_database  # noqa: PLC0415 - needs Django set up

    with django_db_blocker.unblock(), ExitStack() as copies:
        for name in connections:
            copies.enter_context(copied_database(connections[name], tmp_path, f"{name}_{uuid.uuid4().hex}"))
        yield

"""What the sealer waits for on PostgreSQL: what runs in its own database, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, transaction

from accounts.actors import COMMAND
from audit import seal
from audit.models import Event
from audit.record import Subject, record

pytestmark = [pytest.mark.postgresql]


@contextmanager
def running(database: str) -> Iterator[None]:
    """A transaction in `database` that has a number and does not end while the block runs."""
    settings = connection.settings_dict
    with psycopg.connect(host=settings["HOST"], user=settings["USER"], dbname=database) as other:
        other.execute("SELECT pg_current_xact_id()")
        yield
        other.rollback()


def write() -> None:
    with transaction.atomic():
        record("model.created", Subject("x", "1", "x"), actor=COMMAND)


def waiting() -> int:
    return Event.objects.filter(seal=None).count()


@pytest.mark.usefixtures("committed")
def test_a_transaction_in_another_database_holds_nothing_back() -> None:
    if connection.vendor != "postgresql":
        seal.seal()
        assert waiting() == 0
        return
    with running("postgres"):
        write()
        seal.seal_pending()
        assert waiting() == 0


@pytest.mark.usefixtures("committed")
def test_a_transaction_in_this_database_that_began_before_is_waited_for() -> None:
    if connection.vendor != "postgresql":
        return
    with running(connection.settings_dict["NAME"]):
        write()
        assert seal.seal_pending() == 0
        assert waiting() > 0
    seal.seal_pending()
    assert waiting() == 0


@pytest.mark.django_db
def test_a_transaction_seals_what_it_wrote_itself_whatever_ended_meanwhile() -> None:
    write()
    if connection.vendor == "postgresql":
        with running("postgres"):
            pass
        settings = connection.settings_dict
        with psycopg.connect(host=settings["HOST"], user=settings["USER"], dbname="postgres") as other:
            other.execute("SELECT pg_current_xact_id()")
    seal.seal_pending()
    assert waiting() == 0

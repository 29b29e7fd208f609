"""Commits wait for the disk, and let the next writer in meanwhile."""

import os
import threading

import pytest
from django.db import OperationalError, connections, transaction

from core.sqlite.base import DatabaseWrapper, settle
from registry.webhooks.models import Reached

pytestmark = pytest.mark.usefixtures("committed")
FULL, NORMAL = 2, 1


@pytest.fixture
def db_file(committed: None) -> DatabaseWrapper:
    found = connections["default"]
    if not isinstance(found, DatabaseWrapper):
        pytest.skip("of SQLite")
    return found


class Disk:
    """Notes each flush, and what SQLite thinks of the transaction then; may be slow or broken."""

    def __init__(self, database: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[bool] = []
        self.error = 0
        self.slow: threading.Event | None = None
        self.waits = threading.Event()
        real = os.fdatasync

        def flush(handle: int) -> None:
            self.seen.append(bool(database.connection.in_transaction))
            if self.error:
                raise OSError(self.error, os.strerror(self.error))
            if self.slow and threading.current_thread() is threading.main_thread():
                self.waits.set()
                assert self.slow.wait(20)
            real(handle)

        monkeypatch.setattr(os, "fdatasync", flush)


def level(database: DatabaseWrapper) -> int:
    return int(database.connection.execute("PRAGMA synchronous").fetchone()[0])


def test_a_transaction_is_flushed_after_its_lock_is_free_and_before_its_writer_goes_on(
    db_file: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(db_file, monkeypatch)
    with transaction.atomic():
        Reached.objects.update(seq=1)
        assert level(db_file) == NORMAL
        with transaction.atomic():
            Reached.objects.update(seq=2)
        assert disk.seen == []
    assert disk.seen == [False]
    assert level(db_file) == FULL


def test_another_writer_commits_while_the_first_waits_for_the_disk(
    db_file: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, done = Disk(db_file, monkeypatch), []
    disk.slow = threading.Event()

    def second() -> None:
        assert disk.waits.wait(20)
        with transaction.atomic():
            Reached.objects.update(seq=22)
        done.append(Reached.objects.get().seq)
        connections.close_all()
        assert disk.slow
        disk.slow.set()

    other = threading.Thread(target=second)
    other.start()
    with transaction.atomic():
        Reached.objects.update(seq=11)
    other.join(20)
    assert done == [22]


def test_sqlite_itself_waits_for_what_stands_alone_or_went_wrong(
    db_file: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(db_file, monkeypatch)
    Reached.objects.update(seq=3)
    assert (disk.seen, level(db_file)) == ([], FULL)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Reached.objects.update(seq=1 // 0)
    assert (disk.seen, level(db_file)) == ([], FULL)
    held = db_file.copy()
    held.settings_dict["OPTIONS"] = {**held.settings_dict["OPTIONS"], "timeout": 0}
    held.connect()
    with transaction.atomic():
        with pytest.raises(OperationalError, match="locked"):
            held._start_transaction_under_autocommit()
        assert level(held) == FULL
    held.close()


def test_a_disk_that_refuses_is_no_success(db_file: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(db_file, monkeypatch)
    disk.error = 5
    with pytest.raises(OperationalError, match="cannot be flushed"), transaction.atomic():
        Reached.objects.update(seq=4)
    with pytest.raises(OperationalError, match="cannot be flushed"):
        settle()
    assert level(db_file) == FULL

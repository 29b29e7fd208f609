"""One conformance suite for every store of bytes: a folder, and a bucket in a real S3 server."""

import hashlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from core.refusals import Invalid, TooLarge
from registry.stores.contract import Store, StoreDown, StoreFull
from registry.stores.folder import Folder
from registry.stores.s3 import PART, Bucket
from tests.seaweed import Seaweed

LIMIT = 2**30
MIB = 2**20


@pytest.fixture
def bucket(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    made = Bucket("s3://files/some/where")
    with suppress(made.client.exceptions.BucketAlreadyExists, made.client.exceptions.BucketAlreadyOwnedByYou):
        made.client.create_bucket(Bucket="files")
    for one in made.client.list_objects_v2(Bucket="files").get("Contents", ()):
        made.client.delete_object(Bucket="files", Key=one["Key"])
    return made


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    kept: Store = Folder(tmp_path / "blobs") if request.param == "folder" else request.getfixturevalue("bucket")
    return kept


def everything_in(store: Store) -> list[str]:
    """Name all that the store holds, drafts too."""
    if isinstance(store, Folder):
        return [path.name for path in store.root.rglob("*") if path.is_file()]
    assert isinstance(store, Bucket)
    held = store.client.list_objects_v2(Bucket=store.bucket).get("Contents", ())
    parts = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", ())
    return [one["Key"] for one in [*held, *parts]]


def pieces(size: int, fill: bytes = b"a") -> Iterator[bytes]:
    for start in range(0, size, MIB):
        yield fill * min(MIB, size - start)


@pytest.mark.parametrize("size", [0, 1, MIB, PART, PART + 1, 3 * PART])
def test_bytes_come_back_under_their_digest(store: Store, size: int) -> None:
    written = store.write(pieces(size), limit=LIMIT, expected=size)
    assert written.sha256 == hashlib.sha256(b"a" * size).hexdigest()
    assert (written.size, store.length(written.sha256)) == (size, size)
    chunks = list(store.read(written.sha256))
    assert b"".join(chunks) == b"a" * size
    assert all(len(chunk) <= MIB for chunk in chunks)
    assert len(everything_in(store)) == 1


def test_a_part_is_read_alone(store: Store) -> None:
    body = bytes(range(256)) * 40_000
    kept = store.write([body], limit=LIMIT)
    for start, length in [(0, 1), (100, 256), (len(body) - 3, 3), (7, None), (5, 0)]:
        stop = len(body) if length is None else start + length
        assert b"".join(store.read(kept.sha256, start, length)) == body[start:stop]


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    for _ in range(2):
        store.write(pieces(PART + 5), limit=LIMIT)
        store.write([b"small"], limit=LIMIT)
    assert len(everything_in(store)) == 2


@pytest.mark.parametrize("size", [10, 2 * PART + 10])
def test_what_was_cut_off_leaves_nothing(store: Store, size: int) -> None:
    with pytest.raises(Invalid, match="cut off"):
        store.write(pieces(size), limit=LIMIT, expected=size + 1)
    with pytest.raises(TooLarge):
        store.write(pieces(size), limit=size - 1)

    def broken() -> Iterator[bytes]:
        yield from pieces(size)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.write(broken(), limit=LIMIT)
    assert everything_in(store) == []


def test_while_it_is_written_nobody_finds_it(store: Store) -> None:
    size = 2 * PART + 1
    digest = hashlib.sha256(b"a" * size).hexdigest()
    seen = []

    def watched() -> Iterator[bytes]:
        for piece in pieces(size):
            seen.append(store.length(digest))
            yield piece
        seen.append(store.length(digest))

    store.write(watched(), limit=LIMIT)
    assert set(seen) == {None}
    assert store.length(digest) == size


def test_what_is_gone_is_gone(store: Store) -> None:
    kept = store.write([b"x"], limit=LIMIT)
    store.remove(kept.sha256)
    store.remove(kept.sha256)
    assert store.length(kept.sha256) is None
    with pytest.raises(FileNotFoundError):
        list(store.read(kept.sha256))


def test_drafts_of_a_killed_process_are_dropped_after_their_grace(store: Store) -> None:
    """The draft is left as a kill leaves it: the clean-up of the writer never runs."""
    if isinstance(store, Folder):
        store.drafts.mkdir(parents=True)
        (store.drafts / "1-left").write_bytes(b"half")
    else:
        assert isinstance(store, Bucket)
        store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}drafts/left", Body=b"half")
        store.client.create_multipart_upload(Bucket=store.bucket, Key=f"{store.prefix}drafts/begun")
    kept = store.write([b"x"], limit=LIMIT)
    before = len(everything_in(store))
    assert store.drop_drafts(clock.now() - timedelta(hours=1)) == 0
    assert len(everything_in(store)) == before
    assert store.drop_drafts(clock.now() + timedelta(hours=1)) == before - 1
    assert len(everything_in(store)) == 1
    assert store.length(kept.sha256) == 1


def test_a_store_that_works_says_nothing(store: Store) -> None:
    assert store.trouble() == ""


MEASURE = """
import resource, sys
sys.path.insert(0, {root!r})
import hashlib
from pathlib import Path
from registry.stores.folder import Folder
from registry.stores.s3 import Bucket
store = {made}
piece = b"m" * 2**20
digest = store.write((piece for _ in range(8)), limit=2**30).sha256
b"".join(c[:1] for c in store.read(digest))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
digest = store.write((piece for _ in range({mib})), limit=2**30).sha256
for chunk in store.read(digest): pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_does_not_grow_with_the_file(store: Store, tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    made = f"Folder(Path({str(tmp_path)!r}))" if isinstance(store, Folder) else 'Bucket("s3://files/some/where")'
    script = MEASURE.format(root=root, made=made, mib=160)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 60


def test_a_bucket_that_is_not_there_is_one_sentence(bucket: Bucket) -> None:
    absent = Bucket("s3://nowhere-at-all")
    assert absent.trouble() == "the bucket nowhere-at-all is not there"


def test_a_wrong_key_is_one_sentence_without_the_key(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    refused = Bucket("s3://files")
    assert "refuses our key" in refused.trouble()
    with pytest.raises(StoreFull) as why:
        refused.write([b"x"], limit=LIMIT)
    assert "wrong-secret" not in why.value.sentence


def test_a_server_that_is_away_is_one_sentence(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    away = Bucket("s3://files")
    assert "does not answer" in away.trouble()
    for deed in (lambda: away.write([b"x"], limit=LIMIT), lambda: list(away.read("0" * 64))):
        with pytest.raises(StoreDown, match="does not answer"):
            deed()


def small_file_limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MIB, 4 * MIB))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the file's size stands in for the disk: it fails the same write, with EFBIG."""
    script = f"""
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from pathlib import Path
from registry.stores.contract import StoreDown, StoreFull
from registry.stores.folder import Folder
store = Folder(Path({str(tmp_path / "blobs")!r}))
try:
    store.write((b"x" * 2**20 for _ in range(9)), limit=2**30)
except (StoreFull, StoreDown) as why:
    print(why.sentence)
"""
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    done = run([sys.executable, "-c", script], capture_output=True, text=True, preexec_fn=small_file_limit, check=False)
    assert done.stdout.startswith("The file could not be stored: "), done.stderr
    assert everything_in(Folder(tmp_path / "blobs")) == []

"""Files in a bucket reach the model's folder."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.actors import Actor
from deployments import fetching
from registry import artifacts, blobs, listed_files, manifests
from registry.artifacts import parse_place
from registry.collection import collect
from registry.models import ModelVersion
from registry.stores.s3 import Bucket
from serving import artifacts as served
from serving.contract import Desired, FileLine, Layout, dump
from tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def layout(bucket: Bucket, settings: Any, tmp_path: Path) -> Layout:
    """A home whose files are in a bucket."""
    settings.HOME = tmp_path
    return Layout(tmp_path)


def ordered(version: ModelVersion, layout: Layout) -> Desired:
    """Return the order for the version, written down."""
    assert version.manifest
    lines = tuple(FileLine(line.path, line.sha256, line.size) for line in listed_files.files_of(version.manifest))
    order = Desired(
        replica="fraud-1", endpoint="fraud", model="Fraud", version="1", digest=version.manifest.digest,
        manifest=lines, lock_digest="0" * 64, sandbox="required", memory_mb=512, fence=1, rollout_id="1", key="k",
    )  # fmt: skip
    layout.desired_folder.mkdir(parents=True)
    dump(layout.desired(order.replica), order)
    return order


def test_a_model_in_a_bucket_is_fetched_and_its_copies_go_again(layout: Layout, dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    order = ordered(version, layout)
    layout.fetched_folder.mkdir()
    made: list[Path] = []
    thread = threading.Thread(target=lambda: made.append(served.materialise(layout, order)))
    thread.start()
    time.sleep(0.5)
    assert not made
    assert fetching.fetch() == 3
    thread.join(10)
    assert served.is_intact(made[0], order.manifest)
    assert fetching.fetch() == 0
    assert list(layout.fetched_folder.iterdir()) == []
    assert not layout.blob(order.manifest[0].sha256).exists()


def test_a_file_that_the_bucket_lost_or_changed_is_never_served(layout: Layout, dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    order = ordered(version, layout)
    layout.fetched_folder.mkdir()
    store = blobs.store()
    assert isinstance(store, Bucket)
    key = store._key(order.manifest[0].sha256)
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"x" * order.manifest[0].size)
    assert version.manifest
    assert manifests.damaged_files(version.manifest) == [order.manifest[0].path]
    fetching.fetch()
    with pytest.raises(served.Tampered, match="other bytes"):
        served.materialise(layout, order)


def test_unused_files_leave_the_bucket_and_used_ones_stay(layout: Layout, dana: Actor, monkeypatch: Any) -> None:
    version = make_version(make_model(dana), dana)
    beside = parse_place(f"{version.frozen_root}/plots/roc.png")
    artifacts.put_file(beside, [b"no longer wanted"], actor=dana)
    blob = artifacts.find_file(beside, actor=dana)
    artifacts.delete_files(beside, actor=dana)
    assert collect() == 0
    monkeypatch.setattr("registry.collection.GRACE", -timedelta(minutes=1))
    assert collect() == 1
    assert blobs.length_of(blob.sha256) is None
    assert version.manifest
    assert manifests.damaged_files(version.manifest) == []

from pathlib import Path
from typing import Any

import pytest

from accounts.actors import Actor
from config.periodic import SCHEDULED
from deployments import collection, orders, rights, rollouts
from deployments.models import Endpoint
from deployments.targets.local import replicas
from registry.models import RegisteredModel
from serving.contract import Layout, dump
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run

pytestmark = pytest.mark.django_db
DAY_S = 24 * 3600.0
NEVER_NEEDED = "a" * 64


@pytest.fixture
def layout(hands: Hands, settings: Any) -> Layout:
    """The home that the target writes to is the one that is collected."""
    settings.HOME = hands.layout.home
    return hands.layout


def artifact(layout: Layout, digest: str) -> Path:
    """Make a model's folder, read-only as the runner does."""
    folder = layout.artifact(digest)
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "model.bin").write_bytes(b"x")
    for path in (folder / "deep" / "model.bin", folder / "deep", folder):
        path.chmod(0o555)
    return folder


def environment(layout: Layout, lock: str) -> Path:
    folder = layout.environment(lock)
    folder.mkdir(parents=True)
    folder.with_name(f".{lock}.lock").touch()
    return folder


def test_what_nothing_needs_goes_after_a_day_and_not_before(layout: Layout) -> None:
    built, made = environment(layout, NEVER_NEEDED), artifact(layout, NEVER_NEEDED)
    draft = built.with_name(f".{NEVER_NEEDED[:12]}.c0ffee")
    draft.mkdir()
    layout.temporary("old-replica").mkdir(parents=True)
    log = layout.root / "logs" / "old-replica.log.1"
    log.parent.mkdir()
    log.touch()
    assert collection.collect(1000.0) == 0
    assert collection.collect(1000.0 + DAY_S - 1) == 0
    assert built.exists()
    assert collection.collect(1000.0 + DAY_S) == 6
    left = [path for folder in layout.collected_folders for path in folder.glob("*")]
    assert left == []
    assert not made.exists()
    assert collection.collect(1000.0 + 2 * DAY_S) == 0


def test_what_may_serve_stays_however_old_and_what_was_withdrawn_goes(
    layout: Layout, hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=3)
    kept = [artifact(layout, right.digest) for right in rights.standing(staging)]
    built = environment(layout, "e" * 64)
    for day in range(4):
        assert collection.collect(1000.0 + day * DAY_S) == 0
    assert built.exists()
    assert all(folder.exists() for folder in kept)
    run(hands, rights.withdraw(rights.find_right(staging, 3), reason="leaks", actor=eli) or pytest.fail("no rollout"))
    collection.collect(1000.0 + 10 * DAY_S)
    assert collection.collect(1000.0 + 11 * DAY_S) == 1
    assert [folder.exists() for folder in kept] == [False, True, True]


def test_what_a_queued_rollout_needs_stays(
    layout: Layout, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    waiting, built = artifact(layout, rollout.digest), environment(layout, "e" * 64)
    for day in range(3):
        assert collection.collect(1000.0 + day * DAY_S) == 0
    rollouts.cancel(rollout, actor=eli, reason="no")
    collection.collect(1000.0 + 4 * DAY_S)
    collection.collect(1000.0 + 5 * DAY_S)
    assert not waiting.exists()
    assert not built.exists()


@pytest.mark.parametrize("folder", ["desired", "launched"])
def test_what_is_ordered_or_still_runs_stays_whatever_the_rows_say(
    layout: Layout, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, folder: str
) -> None:
    rollout = rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    release = orders.release_of(rollout)
    order = replicas.desired(release, replicas.name(release), "k", 1)
    rollouts.cancel(rollout, actor=eli, reason="no")
    dump(layout.root / folder / f"{order.replica}.json", order)
    used = [artifact(layout, order.digest), environment(layout, order.lock_digest), layout.temporary(order.replica)]
    used[-1].mkdir(parents=True)
    for day in range(3):
        assert collection.collect(1000.0 + day * DAY_S) == 0
    assert all(path.exists() for path in used)


def test_what_is_needed_again_meanwhile_begins_a_new_grace(
    layout: Layout, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    version = locked_version(model, dana)
    assert version.manifest
    folder = artifact(layout, version.manifest.digest)
    collection.collect(1000.0)
    rollout = rollouts.start(version, staging, AT_ONCE, actor=eli)
    collection.collect(1000.0 + DAY_S)
    rollouts.cancel(rollout, actor=eli, reason="no")
    collection.collect(1001.0 + DAY_S)
    assert collection.collect(1000.0 + 2 * DAY_S) == 0
    assert folder.exists()


def test_a_home_without_a_data_plane_has_nothing_to_collect(layout: Layout) -> None:
    assert collection.collect() == 0
    assert collection.collect in {piece.run for piece in SCHEDULED}

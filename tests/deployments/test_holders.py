import subprocess
import time

import pytest

from accounts.actors import Actor
from deployments import engine, holders, rollouts
from deployments.models import Endpoint, Rollout
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def test_a_claim_is_over_once_its_process_has_ended_and_not_before(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli)
    with subprocess.Popen(["sleep", "60"]) as process:
        first = holders.of(process.pid)
        assert engine.claim(rollout.pk, first)
        assert not engine.claim(rollout.pk, holders.me())
        process.kill()
        time.sleep(0.1)
        assert engine.claim(rollout.pk, holders.me()), "ended, and not yet reaped"
    taken = Rollout.objects.get(pk=rollout.pk)
    assert (taken.holder, taken.fence) == (holders.me(), 2)


@pytest.mark.parametrize("holder", ["", "engine-1", "elsewhere/1/1", "//", "/1/1"])
def test_of_a_process_that_cannot_be_seen_nobody_says_that_it_ended(holder: str) -> None:
    assert not holders.has_ended(holder)


def test_a_number_used_anew_is_another_process() -> None:
    place, pid, started = holders.me().split("/")
    assert not holders.has_ended(holders.me())
    assert holders.has_ended(f"{place}/{pid}/{int(started) - 1}")

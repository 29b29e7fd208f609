"""Requests and labels as router, model servers and callers would send them."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from accounts.actors import Actor
from deployments.models import Rollout
from monitoring import ingest, labels
from monitoring.labels import Given
from serving import contract
from serving.contract import Layout, Routes
from tests.deployments.hands import Hands
from tests.monitoring.conftest import Stream

Traffic = Callable[..., None]


@pytest.fixture
def traffic(stream: Stream, dana: Actor) -> Traffic:
    rng = random.Random(11)

    def send(rollout: Rollout, share: int, *, requests: int = 800, wrong: float = 0.05, status: int = 200) -> None:
        """Requests divided as the router would; the canary is wrong or fails as told, the live version wrong at 5 %."""
        truth = []
        for number in range(requests):
            track = "canary" if rng.random() * 100 < share else "stable"
            part = share * 100 if track == "canary" else 10_000 - share * 100
            name = f"{share}-{number}-{rng.random()}"
            code = status if track == "canary" else 200
            if code == 200:
                stream.answered(name, 1)
            more: dict[str, Any] = {
                "step": str(share),
                "rollout": str(rollout.uuid),
                "share": str(part),
                "status": code,
            }
            stream.routed(name, track, **more)
            truth.append(Given(name, int(rng.random() >= (wrong if track == "canary" else 0.05))))
        ingest.drain()
        labels.record_labels(rollout.endpoint.name, truth, actor=dana)

    return send


def routes(hands: Hands, rollout: Rollout) -> dict[str, int]:
    """Return the share of 10,000 that each track is given."""
    said = contract.load(Layout(hands.layout.home).routes(rollout.endpoint.name), Routes)
    return {way.track: way.share for way in said.tracks}

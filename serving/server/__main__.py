"""Loads the model, warms it, listens, and drains on SIGTERM. The last line on stderr says why it ended early."""

import argparse
import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from serving.contract import FOR_GOOD, Desired, Layout, load
from serving.server import models, refusals, warmup
from serving.server.app import App
from serving.server.evidence import Evidence
from serving.server.handing import Handed
from serving.server.scores import Scorer
from serving.server.tokens import Gate

HELD_IN = ". It was given its own files, its memory, and no network."
DRAIN_S = 10.0
LAME_DUCK_S = 0.3  # the router may not have heard yet
LOOK_EVERY_S = 0.02


def say(sentence: str) -> None:
    """Leave a reason where the runner reads it."""
    said = " ".join(sentence.split())[:900]
    sys.stderr.write(f"signoff: {said}\n")
    if place := os.environ.get("LAST_WORDS"):
        Path(place).write_text(said, encoding="utf-8")


def prepared(layout: Layout, desired: Desired, *, is_pod: bool = False) -> App:
    """Return the model behind HTTP, loaded and warm. In a pod there is no router that writes down the rest."""
    folder = layout.artifact(desired.digest)
    begun = time.perf_counter()
    model = models.load(folder)
    warm = warmup.warm(model, folder, desired.warmup)
    took = time.perf_counter() - begun
    sys.stderr.write(f"loaded in {took:.2f} s; {warm.row_s * 1000:.2f} ms a row, by {warm.source}\n")
    gate = Gate(layout.tokens, desired.endpoint, allow_stale=desired.stale_tokens == "allow")
    place, policy, scorer = (
        layout.evidence(desired.replica), layout.feature_policy(desired.endpoint), Scorer(model.chances)
    )  # fmt: skip
    if is_pod:
        return App(desired, model, gate, Handed(place, policy, scorer, desired.version), warm.row_s)
    return App(desired, model, gate, Evidence(place, policy, scorer), warm.row_s)


class Server(uvicorn.Server):  # type: ignore[misc]
    """Listens; leaves the signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


async def serve(app: App, where: Mapping[str, object]) -> None:
    """Listen at the socket `uds`, or at `host` and `port`, until asked to stop.

    Returns when all that had begun is answered, or DRAIN_S have passed.
    """
    plain = {"server_header": False, "date_header": False, "log_config": None, "access_log": False}
    server = Server(uvicorn.Config(app, **where, http="httptools", ws="none", lifespan="off", **plain))
    asked = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, asked.set)
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    app.draining = True
    await drained(app)
    server.should_exit = server.force_exit = True
    await serving
    app.evidence.flush()


async def drained(app: App) -> None:
    """Return when nothing is in flight, not before the router can have heard, not after DRAIN_S."""
    begun = time.monotonic()
    await asyncio.sleep(LAME_DUCK_S)
    while app.metrics.in_flight and time.monotonic() - begun < DRAIN_S:  # noqa: ASYNC110 - counting must cost nothing
        await asyncio.sleep(LOOK_EVERY_S)


def main() -> int:
    """Serve one replica."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--replica", required=True)
    parser.add_argument("--port", type=int, help="listen there, on all addresses, instead of at the replica's socket")
    given = parser.parse_args()
    layout = Layout(given.home)
    try:
        desired = load(layout.launched(given.replica), Desired)
        app = prepared(layout, desired, is_pod=given.port is not None)
    except Exception as why:  # noqa: BLE001 - a model may raise anything
        traceback.print_exc()
        said = str(why) if isinstance(why, warmup.Cold) else f"The model cannot be loaded: {type(why).__name__}: {why}"
        say(f"{said}{HELD_IN if refusals.withheld(why) else ''}")
        return FOR_GOOD
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        everywhere = {"host": "0.0.0.0", "port": given.port}  # noqa: S104 - a pod has an address of its own
        runner.run(serve(app, everywhere if given.port is not None else {"uds": str(layout.socket(given.replica))}))
    sys.stderr.flush()
    os._exit(0)  # a model that still runs in its thread is not waited for


if __name__ == "__main__":
    sys.exit(main())

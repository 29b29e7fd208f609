"""`python -m serving.pod pull|serve|tell`: the three containers of a pod. What they need stands in POD_* variables.

pull ends with 0 once everything is there, with 3 where it never will be, with 4 where it may be later. serve becomes
the model's server. tell goes on until it is told to stop.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving import contract, environments, launching
from serving.cleaning import cleaned
from serving.contract import FOR_GOOD, ContractError, Desired, Layout
from serving.pod.pull import pull
from serving.pod.source import Later, Source
from serving.pod.tell import Teller

LATER = 4
PAUSE_S, AWAY_S = 1.0, 2.0
WORDS = "/dev/termination-log"


@dataclass(frozen=True)
class Pod:
    """What the pod is told."""

    layout: Layout
    order: Desired
    source: Source
    port: int
    words: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Pod":
        """Return what the variables say; raise ContractError where one is missing or wrong."""
        try:
            order = contract.parse(environ["POD_ORDER"].encode(), Desired, "POD_ORDER")
            source = Source(environ["POD_SIGNOFF"].rstrip("/"), Path(environ["POD_TOKEN"]), order.digest)
            port, words = int(environ["POD_PORT"]), Path(environ.get("POD_WORDS", WORDS))
            return cls(Layout(Path(environ["POD_HOME"])), order, source, port, words)
        except (KeyError, ValueError) as why:
            raise ContractError(f"The pod's variables are not what they should be: {why}.") from why


def fetch(pod: Pod) -> int:
    """Fetch all; leave a sentence where it fails."""
    try:
        pull(pod.layout, pod.order, pod.source)
    except Later as why:
        return leave(pod.words, str(why), LATER)
    except (ContractError, OSError) as why:
        return leave(pod.words, str(why), FOR_GOOD if isinstance(why, ContractError) else LATER)
    return 0


def serve(pod: Pod) -> int:
    """Become the model's server, in the model's own environment, with nothing of ours but what is named here."""
    python = str(environments.python_of(pod.layout.environment(pod.order.lock_digest)))
    where = ["--home", str(pod.layout.home), "--replica", pod.order.replica, "--port", str(pod.port)]
    environment = {**launching.server_environment(pod.layout, pod.order), "LAST_WORDS": str(pod.words)}
    os.execve(python, [python, "-m", "serving.server", *where], environment)  # noqa: S606 - ours


def tell(pod: Pod) -> int:
    """Tell until asked to stop; what waits then is told once more if it can be."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    teller, pause_s, is_away = Teller(pod.layout, pod.order, pod.source), 0.0, False
    while True:
        is_last = stop.wait(pause_s)
        try:
            pause_s, is_away = (0.0 if teller.turn() else PAUSE_S), False
        except Later as why:
            if not is_away:
                sys.stderr.write(f"{cleaned(str(why))}\n")
            pause_s, is_away = AWAY_S, True
        if is_last:
            return 0


def leave(words: Path, sentence: str, code: int) -> int:
    """Leave a sentence where the cluster reads it; return `code`."""
    said = cleaned(sentence, ours=True)
    sys.stderr.write(f"signoff: {said}\n")
    try:
        words.write_text(said, encoding="utf-8")
    except OSError as why:
        sys.stderr.write(f"{words} cannot be written: {why.strerror}\n")
    return code


COMMANDS = {"pull": fetch, "serve": serve, "tell": tell}


def main() -> int:
    """Do what the first argument says."""
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:  # noqa: PLR2004 - the program and one word
        sys.stderr.write(f"python -m serving.pod {'|'.join(COMMANDS)}\n")
        return LATER
    try:
        pod = Pod.of(os.environ)
    except ContractError as why:
        return leave(Path(os.environ.get("POD_WORDS", WORDS)), str(why), FOR_GOOD)
    return COMMANDS[sys.argv[1]](pod)


if __name__ == "__main__":
    sys.exit(main())

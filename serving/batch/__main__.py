"""`python -m serving.batch --home HOME --job JOB` scores one file. It ends when its standard input does.

Code 0 where the job came to its end, 3 where it has none (`seen.json` in its folder says why), any other where it may
be tried again.
"""

import argparse
import fcntl
import os
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path

from serving import keeper, lifeline
from serving.batch.driver import FAILURES, Broken, Driver
from serving.contract import BatchOrder, Layout, load
from serving.frames import Cut
from serving.preparing import prepare

FAILED, AGAIN = 3, 1
LOCK_S, LOOK_S = 15.0, 0.1


def end_with_starter() -> None:
    """End this process, and with it what it started, once nobody holds our standard input."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(AGAIN)

    threading.Thread(target=wait, daemon=True, name="starter").start()


def alone(folder: Path) -> bool:
    """Whether no other process drives this job: one that was, and whose starter is gone, ends within moments."""
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    until = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        else:
            return True


def main() -> int:
    """Drive the job."""
    parser = argparse.ArgumentParser(prog="python -m serving.batch")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--job", required=True)
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable).resolve(), help="what environments are made from"
    )
    parser.add_argument("--offline", action="store_true", help="build from uv's cache only")
    given = parser.parse_args()
    layout = Layout(given.home.absolute())
    keeper.libc.prctl(keeper.PR_SET_CHILD_SUBREAPER, 1)
    if not alone(layout.batch(given.job)):
        sys.stderr.write("Another process scores this file.\n")
        return AGAIN
    order = load(layout.batch_order(given.job), BatchOrder)
    driver = Driver(layout, order, partial(prepare, layout, given.python, given.offline, order.desired))
    try:
        driver.run()
    except FAILURES as why:
        driver.fail(str(why))
        return FAILED
    except (Broken, Cut) as why:
        sys.stderr.write(f"signoff: {' '.join(str(why).split())[:900]}\n")
        return AGAIN
    except Exception as why:  # noqa: BLE001 - whoever started this tries again, and says why in the end
        traceback.print_exc()
        sys.stderr.write(f"signoff: {type(why).__name__}: {' '.join(str(why).split())[:600]}\n")
        return AGAIN
    return 0


if __name__ == "__main__":
    lifeline.hold()
    end_with_starter()
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the threads above wait for ever

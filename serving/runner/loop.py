"""The runner's one thread: looks at the folder, steps each replica, writes what it is."""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from serving.contract import ContractError, Desired, Layout, Observed, load
from serving.folder import Folder
from serving.runner import lives
from serving.runner.replica import Means, Replica


class Runner:
    """All replicas of one home. One process at a time may be it."""

    def __init__(self, means: Means) -> None:
        self.means, self.layout = means, means.layout
        self.replicas: dict[str, Replica] = {}
        self._adopt()
        self.folder = Folder(self.layout.desired_folder, known=self.replicas)

    def tick(self) -> None:
        """Take what is newly ordered, do what can be done, and write what is."""
        changed, gone = self.folder.look()
        for name in changed:
            self._apart(name, self._order)
        for name in gone:
            if name in self.replicas:
                self.replicas[name].dismiss()
        for name in list(self.replicas):
            self._apart(name, self._step)

    def _apart(self, name: str, work: Callable[[str], None]) -> None:
        """Keep what goes wrong with one replica from the others."""
        try:
            work(name)
        except Exception:  # noqa: BLE001 - said, and tried again at the next tick
            sys.stderr.write(f"replica {name}\n{traceback.format_exc()}")

    def _order(self, name: str) -> None:
        try:
            desired = load_named(self.layout, name)
        except FileNotFoundError:
            return  # the next look sees it gone
        except ContractError as why:
            with suppress(ContractError):  # no such replica can be, and nothing can be written of it
                self.layout.desired(name)
                self._replica(name).refuse(f"Refused: {why}")
            return
        self._replica(name).order(desired)

    def _step(self, name: str) -> None:
        replica = self.replicas[name]
        replica.step()
        replica.report()
        if replica.is_done():
            self.layout.observed(name).unlink(missing_ok=True)
            del self.replicas[name]

    def _replica(self, name: str) -> Replica:
        if name not in self.replicas:
            self.replicas[name] = Replica(self.means, name)
        return self.replicas[name]

    def _adopt(self) -> None:
        """Take up what an earlier runner of this home left running; end what it started and did not write down."""
        for path in sorted(self.layout.observed_folder.glob("[!.]*.json")):
            with suppress(ContractError, FileNotFoundError):
                seen = load(path, Observed)
                life = lives.found(self.layout, seen.replica, seen.pid, seen.started)
                self._replica(seen.replica).adopt(seen, life, launched(self.layout, seen.replica))
        known = {replica.life.pid for replica in self.replicas.values() if replica.life}
        for name, stray in lives.strays(self.layout, known):
            sys.stderr.write(f"replica {name}: process {stray.pid} was not written down and is ended\n")
            stray.kill()


def load_named(layout: Layout, name: str) -> Desired:
    """Return what the replica should be; ContractError where the file holds another's."""
    desired = load(layout.desired(name), Desired)
    if desired.replica != name:
        raise ContractError(f"The file of {name} speaks of {desired.replica}.")
    return desired


def launched(layout: Layout, replica: str) -> Desired | None:
    """Return what the replica was last started as."""
    try:
        return load(layout.launched(replica), Desired)
    except (FileNotFoundError, ContractError):
        return None

"""Plays runner and router at their files, so that the engine is tested without starting model servers."""

import time
from pathlib import Path

from serving import contract
from serving.contract import Desired, Layout, Observed, Routed, Routes, State


class Hands:
    """Takes up what is wanted, or fails at it on purpose."""

    def __init__(self, home: Path) -> None:
        self.layout = Layout(home)
        self.broken: set[str] = set()
        self.slow: set[str] = set()
        self.router_is_away = False
        self.counted: dict[str, int] = {}

    def work(self) -> None:
        """Do once what runner and router do all the time."""
        wanted = {path.stem: contract.load(path, Desired) for path in self.layout.desired_folder.glob("*.json")}
        for name, desired in wanted.items():
            self._observe(name, desired)
        for path in self.layout.observed_folder.glob("*.json"):
            if path.stem not in wanted:
                path.unlink()
                self.layout.launched(path.stem).unlink()
        for path in self.layout.routes_folder.glob("*.json"):
            self._route(contract.load(path, Routes))

    def _observe(self, name: str, desired: Desired) -> None:
        state: State = "failed" if desired.version in self.broken else "ready"
        if desired.version in self.slow:
            state = "starting"
        why = "the model cannot be loaded" if state == "failed" else ""
        seen = Observed(
            name, desired.key, desired.fence, state, 4242, 1, str(self.layout.socket(name)), desired.digest,
            "bubblewrap", why, time.time(),
        )  # fmt: skip
        contract.dump(self.layout.launched(name), desired)
        contract.dump(self.layout.observed(name), seen)

    def _route(self, routes: Routes) -> None:
        if self.router_is_away:
            return
        shares: dict[str, int] = {way.track: way.share for way in routes.tracks}
        seen = Routed(
            routes.endpoint, routes.version, routes.key, routes.fence, shares, self.counted, {}, "", time.time()
        )
        contract.dump(self.layout.routed(routes.endpoint), seen)

    def serving(self, endpoint: str) -> list[str]:
        """Return the versions that the endpoint's requests reach now."""
        routes = contract.load(self.layout.routes(endpoint), Routes)
        names = [replica for way in routes.tracks if way.share for replica in way.replicas]
        return [contract.load(self.layout.desired(name), Desired).version for name in names]

    def replicas(self) -> list[str]:
        """Return the names of the replicas that are ordered."""
        return sorted(path.stem for path in self.layout.desired_folder.glob("*.json"))

    def running(self) -> list[str]:
        """Return the versions that are ordered."""
        return sorted(contract.load(self.layout.desired(name), Desired).version for name in self.replicas())

"""The local target: writes what should run and how requests should be divided, as files; reads what does.

`serving.runner` keeps the model servers, `serving.router` the routes. This side never waits for either.
"""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from deployments.plan import Sight, Strategy
from deployments.targets.contract import Capabilities, GiveUp, Release, Seen, StaleFence, Step, TryAgain
from serving import contract
from serving.contract import SHARES, Desired, Document, FileLine, Layout, Observed, Routed, Routes, TrackRoute

D = TypeVar("D", bound=Document)


class LocalTarget:
    """Model servers on this machine behind the embedded router."""

    def __init__(self, home: Path | None = None) -> None:
        self.layout = Layout(Path(home or settings.HOME))

    def capabilities(self) -> Capabilities:
        """What can be done here."""
        return Capabilities(frozenset({Strategy.ALL_AT_ONCE, Strategy.BLUE_GREEN}))

    def observe(self, step: Step, *, key: str, fence: int) -> Seen:
        """Look at the runner's and the router's own words."""
        look = {"install": self._installed, "route": self._routed, "retire": self._retired}[step.name]
        return look(step, key, fence)

    def apply(self, step: Step, *, key: str, fence: int) -> None:
        """Write the files of the step; writing them again changes nothing."""
        act = {"install": self._install, "route": self._route, "retire": self._retire}[step.name]
        try:
            act(step, key, fence)
        except OSError as why:
            raise TryAgain(f"The home cannot be written: {why}") from why
        except contract.ContractError as why:
            raise GiveUp(str(why)) from why

    def revert(self, release: Release, *, previous: str, key: str, fence: int) -> None:
        """Send requests back to what served before, or refuse them, and stop the replica that is not wanted."""
        self._write_routes(
            release, _replica(release.endpoint, previous) if previous else "", step="revert", key=key, fence=fence
        )
        self._stop(_replica(release.endpoint, release.rollout), fence)

    # Install: a replica beside what serves

    def _install(self, step: Step, key: str, fence: int) -> None:
        release = step.release
        name = _replica(release.endpoint, release.rollout)
        self._refuse_stale(self._read(self.layout.desired(name), Desired), fence)
        contract.dump(self.layout.desired(name), _desired(name, release, key, fence))

    def _installed(self, step: Step, key: str, fence: int) -> Seen:
        name = _replica(step.release.endpoint, step.release.rollout)
        wanted, seen = self._read(self.layout.desired(name), Desired), self._read(self.layout.observed(name), Observed)
        if wanted and wanted.fence > fence:
            return Seen(Sight.STALE)
        if wanted is None:
            return Seen(Sight.ABSENT)
        if seen is None or seen.key != key:
            return Seen(Sight.UNDER_WAY, why="the runner has not taken it up yet")
        facts = {"state": seen.state, "isolation": seen.isolation, "pid": seen.pid}
        if seen.digest != step.release.digest:
            return Seen(Sight.BROKEN, facts, "another digest runs than the one that was signed")
        if seen.state == "failed":
            return Seen(Sight.BROKEN, facts, seen.why)
        return Seen(Sight.REACHED if seen.state == "ready" else Sight.UNDER_WAY, facts, seen.why)

    # Route: all requests to the new replica

    def _route(self, step: Step, key: str, fence: int) -> None:
        name = _replica(step.release.endpoint, step.release.rollout)
        self._write_routes(step.release, name, step="route", key=key, fence=fence)

    def _routed(self, step: Step, key: str, fence: int) -> Seen:
        wanted = self._read(self.layout.routes(step.release.endpoint), Routes)
        if wanted and wanted.fence > fence:
            return Seen(Sight.STALE)
        if wanted is None or wanted.key != key:
            return Seen(Sight.ABSENT)
        seen = self._read(self.layout.routed(step.release.endpoint), Routed)
        if seen is None or seen.key != key or seen.version != wanted.version:
            return Seen(Sight.UNDER_WAY, why=seen.why if seen else "the router has not taken it up yet")
        return Seen(Sight.REACHED, {"routes_version": seen.version, "shares": dict(seen.shares)})

    def _write_routes(self, release: Release, replica: str, *, step: str, key: str, fence: int) -> None:
        path = self.layout.routes(release.endpoint)
        now = self._read(path, Routes)
        self._refuse_stale(now, fence)
        tracks = (TrackRoute("stable", (replica,), SHARES),) if replica else ()
        if now and (now.key, now.tracks) == (key, tracks):
            contract.dump(path, replace(now, fence=fence))
            return
        version = now.version + 1 if now else 1
        contract.dump(path, Routes(release.endpoint, version, fence, key, release.rollout, step, release.salt, tracks))

    # Retire: whatever else of this endpoint still runs

    def _retire(self, step: Step, key: str, fence: int) -> None:
        del key
        for name in self._others(step.release):
            self._stop(name, fence)

    def _retired(self, step: Step, key: str, fence: int) -> Seen:
        del key, fence
        left = self._others(step.release)
        running = [name for name in left if self._is_running(name)]
        if left:
            return Seen(Sight.ABSENT, {"still_wanted": len(left)})
        return Seen(Sight.UNDER_WAY if running else Sight.REACHED, {"still_running": len(running)})

    def _others(self, release: Release) -> list[str]:
        mine = _replica(release.endpoint, release.rollout)
        found = (self._read(path, Desired) for path in sorted(self.layout.desired_folder.glob("*.json")))
        return [d.replica for d in found if d and d.endpoint == release.endpoint and d.replica != mine]

    def _stop(self, name: str, fence: int) -> None:
        self._refuse_stale(self._read(self.layout.desired(name), Desired), fence, another_rollout=True)
        self.layout.desired(name).unlink(missing_ok=True)

    def _is_running(self, name: str) -> bool:
        seen = self._read(self.layout.observed(name), Observed)
        return seen is not None and seen.state in {"starting", "ready", "draining"}

    # Files

    def _read(self, path: Path, kind: type[D]) -> D | None:
        try:
            return contract.load(path, kind)
        except FileNotFoundError:
            return None
        except contract.ContractError as why:
            raise TryAgain(str(why)) from why

    def _refuse_stale(self, found: Desired | Routes | None, fence: int, *, another_rollout: bool = False) -> None:
        if found and found.fence > fence and not another_rollout:
            raise StaleFence(f"fence {found.fence} was here before {fence}")


def _replica(endpoint: str, rollout: str) -> str:
    """Return the replica's name: its endpoint's, cut so that it fits, and its rollout's."""
    return f"{endpoint[:45]}-{rollout.replace('-', '')[:12]}"


def _desired(name: str, release: Release, key: str, fence: int) -> Desired:
    return Desired(
        replica=name, endpoint=release.endpoint, model=release.model, version=str(release.version),
        digest=release.digest,
        manifest=tuple(FileLine(*line) for line in release.files), lock_digest=release.lock_digest,
        sandbox="unsandboxed" if release.sandbox == "unsandboxed" else "required", memory_mb=release.memory_mb,
        fence=fence, rollout_id=release.rollout, key=key,
    )  # fmt: skip

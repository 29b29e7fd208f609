"""The local target: writes what should run and how requests should be divided, as files; reads what does.

`serving.runner` keeps the model servers, `serving.router` the routes. This side never waits for either.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from core import hints
from deployments.plan import ALL, Sight, Strategy
from deployments.targets.contract import Capabilities, GiveUp, Release, Seen, Split, Step, TryAgain
from deployments.targets.families import differ, family
from deployments.targets.local import fences, replicas
from registry import blobs
from serving import contract
from serving.contract import SHARES, Desired, Document, Layout, Observed, Routed, Routes, TrackRoute

D = TypeVar("D", bound=Document)
MOST_REPLICAS = 32
WORST_FIRST = (Sight.BROKEN, Sight.ABSENT, Sight.UNDER_WAY, Sight.REACHED)
RUNS = frozenset({"installing", "starting", "ready", "draining"})
Act = Callable[[Step, str, int], None]
Tracks = tuple[TrackRoute, ...]


class LocalTarget:
    """Model servers on this machine behind the embedded router."""

    def __init__(self, home: Path | None = None) -> None:
        self.layout = Layout(Path(home or settings.HOME))

    def lacks(self) -> str:
        """Nothing: it is here."""
        return ""

    def capabilities(self) -> Capabilities:
        """What can be done here."""
        return Capabilities(frozenset(Strategy), batch=True, replicas=MOST_REPLICAS)

    def observe(self, step: Step, *, key: str, fence: int) -> Seen:
        """Look at the runner's and the router's own words."""
        look = {
            "install": self._installed,
            "mirror": self._routed,
            "route": self._routed,
            "retire": self._retired,
            "revert": self._reverted,
        }
        if fences.last(self.layout.fence(step.release.endpoint)) > fence:
            return Seen(Sight.STALE)
        return look[step.name](step, key)

    def apply(self, step: Step, *, key: str, fence: int) -> None:
        """Write the files of the step; writing them again changes nothing."""
        acts = {"install": self._install, "route": self._route, "mirror": self._mirror, "retire": self._retire}
        if step.name not in acts:
            raise GiveUp(f"The local target has no step {step.name}; it has {', '.join(acts)}.")
        self._do(acts[step.name], step, key, fence)

    def revert(self, step: Step, *, key: str, fence: int) -> None:
        """Route requests to what served before, or refuse them, and stop the replica that is not wanted."""
        self._do(self._revert, step, key, fence)

    def runs(self, release: Release) -> Seen:
        """Return what the runner says of the release's replicas, the worst of them."""
        ordered = self._mine(release, self._ordered(release.endpoint))
        found = [self._read(self.layout.observed(name), Observed) for name in ordered or [replicas.name(release)]]
        return together([_running(seen, release) for seen in found if seen])

    def scale(self, release: Release) -> None:
        """Order what is missing, send requests to what is ready and wanted, and take away what gets none."""
        fence = fences.last(self.layout.fence(release.endpoint))
        self._do(self._scale, Step("scale", release), "", fence)

    def tend(self, release: Release) -> None:
        """Nothing runs out by itself here."""

    def split(self, endpoint: str) -> Split:
        """Return what the router says of its division."""
        seen = self._read(self.layout.routed(endpoint), Routed)
        return Split(dict(seen.shares), dict(seen.requests), dict(seen.in_flight)) if seen else Split()

    def _do(self, act: Act, step: Step, key: str, fence: int) -> None:
        try:
            with fences.held(self.layout.fence(step.release.endpoint), fence):
                act(step, key, fence)
        except OSError as why:
            raise TryAgain(f"The home cannot be written: {why}") from why
        except contract.ContractError as why:
            raise GiveUp(str(why)) from why

    # Install: replicas beside what serves

    def _install(self, step: Step, key: str, fence: int) -> None:
        if blobs.is_elsewhere():
            self.layout.fetched_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            hints.hint(hints.FETCH_FILES)
        for name in replicas.names(step.release):
            contract.dump(self.layout.desired(name), replicas.desired(step.release, name, key, fence))

    def _installed(self, step: Step, key: str) -> Seen:
        return together([self._one_installed(name, step.release, key) for name in replicas.names(step.release)])

    def _one_installed(self, name: str, release: Release, key: str) -> Seen:
        wanted, seen = self._read(self.layout.desired(name), Desired), self._read(self.layout.observed(name), Observed)
        if wanted is None or wanted.key != key:
            return Seen(Sight.ABSENT)
        if seen is None or seen.key != key:
            return Seen(Sight.UNDER_WAY, why="the runner has not taken it up yet")
        return _running(seen, release)

    # Scale: more replicas or fewer of what is installed

    def _scale(self, step: Step, key: str, fence: int) -> None:
        del key
        release = step.release
        first = self._read(self.layout.desired(replicas.name(release)), Desired)
        if first is None:
            raise TryAgain(f"{release.endpoint} v{release.version} is not installed.")
        wanted = replicas.names(release)
        for name in wanted:
            if not self.layout.desired(name).exists():
                contract.dump(self.layout.desired(name), replicas.desired(release, name, first.key, fence))
        if self._gets_requests(release, wanted):
            return  # first the router follows, then others stop
        for name in set(self._mine(release, self._ordered(release.endpoint))) - set(wanted):
            self.layout.desired(name).unlink(missing_ok=True)

    def _gets_requests(self, release: Release, wanted: list[str]) -> bool:
        """Send the release's requests to those of `wanted` that are ready; whether the router has yet to follow."""
        path = self.layout.routes(release.endpoint)
        now = self._read(path, Routes)
        if now is None:
            return False
        tracks = tuple(self._ready_track(track, release, wanted) for track in now.tracks)
        if tracks != now.tracks:
            contract.dump(path, replace(now, version=now.version + 1, tracks=tracks))
            return True
        routed = self._read(self.layout.routed(release.endpoint), Routed)
        return routed is None or routed.version < now.version

    def _ready_track(self, track: TrackRoute, release: Release, wanted: list[str]) -> TrackRoute:
        if not any(replicas.family_of(name) == family(release) for name in track.replicas):
            return track
        ready = self._ready(wanted)
        return replace(track, replicas=ready) if ready else track

    def _ready(self, names: list[str]) -> tuple[str, ...]:
        seen = ((name, self._read(self.layout.observed(name), Observed)) for name in names)
        return tuple(name for name, one in seen if one and one.state == "ready")

    def _serving(self, release: Release) -> tuple[str, ...]:
        """Return the replicas that should get the release's requests: those that are ready, or else the first."""
        return self._ready(replicas.names(release)) or (replicas.name(release),)

    # Route: a share of the requests to the new replica, or all

    def _route(self, step: Step, key: str, fence: int) -> None:
        share_pct = int(str(step.arguments.get("share_pct", ALL)))
        if share_pct == ALL:
            return self._write_routes(step, self._all_to(step.release), step.release, key, fence)
        if step.previous is None:
            raise GiveUp("Nothing serves here that the other requests could go to.")
        canary = share_pct * SHARES // ALL
        tracks = (
            TrackRoute("canary", self._serving(step.release), canary),
            TrackRoute("stable", self._serving(step.previous), SHARES - canary),
        )
        return self._write_routes(step, tracks, step.release, key, fence)

    def _mirror(self, step: Step, key: str, fence: int) -> None:
        """Copy a part of the requests to the new replica; what served goes on answering all of them."""
        if step.previous is None:
            raise GiveUp("Nothing serves here whose requests could be copied.")
        copied = int(str(step.arguments.get("copies_pct", ALL))) * SHARES // ALL
        shadow = TrackRoute("shadow", self._serving(step.release), copied)
        self._write_routes(step, (*self._all_to(step.previous), shadow), step.release, key, fence)

    def _routed(self, step: Step, key: str) -> Seen:
        endpoint = step.release.endpoint
        wanted = self._read(self.layout.routes(endpoint), Routes)
        if wanted is None or wanted.key != key:
            return Seen(Sight.ABSENT)
        seen = self._read(self.layout.routed(endpoint), Routed)
        if seen is None or seen.key != key or seen.version != wanted.version:
            return Seen(Sight.UNDER_WAY, why=seen.why if seen else "the router has not taken it up yet")
        return Seen(Sight.REACHED, {"routes_version": seen.version, "shares": dict(seen.shares)})

    def _write_routes(self, step: Step, tracks: Tracks, serves: Release, key: str, fence: int) -> None:
        path = self.layout.routes(serves.endpoint)
        now = self._read(path, Routes)
        if now and (now.key, now.tracks) == (key, tracks):
            contract.dump(path, replace(now, fence=fence))
            return
        version, word = now.version + 1 if now else 1, str(step.arguments.get("share_pct", step.name))
        contract.dump(path, Routes(serves.endpoint, version, fence, key, serves.rollout, word, serves.salt, tracks))

    # Retire: whatever else of this endpoint still runs, but for the one that stands by

    def _retire(self, step: Step, key: str, fence: int) -> None:
        del key, fence
        for name in self._superfluous(step, self._ordered(step.release.endpoint)):
            self.layout.desired(name).unlink(missing_ok=True)

    def _retired(self, step: Step, key: str) -> Seen:
        del key
        ordered = self._superfluous(step, self._ordered(step.release.endpoint))
        running = self._superfluous(step, self._running(step.release.endpoint))
        facts = {"still_ordered": len(ordered), "still_running": len(running)}
        if ordered:
            return Seen(Sight.ABSENT, facts)
        return Seen(Sight.UNDER_WAY if running else Sight.REACHED, facts)

    def _superfluous(self, step: Step, names: Iterator[str]) -> list[str]:
        kept = {family(release) for release in (step.release, step.keep) if release and release.keeps_running}
        return [name for name in names if replicas.family_of(name) not in kept]

    # Revert: back to what served before, and the replica that was tried goes

    def _revert(self, step: Step, key: str, fence: int) -> None:
        if not step.release.keeps_running:
            self._retire(step, key, fence)
            return
        tracks = self._all_to(step.previous) if step.previous else ()
        self._write_routes(step, tracks, step.previous or step.release, key, fence)
        if differ(step.release, step.previous):
            for name in self._mine(step.release, self._ordered(step.release.endpoint)):
                self.layout.desired(name).unlink(missing_ok=True)

    def _reverted(self, step: Step, key: str) -> Seen:
        if not step.release.keeps_running:
            return self._retired(step, key)
        routed = self._routed(step, key)
        if routed.sight is not Sight.REACHED or not differ(step.release, step.previous):
            return routed
        if self._mine(step.release, self._ordered(step.release.endpoint)):
            return Seen(Sight.ABSENT, routed.facts)
        running = len(self._mine(step.release, self._running(step.release.endpoint)))
        return Seen(Sight.UNDER_WAY if running else Sight.REACHED, {**routed.facts, "still_running": running})

    def _mine(self, release: Release, names: Iterator[str]) -> list[str]:
        """Return those of the names that are the release's replicas."""
        return [name for name in names if replicas.family_of(name) == family(release)]

    def _all_to(self, release: Release) -> Tracks:
        return (TrackRoute("stable", self._serving(release), SHARES),)

    # Files

    def _ordered(self, endpoint: str) -> Iterator[str]:
        """Yield the endpoint's replicas that should run."""
        return self._of(endpoint, self.layout.desired_folder)

    def _running(self, endpoint: str) -> Iterator[str]:
        """Yield the endpoint's replicas that the runner started and that have not stopped."""
        for name in self._of(endpoint, self.layout.launched_folder):
            seen = self._read(self.layout.observed(name), Observed)
            if seen and seen.state in RUNS:
                yield name

    def _of(self, endpoint: str, folder: Path) -> Iterator[str]:
        found = (self._read(path, Desired) for path in sorted(folder.glob("[!.]*.json")))
        return (order.replica for order in found if order and order.endpoint == endpoint)

    def _read(self, path: Path, kind: type[D]) -> D | None:
        try:
            return contract.load(path, kind)
        except FileNotFoundError:
            return None
        except contract.ContractError as why:
            raise TryAgain(str(why)) from why


def _running(seen: Observed, release: Release) -> Seen:
    facts: dict[str, object] = {"state": seen.state, "isolation": seen.isolation, "pid": seen.pid}
    if seen.trouble:
        facts["trouble"] = seen.trouble
    if seen.digest != release.digest:
        return Seen(Sight.BROKEN, facts, "another digest runs than the one that was signed")
    if seen.state == "failed":
        return Seen(Sight.BROKEN, facts, seen.why)
    return Seen(Sight.REACHED if seen.state == "ready" else Sight.UNDER_WAY, facts, seen.why)


def together(seen: list[Seen]) -> Seen:
    """Return what several replicas show as one: broken where one is, reached where all are; nothing runs of none."""
    if not seen:
        return Seen(Sight.ABSENT, why="no model server runs")
    worst = min(seen, key=lambda one: WORST_FIRST.index(one.sight))
    ready = sum(one.sight is Sight.REACHED for one in seen)
    return worst if len(seen) == 1 else replace(worst, facts={**worst.facts, "ready": f"{ready} of {len(seen)}"})

"""What targets are told of a rollout's steps, made from rows: a release carries all that a target needs."""

import hashlib

from deployments import attested, endpoints
from deployments.models import WAY_BACK, Rollout, RolloutStep
from deployments.scaling import Capacity
from deployments.targets.contract import GiveUp, Release, Step
from registry import listed_files


def step_of(rollout: Rollout, step: RolloutStep) -> Step:
    """Return the step with what serves meanwhile and what stands by afterwards."""
    back = endpoints.way_back(rollout)
    if rollout.kind == Rollout.Kind.WITHDRAW:
        return _withdrawal_step(rollout, step, back)
    keep = endpoints.stand_by(rollout.endpoint, rollout.version)
    return Step(step.name, release_of(rollout), step.arguments, _release(back), _release(keep))


def _withdrawal_step(rollout: Rollout, step: RolloutStep, instead: Rollout | None) -> Step:
    """What is made ready is the version that serves instead; where that fails, requests are refused."""
    if step.name == "install":
        if instead is None:
            raise GiveUp("The version that should serve instead was withdrawn as well.")
        return Step(step.name, release_of(instead), step.arguments)
    gave_up = step.position == WAY_BACK
    return Step(step.name, release_of(rollout), step.arguments, None if gave_up else _release(instead))


def release_of(rollout: Rollout) -> Release:
    """Return what a target needs to serve the rollout's version."""
    version = rollout.version
    files = listed_files.files_of(version.manifest) if version.manifest else []
    return Release(
        rollout=str(rollout.uuid), endpoint=rollout.endpoint.name, model=version.model.name, version=version.version,
        digest=rollout.digest, files=tuple((line.path, line.sha256, line.size) for line in files),
        lock_digest=str(version.environment.get("lock") or ""), salt=salt_of(rollout),
        replicas=rollout.endpoint.replicas if rollout.endpoint.takes_requests else 1, most=_most(rollout),
        keeps_running=rollout.endpoint.takes_requests, **rollout.limits,
    )  # fmt: skip


def told_release(rollout: Rollout) -> Release:
    """Return the release of a rollout that is what the ledger says; raise GiveUp where it is not."""
    require_told(f"keep {rollout} running", rollout)
    return release_of(rollout)


def require_told(deed: str, rollout: Rollout, back: Rollout | None = None) -> None:
    """Raise GiveUp where the rollout, or what it goes back to, is not what the ledger says; it is told of."""
    if why := attested.against(rollout.endpoint, deed, rollout, back):
        raise GiveUp(why)


def _most(rollout: Rollout) -> int:
    """Return how many model servers there may be."""
    return Capacity(**rollout.endpoint.capacity).max_replicas


def _release(rollout: Rollout | None) -> Release | None:
    return release_of(rollout) if rollout else None


def salt_of(rollout: Rollout) -> str:
    """Return a secret of this rollout alone: which units are in its canary says nothing about the next one's."""
    return hashlib.sha256(f"{rollout.endpoint.salt}/{rollout.uuid}".encode()).hexdigest()

"""The names of the model servers of a family, and the orders for them."""

import re

from deployments.targets.contract import Release
from deployments.targets.families import family
from serving.contract import Desired, FileLine

NUMBERED = re.compile(r"(-[0-9a-f]{12})-r\d+$")


def family_of(replica: str) -> str:
    """Return the family that a model server belongs to."""
    return NUMBERED.sub(r"\1", replica)


def name(release: Release, number: int = 1) -> str:
    """Return the name of its first model server, or of another; the first bears the family's."""
    return family(release) if number == 1 else f"{family(release)}-r{number}"


def names(release: Release) -> list[str]:
    """Return the names of as many as it should have."""
    return [name(release, number) for number in range(1, release.replicas + 1)]


def desired(release: Release, replica: str, key: str, fence: int) -> Desired:
    """Return the order for one of the release's model servers."""
    return Desired(
        replica=replica, endpoint=release.endpoint, model=release.model, version=str(release.version),
        digest=release.digest,
        manifest=tuple(FileLine(*line) for line in release.files), lock_digest=release.lock_digest,
        sandbox="unsandboxed" if release.sandbox == "unsandboxed" else "required", memory_mb=release.memory_mb,
        batch_rows=release.batch_rows, max_waiting=release.max_waiting,
        fence=fence, rollout_id=release.rollout, key=key,
    )  # fmt: skip

"""A replica is named by what it serves, not by the rollout that asks for it: one that runs already is found ready."""

import re

from core import canonical
from deployments.targets.contract import Release
from serving.contract import Desired, FileLine

FRONT = 32  # of the endpoint's name; with version, digest and number it stays within 63
NUMBERED = re.compile(r"(-[0-9a-f]{12})-r\d+$")


def family(release: Release) -> str:
    """Return the one name of model servers of exactly this kind: version, bytes, environment and limits."""
    what = [release.endpoint, release.version, release.digest, release.lock_digest, release.sandbox]
    limits = [release.memory_mb, release.batch_rows, release.max_waiting]
    return f"{release.endpoint[:FRONT]}-v{release.version}-{canonical.digest([*what, *limits])[:12]}"


def family_of(replica: str) -> str:
    """Return the family that a model server belongs to."""
    return NUMBERED.sub(r"\1", replica)


def name(release: Release, number: int = 1) -> str:
    """Return the name of its first model server, or of another; the first bears the family's."""
    return family(release) if number == 1 else f"{family(release)}-r{number}"


def names(release: Release) -> list[str]:
    """Return the names of as many as it should have."""
    return [name(release, number) for number in range(1, release.replicas + 1)]


def differ(one: Release, other: Release | None) -> bool:
    """Whether two releases need model servers of their own."""
    return other is None or family(one) != family(other)


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

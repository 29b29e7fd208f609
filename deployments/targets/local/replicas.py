"""A replica is named by what it serves, not by the rollout that asks for it: one that runs already is found ready."""

from core import canonical
from deployments.targets.contract import Release
from serving.contract import Desired, FileLine

FRONT = 36  # of the endpoint's name; with version and digest it stays within 63


def name(release: Release) -> str:
    """Return the one name of a model server of exactly this kind: version, bytes, environment and limits."""
    what = [release.endpoint, release.version, release.digest, release.lock_digest, release.sandbox, release.memory_mb]
    return f"{release.endpoint[:FRONT]}-v{release.version}-{canonical.digest(what)[:12]}"


def differ(one: Release, other: Release | None) -> bool:
    """Whether two releases need model servers of their own."""
    return other is None or name(one) != name(other)


def desired(release: Release, key: str, fence: int) -> Desired:
    """Return the order for the release's replica."""
    return Desired(
        replica=name(release), endpoint=release.endpoint, model=release.model, version=str(release.version),
        digest=release.digest,
        manifest=tuple(FileLine(*line) for line in release.files), lock_digest=release.lock_digest,
        sandbox="unsandboxed" if release.sandbox == "unsandboxed" else "required", memory_mb=release.memory_mb,
        fence=fence, rollout_id=release.rollout, key=key,
    )  # fmt: skip

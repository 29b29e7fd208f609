"""A model server is named by what it serves, not by the rollout that asks for it: one that runs is found ready."""

from core import canonical
from deployments.targets.contract import Release

FRONT = 32  # of the endpoint's name; with version, digest and number it stays within 63


def family(release: Release) -> str:
    """Return the one name of model servers of exactly this kind: version, bytes, environment and limits."""
    what = [release.endpoint, release.version, release.digest, release.lock_digest, release.sandbox]
    limits = [release.memory_mb, release.batch_rows, release.max_waiting]
    return f"{release.endpoint[:FRONT]}-v{release.version}-{canonical.digest([*what, *limits])[:12]}"


def differ(one: Release, other: Release | None) -> bool:
    """Whether two releases need model servers of their own."""
    return other is None or family(one) != family(other)

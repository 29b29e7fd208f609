"""Places and lifts holds on versions. A held version cannot be deleted."""

from registry.models import Hold, ModelVersion


def place(version: ModelVersion, *, kind: str, label: str) -> None:
    """Hold `version`, under its model's lock; the same hold twice is one."""
    Hold.objects.get_or_create(version=version, kind=kind, label=label[:200])


def lift(version: ModelVersion, *, kind: str, label: str) -> None:
    """Lift a hold; an absent one is no error."""
    Hold.objects.filter(version=version, kind=kind, label=label[:200]).delete()

"""Points aliases at versions. Setting one that the policy protects goes through `registry.transitions.authorise`."""

from accounts.actors import Actor
from audit.record import Change, record
from registry import access
from registry.models import Alias, ModelVersion


def point(version: ModelVersion, name: str, *, actor: Actor, facts: dict[str, object]) -> None:
    """Make `name` point at `version`, under the model's lock; where it does already nothing happens."""
    held = Alias.objects.select_related("version").filter(model=version.model, name=name).first()
    if held and held.version_id == version.pk:
        return
    before: dict[str, object] = {"alias": name, "version": held.version.version} if held else {}
    Alias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
    change = Change(before, {"alias": name, "version": version.version}, facts=facts)
    record("alias.set", access.version_subject(version), actor=actor, change=change)


def remove(held: Alias, *, actor: Actor, facts: dict[str, object]) -> None:
    """Take the alias away, under the model's lock."""
    about = access.version_subject(held.version)
    change = Change(before={"alias": held.name, "version": held.version.version}, facts=facts)
    held.delete()
    record("alias.deleted", about, actor=actor, change=change)

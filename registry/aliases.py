"""Points aliases at versions. Setting one that the policy protects goes through `registry.transitions.authorise`."""

from django.db import connection

from accounts.actors import Actor
from audit.record import Change, record
from core import rows
from core.refusals import Invalid
from registry import access
from registry.models import Alias, ModelVersion, RegisteredModel


def held(model: RegisteredModel, name: str) -> Alias | None:
    """Return the alias as it stands, or None where there is none."""
    return rows.find(Alias, "model_id = %s AND name = %s", [model.pk, name])


def _number_at(alias: Alias) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM registry_modelversion WHERE id = %s", [alias.version_id])
        return int(cursor.fetchone()[0])


def refuse_look_alike(model: RegisteredModel, name: str) -> None:
    """Raise Invalid for a new name that looks like a protected one: people would take it for that, and programs not.

    An alias that has such a name already keeps it, and needs the signature like the one it looks like.
    """
    meant = model.protected_like(name)
    if meant and meant != name and held(model, name) is None:
        raise Invalid(
            f"'{name}' looks like {meant}, which is a protected alias of {model.name}.", field="alias",
            next_step=f"Use {meant}, or a name that nobody takes for it.",
        )  # fmt: skip


def point(version: ModelVersion, name: str, *, actor: Actor, facts: dict[str, object]) -> None:
    """Make `name` point at `version`, under the model's lock; where it does already nothing happens."""
    there = held(version.model, name)
    if there and there.version_id == version.pk:
        return
    before: dict[str, object] = {"alias": name, "version": _number_at(there)} if there else {}
    if there:
        there.version = version
        rows.update(there, "version")
    else:
        rows.insert(Alias(model=version.model, name=name, version=version))
    change = Change(before, {"alias": name, "version": version.version}, facts=facts)
    record("alias.set", access.version_subject(version), actor=actor, change=change)


def remove(alias: Alias, *, actor: Actor, facts: dict[str, object]) -> None:
    """Take the alias away, under the model's lock."""
    about = access.version_subject(alias.version)
    change = Change(before={"alias": alias.name, "version": alias.version.version}, facts=facts)
    alias.delete()
    record("alias.deleted", about, actor=actor, change=change)

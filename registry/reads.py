"""The reads clients make all day: versions as they are shown, each call one statement, the right to see within it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from accounts.actors import Actor
from accounts.permissions import Permission
from core.clock import millis
from registry.models import ModelVersion
from registry.names import PROMPT_TAG, SEMVER_TAG

BATCH = 500
# The same rule as RegisteredModelQuerySet.visible_to, for a model `m`.
VISIBLE = """(NOT m.restricted OR m.owner_id = %s
  OR EXISTS (SELECT 1 FROM registry_registeredmodeluserpermission p WHERE p.content_object_id = m.id AND p.user_id = %s)
  OR EXISTS (SELECT 1 FROM registry_registeredmodelgrouppermission p JOIN accounts_user_groups g
             ON g.group_id = p.group_id WHERE p.content_object_id = m.id AND g.user_id = %s))"""
# CROSS JOIN keeps SQLite at this order: versions by an index, then the model of each.
SELECT = """SELECT v.id, m.name, v.version, v.created_at, v.updated_at, u.username, v.stage, v.description, v.source,
  v.run_id, v.status, v.status_message, v.run_link, v.logged_model_id, v.semver,
  (SELECT {pairs} FROM registry_versiontag t WHERE t.version_id = v.id),
  (SELECT {names} FROM registry_alias a WHERE a.version_id = v.id)
FROM registry_modelversion v CROSS JOIN registry_registeredmodel m CROSS JOIN accounts_user u
WHERE m.id = v.model_id AND u.id = v.registered_by_id AND v.deleted_at IS NULL AND m.deleted_at IS NULL AND """
OF_MODEL = "v.model_id = (SELECT id FROM registry_registeredmodel WHERE name = %s AND deleted_at IS NULL)"
PROMPTS = """SELECT p.model_id FROM registry_versiontag t JOIN registry_modelversion p ON p.id = t.version_id
  WHERE t.key = %s AND t.value = 'true'"""
GATHERED = {
    "sqlite": {"pairs": "json_group_array(json_array(t.key, t.value))", "names": "json_group_array(a.name)"},
    "postgresql": {"pairs": "json_agg(json_build_array(t.key, t.value))::text", "names": "json_agg(a.name)::text"},
}


class VersionRead(NamedTuple):
    """A version with its tags (its semantic number among them) and aliases. Times are milliseconds since 1970."""

    pk: int
    name: str
    version: int
    created_ms: int
    updated_ms: int
    registered_by: str
    stage: str
    description: str
    source: str
    run_id: str
    status: str
    status_message: str
    run_link: str
    logged_model_id: str
    semver: str
    tags: list[list[str]]
    aliases: list[str]
    updated_at: datetime


def numbered(name: str, number: int, *, actor: Actor) -> VersionRead | None:
    """Return version `number` of the model `name`, or None where there is none or the actor may not see it."""
    return _first(f"{OF_MODEL} AND v.version = %s", [name, number], actor)


def at_alias(name: str, alias: str, *, actor: Actor) -> VersionRead | None:
    """Return the version that `alias` of the model `name` points at, or None."""
    held = "v.id = (SELECT a.version_id FROM registry_alias a WHERE a.model_id = v.model_id AND a.name = %s)"
    return _first(f"{OF_MODEL} AND {held}", [name, alias], actor)


def newest(name: str, size: int, after: Sequence[Any] | None, *, actor: Actor) -> list[VersionRead]:
    """Return `size` versions, the last changed first: of the model `name`, or of all without one, from `after` a place.

    What most searches ask, without prompts. The order is an index's, so that only what is returned is read.
    """
    may, who = visible(actor)
    which, values = (OF_MODEL, [name]) if name else ("1 = 1", [])
    later, where = _later(after) if after else ("1 = 1", [])
    order = "v.updated_at DESC, v.version DESC" if name else "v.updated_at DESC, m.name, v.version DESC"
    asked = f"{which} AND {may} AND {later} AND v.model_id NOT IN ({PROMPTS}) ORDER BY {order} LIMIT %s"
    return list(_rows(asked, [*values, *who, *where, PROMPT_TAG, size]))


def place(row: VersionRead) -> tuple[datetime, str, int]:
    """Return where `row` stands in the order of `newest`."""
    return row.updated_at, row.name, row.version


def _later(after: Sequence[Any]) -> tuple[str, list[object]]:
    """Return what holds of a version that comes after a place, with its values; an index begins at the first part."""
    updated_at, name, version = after
    moment = connection.ops.adapt_datetimefield_value(datetime.fromisoformat(updated_at))
    later = "v.updated_at <= %s AND (v.updated_at < %s OR m.name > %s OR (m.name = %s AND v.version < %s))"
    return later, [moment, moment, name, name, version]


def just_made(version: ModelVersion, tags: Mapping[str, str]) -> VersionRead:
    """Return a version that was registered a moment ago with these tags, as reading it would; nothing points at it."""
    said = [[key, value] for key, value in tags.items() if key != SEMVER_TAG]
    said += [[SEMVER_TAG, version.semver]] if version.semver else []
    return VersionRead(
        version.pk, version.model.name, version.version, millis(version.created_at), millis(version.updated_at),
        version.registered_by.username, version.stage, version.description, version.source, version.run_id,
        version.status, version.status_message, version.run_link, version.logged_model_id, version.semver,
        sorted(said), [], version.updated_at,
    )  # fmt: skip


def version_now(version: ModelVersion) -> VersionRead:
    """Return a version that was found or made for the actor already."""
    return next(iter(versions_now([version.pk])))


def versions_now(keys: Iterable[int]) -> list[VersionRead]:
    """Return versions that the actor was found to see, in the order of their keys."""
    left, found = iter(keys), []
    while batch := list(islice(left, BATCH)):
        by_key = {row.pk: row for row in _rows(f"v.id IN ({', '.join('%s' for _ in batch)})", batch)}
        found += [by_key[key] for key in batch if key in by_key]
    return found


def visible(actor: Actor) -> tuple[str, list[object]]:
    """Return the condition under which the actor may see a model `m`, with its values."""
    if not actor.holds(Permission.MODEL_READ):
        return "1 = 0", []
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return "1 = 1", []
    return VISIBLE, [actor.user.pk if actor.user else None] * 3


def _first(where: str, values: list[object], actor: Actor) -> VersionRead | None:
    may, who = visible(actor)
    return next(_rows(f"{where} AND {may}", [*values, *who]), None)


def _rows(where: str, values: Sequence[Any]) -> Iterator[VersionRead]:
    with connection.cursor() as cursor:
        cursor.execute(_select(connection.vendor) + where, values)
        yield from (_read(row) for row in cursor.fetchall())


@cache
def _select(vendor: str) -> str:
    return SELECT.format(**GATHERED[vendor])


def _read(row: tuple[Any, ...]) -> VersionRead:
    tags, aliases = (json.loads(said) if said else [] for said in row[15:])
    if row[14]:
        tags.append([SEMVER_TAG, row[14]])
    tags.sort()
    aliases.sort()
    created_at, updated_at = _moment(row[3]), _moment(row[4])
    said: list[Any] = [*row[:3], millis(created_at), millis(updated_at), *row[5:15], tags, aliases, updated_at]
    return VersionRead(*said)


def _moment(kept: datetime) -> datetime:
    """SQLite keeps a moment in UTC without saying so."""
    return kept if kept.tzinfo else kept.replace(tzinfo=UTC)

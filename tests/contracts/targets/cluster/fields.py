"""Who owns which field of an object, as server-side apply has it: merge, conflicts, and the managedFields it shows."""

import copy
import json
from typing import Any

Path = tuple[Any, ...]
Owner = tuple[str, str]  # manager, operation
IS_THERE = object()
OURS_ALONE = {
    ("apiVersion",),
    ("kind",),
    *(("metadata", name) for name in ("name", "namespace", "uid", "resourceVersion", "generation", "managedFields")),
    ("metadata", "creationTimestamp"),
}
BY_NAME = frozenset({"containers", "initContainers", "volumes", "env"})


class ManagerConflict(Exception):
    """Another manager owns fields that are to be changed."""


def keys_of(path: Path) -> tuple[str, ...]:
    """Return by which fields items of the list at `path` are told apart; none where the list is one value."""
    name = path[-1] if path else ""
    if name in BY_NAME:
        return ("name",)
    if name == "volumeMounts":
        return ("mountPath",)
    if name == "ports" and "containers" in path:
        return ("containerPort", "protocol")
    if path == ("spec", "ports"):
        return ("port", "protocol")
    return ()


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Return the values that can be owned, by where they are."""
    if path in OURS_ALONE:
        return {}
    if isinstance(value, dict) and value:
        return {where: leaf for name, part in value.items() for where, leaf in leaves(part, (*path, name)).items()}
    keys = keys_of(path)
    if isinstance(value, list) and keys:
        found: dict[Path, Any] = {}
        for item in value:
            here = (*path, tuple((key, item[key]) for key in keys if key in item))
            found[here] = IS_THERE
            found.update(leaves(item, here))
        return found
    return {path: value}


def find(body: Any, path: Path) -> Any:
    """Return what is at `path`, or None."""
    for part in path:
        body = _item(body, part) if isinstance(part, tuple) else (body or {}).get(part)
        if body is None:
            return None
    return body


def _item(items: list[Any] | None, keys: tuple[tuple[str, Any], ...]) -> Any:
    return next((one for one in items or [] if all(one.get(name) == value for name, value in keys)), None)


def put(body: Any, path: Path, value: Any) -> None:
    """Set what is at `path`, with what leads there."""
    for place, part in enumerate(path):
        is_last = place == len(path) - 1
        if isinstance(part, tuple):
            found = _item(body, part)
            if found is None:
                found = dict(part)
                body.append(found)
            body = found
        elif is_last:
            body[part] = copy.deepcopy(value)
        else:
            if body.get(part) is None:
                body[part] = [] if isinstance(path[place + 1], tuple) else {}
            body = body[part]


def drop(body: Any, path: Path) -> None:
    """Remove what is at `path`, and what is empty then."""
    above = find(body, path[:-1])
    if above is None:
        return
    if isinstance(path[-1], tuple):
        if (item := _item(above, path[-1])) is not None:
            above.remove(item)
    else:
        above.pop(path[-1], None)
        if not above and len(path) > 1 and not isinstance(path[-2], tuple):
            drop(body, path[:-1])


def applied(
    live: dict[str, Any], owners: dict[Owner, set[Path]], wanted: dict[str, Any], manager: str, *, force: bool
) -> tuple[dict[str, Any], dict[Owner, set[Path]]]:
    """Return object and owners after `manager` applied `wanted`. Raises ManagerConflict."""
    body, owned = copy.deepcopy(live), {owner: set(paths) for owner, paths in owners.items()}
    me, asked = (manager, "Apply"), leaves(wanted)
    for owner, paths in owned.items():
        theirs = [
            path for path in paths & asked.keys() if asked[path] is not IS_THERE and find(live, path) != asked[path]
        ]
        if owner == me or not theirs:
            continue
        if not force:
            names = ", ".join("." + ".".join(map(str, path)) for path in sorted(theirs, key=str))
            raise ManagerConflict(f'conflict with "{owner[0]}": {names}')
        paths.difference_update(theirs)
    elsewhere = {path for owner, paths in owned.items() if owner != me for path in paths}
    for path in sorted(owned.get(me, set()) - asked.keys() - elsewhere, key=len):  # items before what is in them
        if not any(other[: len(path)] == path for other in elsewhere):
            drop(body, path)
    for path, value in asked.items():
        put(body, path, {} if value is IS_THERE else value)
    owned[me] = set(asked)
    return body, {owner: paths for owner, paths in owned.items() if paths}


def updated(
    live: dict[str, Any], owners: dict[Owner, set[Path]], after: dict[str, Any], manager: str
) -> dict[Owner, set[Path]]:
    """Return the owners after `manager` put `after` in place of `live`: it owns what it changed, alone."""
    before, now = leaves(live), leaves(after)
    changed = {path for path, value in now.items() if path not in before or before[path] != value}
    kept = {owner: (paths & now.keys()) - changed for owner, paths in owners.items()}
    me = (manager, "Update")
    kept[me] = kept.get(me, set()) | changed
    return {owner: paths for owner, paths in kept.items() if paths}


def shown(owners: dict[Owner, set[Path]], api: str) -> list[dict[str, Any]]:
    """Return metadata.managedFields."""
    return [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": api,
            "fieldsType": "FieldsV1",
            "fieldsV1": _v1(paths),
        }
        for (manager, operation), paths in sorted(owners.items())
    ]


def _v1(paths: set[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        place = tree
        for part in path:
            name = f"k:{json.dumps(dict(part), separators=(',', ':'))}" if isinstance(part, tuple) else f"f:{part}"
            place = place.setdefault(name, {})
    return tree

"""The objects of a cluster, with the rules of its API server: uid, resourceVersion, status apart, schemas held to."""

import copy
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.contracts.targets.cluster import fields, schemas
from tests.contracts.targets.cluster.refused import Refused

Body = dict[str, Any]
Key = tuple[str, str, str]  # plural, namespace, name
SET_BY_US = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace")


@dataclass
class Row:
    """One object, and who owns its fields."""

    body: Body
    owners: dict[fields.Owner, set[fields.Path]]


@dataclass
class Store:
    """All objects. Every change has a number; watchers see them in order. What is returned is only read."""

    namespaces: frozenset[str]
    rows: dict[Key, Row] = field(default_factory=dict)
    events: list[tuple[int, str, str, Body]] = field(default_factory=list)
    number: int = 0
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))

    def get(self, plural: str, namespace: str, name: str) -> Body:
        with self.changed:
            return self._row(plural, namespace, name).body

    def all(self, plural: str, namespace: str, selector: str = "") -> list[Body]:
        """Return the objects whose labels are as the selector says."""
        wanted = [one.partition("=")[::2] for one in selector.split(",") if one]
        with self.changed:
            found = [row.body for key, row in self.rows.items() if key[0] == plural and key[1] == namespace]
            return [
                body
                for body in found
                if all((body["metadata"].get("labels") or {}).get(name) == value for name, value in wanted)
            ]

    def create(self, kind: schemas.Kind, namespace: str, body: Body, manager: str) -> Body:
        name = body.get("metadata", {}).get("name", "")
        with self.changed:
            if (kind.plural, namespace, name) in self.rows:
                raise Refused(409, "AlreadyExists", f'{kind.plural} "{name}" already exists')
            if body["metadata"].get("resourceVersion"):
                raise Refused(400, "BadRequest", "resourceVersion should not be set on objects to be created")
            self._exists(namespace)
            body = {**copy.deepcopy(body), "status": {}} if kind.has_status else copy.deepcopy(body)
            owners = fields.updated({}, {}, {n: part for n, part in body.items() if n != "status"}, manager)
            return self._keep(kind, namespace, None, Row(body, owners))

    def replace(self, kind: schemas.Kind, namespace: str, name: str, body: Body, manager: str) -> Body:
        with self.changed:
            row = self._row(kind.plural, namespace, name)
            self._precondition(kind, row, body["metadata"])
            after = copy.deepcopy(body)
            if kind.has_status:
                after["status"] = copy.deepcopy(row.body.get("status", {}))
            return self._keep(kind, namespace, row, Row(after, fields.updated(row.body, row.owners, after, manager)))

    def apply(self, kind: schemas.Kind, namespace: str, name: str, body: Body, manager: str, *, force: bool) -> Body:
        if body.get("metadata", {}).get("managedFields") or "status" in body:
            raise Refused(
                400, "BadRequest", "metadata.managedFields must be nil, and the status is a resource of its own"
            )
        with self.changed:
            self._exists(namespace)
            row = self.rows.get((kind.plural, namespace, name))
            if row is None and (body["metadata"].get("uid") or body["metadata"].get("resourceVersion")):
                raise Refused(409, "Conflict", f'{kind.plural} "{name}": the object that was meant is not there')
            if row is not None:
                self._precondition(kind, row, body["metadata"])
            live = row.body if row else {"apiVersion": kind.api, "kind": kind.kind, "metadata": {"name": name}}
            try:
                after, owners = fields.applied(live, row.owners if row else {}, body, manager, force=force)
            except fields.ManagerConflict as why:
                raise Refused(409, "Conflict", f"Apply failed with 1 conflict: {why}") from why
            if row is None and kind.has_status:
                after["status"] = {}
            return self._keep(kind, namespace, row, Row(after, owners))

    def put_status(self, plural: str, namespace: str, name: str, status: Body) -> Body:
        """Set the status, as the one who looks after the object does; nothing else of it changes."""
        with self.changed:
            row = self._row(plural, namespace, name)
            if row.body.get("status") == status:
                return row.body
            kind = schemas.by_plural(plural)
            return self._keep(
                kind,
                namespace,
                row,
                Row({**row.body, "metadata": {**row.body["metadata"]}, "status": status}, row.owners),
            )

    def change(self, plural: str, namespace: str, name: str, path: fields.Path, value: object, manager: str) -> None:
        """Change one field, as another client would."""
        with self.changed:
            row = self._row(plural, namespace, name)
            after = copy.deepcopy(row.body)
            fields.put(after, path, value)
            kind = schemas.by_plural(plural)
            self._keep(kind, namespace, row, Row(after, fields.updated(row.body, row.owners, after, manager)))

    def delete(self, plural: str, namespace: str, name: str, preconditions: Body | None = None) -> Body:
        with self.changed:
            row = self._row(plural, namespace, name)
            self._precondition(schemas.by_plural(plural), row, preconditions or {})
            del self.rows[plural, namespace, name]
            self.number += 1
            self._tell("DELETED", plural, row.body)
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def since(self, plural: str, number: int, within_s: float) -> Iterator[tuple[str, Body]]:
        """Yield what happened to objects of this kind after `number`, as it happens."""
        with self.changed:
            while True:
                fresh = [event for event in self.events if event[0] > number]
                for at, what, whose, body in fresh:
                    number = at
                    if whose == plural:
                        yield what, body
                if not fresh and not self.changed.wait(within_s):
                    return

    def _row(self, plural: str, namespace: str, name: str) -> Row:
        if (plural, namespace, name) not in self.rows:
            raise Refused(404, "NotFound", f'{plural} "{name}" not found')
        return self.rows[plural, namespace, name]

    def _exists(self, namespace: str) -> None:
        if namespace not in self.namespaces:
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')

    @staticmethod
    def _precondition(kind: schemas.Kind, row: Row, said: Body) -> None:
        about = row.body["metadata"]
        if said.get("uid") not in {None, about["uid"]}:
            raise Refused(409, "Conflict", f"Precondition failed: UID in precondition: {said['uid']}")
        if said.get("resourceVersion") not in {None, "", about["resourceVersion"]}:
            raise Refused(
                409, "Conflict", f'Operation cannot be fulfilled on {kind.plural} "{about["name"]}": '
                "the object has been modified; please apply your changes to the latest version and try again",
            )  # fmt: skip

    def _keep(self, kind: schemas.Kind, namespace: str, before: Row | None, after: Row) -> Body:
        """Hold the object to its schema and keep it; the same as before is no change."""
        about = after.body["metadata"]
        old = before.body["metadata"] if before else {}
        for name in SET_BY_US:
            about.pop(name, None)
        about.update({name: old[name] for name in SET_BY_US if name in old})
        schemas.fill(kind, after.body)
        if before and after.owners == before.owners and after.body == before.body:
            return before.body
        schemas.check(kind, before.body if before else None, after.body)
        self.number += 1
        if before is None:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            about.update(uid=str(uuid.uuid4()), namespace=namespace, creationTimestamp=now, generation=1)
        elif after.body.get("spec") != before.body.get("spec"):
            about["generation"] = old["generation"] + 1
        about["resourceVersion"] = str(self.number)
        about["managedFields"] = fields.shown(after.owners, kind.api)
        self.rows[kind.plural, namespace, about["name"]] = after
        self._tell("MODIFIED" if before else "ADDED", kind.plural, after.body)
        return after.body

    def _tell(self, what: str, plural: str, body: Body) -> None:
        self.events.append((self.number, what, plural, body))
        self.changed.notify_all()

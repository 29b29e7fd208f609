"""Speaks to the cluster's API: read, create, apply, remove; each write only on top of what was read."""

import json
import time
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from deployments.targets.contract import GiveUp, TryAgain
from deployments.targets.kubernetes.place import EXTRA, Place
from deployments.targets.kubernetes.resources import Body, Resource

MANAGER = "signoff"
PROMPT_S = 1.8  # all requests of one call of a target together
JSON, APPLY = "application/json", "application/apply-patch+yaml"
Query = Sequence[tuple[str, str]]


class Conflict(Exception):
    """Somebody else wrote since it was read: read again."""


class Cluster:
    """One namespace, for the time of one call of a target."""

    def __init__(self, place: Place) -> None:
        self.place, self.client = place, client(place.config)
        self.until = time.monotonic() + PROMPT_S

    def find(self, resource: Resource, name: str) -> Body | None:
        """Return the object, or None."""
        return self._ask("GET", resource.path(self.place.namespace, name))

    def find_all(self, resource: Resource, labels: dict[str, str]) -> list[Body]:
        """Return the objects that have all these labels; none where the cluster does not know such objects."""
        chosen = ",".join(f"{name}={value}" for name, value in labels.items())
        found = self._ask("GET", resource.path(self.place.namespace), query=[("labelSelector", chosen)])
        return list(found["items"]) if found else []

    def offers(self, resource: Resource) -> bool:
        """Whether the cluster knows objects of this kind."""
        known = self._ask("GET", resource.root)
        return known is not None and any(one["name"] == resource.plural for one in known["resources"])

    def create(self, resource: Resource, body: Body) -> Body:
        """Create the object; raise Conflict where there is one."""
        made = self._ask("POST", resource.path(self.place.namespace), query=[("fieldManager", MANAGER)], body=body)
        return self._there(made, resource)

    def replace(self, resource: Resource, body: Body) -> Body:
        """Put `body`, which is one that was read, in place of itself; raise Conflict where it changed meanwhile."""
        path = resource.path(self.place.namespace, body["metadata"]["name"])
        return self._there(self._ask("PUT", path, query=[("fieldManager", MANAGER)], body=body), resource)

    def apply(self, resource: Resource, body: Body, seen: Body | None) -> Body:
        """Have our part of the object be `body`, whoever wrote it last; raise Conflict where it is not `seen` any more.

        What was not there, and is by now, is overwritten.
        """
        on_top = {name: seen["metadata"][name] for name in ("uid", "resourceVersion")} if seen else {}
        body = {**body, "metadata": {**body["metadata"], **on_top}}
        path = resource.path(self.place.namespace, body["metadata"]["name"])
        query = [("fieldManager", MANAGER), ("force", "true")]
        return self._there(self._ask("PATCH", path, query=query, body=body, content=APPLY), resource)

    def remove(self, resource: Resource, seen: Body) -> None:
        """Remove the object and what it owns; raise Conflict where it is not `seen` any more. Gone already is fine."""
        name, on_top = seen["metadata"]["name"], {n: seen["metadata"][n] for n in ("uid", "resourceVersion")}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": on_top}
        self._ask("DELETE", resource.path(self.place.namespace, name), body=body)

    @staticmethod
    def _there(made: Body | None, resource: Resource) -> Body:
        if made is None:
            raise GiveUp(f"The cluster knows no {resource.kind} in {resource.api}, or the namespace is not there.")
        return made

    def _ask(
        self, method: str, path: str, *, query: Query = (), body: Body | None = None, content: str = JSON
    ) -> Body | None:
        """Return the answer, None for a 404. Raises Conflict, TryAgain or GiveUp; nothing of the request is told."""
        status, text = self._sent(method, path, query, body, content)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status < HTTPStatus.BAD_REQUEST:
            return dict(json.loads(text))
        said = message(text) or HTTPStatus(status).phrase
        if status == HTTPStatus.CONFLICT:
            raise Conflict(said)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise TryAgain(f"The cluster does not let Signoff do this: {said}")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TryAgain(f"The cluster is busy: {said}")
        raise GiveUp(f"The cluster refuses it: {said}")

    def _sent(self, method: str, path: str, query: Query, body: Body | None, content: str) -> tuple[int, bytes]:
        left_s = self.until - time.monotonic()
        if left_s <= 0:
            raise TryAgain("The cluster answers slowly.")
        heads = {"Accept": JSON, "Content-Type": content}
        try:
            asked = self.client.param_serialize(
                method, path, query_params=list(query), header_params=heads, body=body, auth_settings=["BearerToken"]
            )
            answer = self.client.call_api(*asked, _request_timeout=left_s)
            return int(answer.status), bytes(answer.read())
        except _faults() as why:
            raise TryAgain(f"The cluster cannot be reached: {type(why).__name__}.") from None


def message(text: bytes) -> str:
    """Return what the cluster says of a refusal, one line."""
    try:
        said = json.loads(text)
        return " ".join(str(said["message"]).split())[:300]
    except (ValueError, KeyError, TypeError):
        return ""


@cache
def client(config: str) -> Any:
    """Return the client for a kubeconfig, or for the pod we run in; raise GiveUp where there is none."""
    try:
        from kubernetes import client as vendor  # noqa: PLC0415 - an extra, and slow to load
        from kubernetes import config as configs  # noqa: PLC0415
    except ImportError:
        raise GiveUp(EXTRA) from None
    chosen = vendor.Configuration()
    chosen.retries = False  # the engine tries again, and knows how often
    try:
        if config:
            configs.load_kube_config(config, client_configuration=chosen, persist_config=False)
        else:
            configs.load_incluster_config(client_configuration=chosen)
    except (configs.ConfigException, OSError) as why:
        where = f"The kubeconfig {config}" if config else "The service account of the pod"
        raise GiveUp(f"{where} cannot be used: {type(why).__name__}.") from None
    return vendor.ApiClient(configuration=chosen)


@cache
def _faults() -> tuple[type[Exception], ...]:
    """Return what the client raises where the cluster cannot be reached."""
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - the same
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    return OSError, HTTPError, ApiException

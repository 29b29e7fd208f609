"""The kinds of object a cluster knows, and what it holds them to: Kubernetes' own OpenAPI, and the CRDs' schemas."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from kubernetes_validate import utils
from referencing import Registry, Resource

from tests.contracts.targets.cluster.refused import Refused

VERSION = "1.33"
FOLDER = "kubernetes-json-schema/v{}-local-strict"
CRDS = Path(__file__).with_name("crds")
Body = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind. `crd` names the file of its schema where it is not one of Kubernetes' own."""

    group: str
    version: str
    plural: str
    kind: str
    crd: str = ""
    has_status: bool = True

    @property
    def api(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = (
    Kind("", "v1", "configmaps", "ConfigMap", has_status=False),
    Kind("", "v1", "secrets", "Secret", has_status=False),
    Kind("", "v1", "services", "Service"),
    Kind("", "v1", "pods", "Pod"),
    Kind("apps", "v1", "deployments", "Deployment"),
    Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", has_status=False),
    Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", crd="httproute.json"),
)


def by_plural(plural: str) -> Kind:
    return next(kind for kind in KINDS if kind.plural == plural)


def fill(kind: Kind, body: Body) -> None:
    """Add what the API server adds by itself, as far as anybody here looks at it."""
    if kind.kind == "Deployment":
        body.get("spec", {}).setdefault("replicas", 1)
    if kind.kind == "Service":
        body.get("spec", {}).setdefault("type", "ClusterIP")
    if kind.kind == "HTTPRoute":
        for parent in body.get("spec", {}).get("parentRefs", []):
            parent.setdefault("group", "gateway.networking.k8s.io")
            parent.setdefault("kind", "Gateway")


def check(kind: Kind, before: Body | None, after: Body) -> None:
    """Raise Refused for an object that the API server would not take."""
    said = {**after, "status": after.get("status") or None} if kind.has_status else after
    said = {name: part for name, part in said.items() if part is not None}
    wrong = next(validator(kind).iter_errors(said), None)
    if wrong:
        where = ".".join(str(part) for part in wrong.path)
        raise Refused(422, "Invalid", f"{kind.kind} is invalid: {where}: {wrong.message}")
    if before and kind.kind == "Deployment" and before["spec"]["selector"] != after["spec"]["selector"]:
        raise Refused(422, "Invalid", "Deployment is invalid: spec.selector: field is immutable")


@cache
def validator(kind: Kind) -> Any:
    """Return what holds objects to their schema, unknown fields refused as with fieldValidation=Strict.

    Kubernetes' own schemas are those that kubernetes-validate carries; it would read all of them for each object.
    """
    if kind.crd:
        return jsonschema.Draft202012Validator(closed(json.loads((CRDS / kind.crd).read_text(encoding="utf-8"))))
    folder = FOLDER.format(next(one for one in utils.all_versions() if utils.major_minor(one) == VERSION))
    group = f"{kind.group.partition('.')[0]}-" if kind.group else ""
    schema = utils.schema_contents(f"{folder}/{kind.kind.lower()}-{group}{kind.version}.json", VERSION)
    shared = Resource.from_contents(definitions(folder))
    return jsonschema.Draft202012Validator(schema, registry=shared @ (Resource.from_contents(schema) @ Registry()))


@cache
def definitions(folder: str) -> Any:
    """Return the parts that schemas share."""
    return utils.schema_contents(f"{folder}/_definitions.json", VERSION)


def closed(schema: Any) -> Any:
    """Return the schema with no place for unknown fields."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if "properties" in schema and schema.get("x-kubernetes-preserve-unknown-fields") is not True:
        made.setdefault("additionalProperties", False)
    return made

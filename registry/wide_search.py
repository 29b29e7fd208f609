"""Own REST's and the pages' search: MLflow's grammar with OR and parentheses, and everything a version is known by."""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from registry.evidence import TEXT_MAX
from registry.filters import Clause, Group, parse_grouped
from registry.models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionValue
from registry.models.registered import RiskTier
from registry.search import (
    KINDS,
    LISTED,
    TIME,
    VERSION_FIELDS,
    Field,
    Related,
    beside,
    condition,
    held,
    unknown,
    version_tag,
)
from registry.stages import Stage

WIDE_KINDS = {**KINDS, "param": "param", "params": "param", "metric": "metric", "metrics": "metric"}
STAGES, RISKS = tuple(Stage), tuple(RiskTier.values)
TIMES = {
    "created": Field("created_at", TIME),
    "creation_timestamp": Field("created_at", TIME),
    "updated": Field("updated_at", TIME),
    "last_updated_timestamp": Field("updated_at", TIME),
}
OF_VERSION = {
    "run_id": VERSION_FIELDS["run_id"],
    "source_path": VERSION_FIELDS["source_path"],
    "version_number": VERSION_FIELDS["version_number"],
    "version": VERSION_FIELDS["version_number"],
    "semver": Field("semver", LISTED),
    "stage": Field("stage", LISTED, choices=STAGES),
    "current_stage": Field("stage", LISTED, choices=STAGES),
    "alias": Field("name", LISTED),
    "framework": Field("framework", LISTED),
    "user": Field("registered_by__username", LISTED),
    "user_id": Field("registered_by__username", LISTED),
    "status": Field("status", LISTED),
}
VERSIONS = {
    **OF_VERSION,
    **TIMES,
    "name": VERSION_FIELDS["name"],
    "description": Field("description"),
    "owner": Field("model__owner__username", LISTED),
    "risk_tier": Field("model__risk_tier", LISTED, choices=RISKS),
}
MODELS = {
    **TIMES,
    "name": Field("name", LISTED),
    "description": Field("description"),
    "owner": Field("owner__username", LISTED),
    "risk_tier": Field("risk_tier", LISTED, choices=RISKS),
}


def _value(kind: str, column: str) -> Related:
    def related(key: str, operator: str, value: Any) -> Exists | Q:
        asked = value[:TEXT_MAX] if isinstance(value, str) else value
        return held(VersionValue.objects.filter(version=OuterRef("pk"), kind=kind, key=key), column, operator, asked)

    return related


VERSION_RELATED: dict[str, Related] = {
    "tag": version_tag,
    "param": _value("param", "text"),
    "metric": _value("metric", "number"),
}
MODEL_RELATED: dict[str, Related] = {"tag": beside(ModelTag, "model")}


def versions_like(text: str, rows: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Return the versions of `rows` that fit; raise Invalid, with the character at fault, for what cannot be read."""
    return rows.filter(_all_of(parse_grouped(text, WIDE_KINDS), lambda clause: _of_version(clause, text)))


def models_like(text: str, rows: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
    """Return the models of `rows` that fit; what only a version has holds where some version of the model has it."""
    return rows.filter(_all_of(parse_grouped(text, WIDE_KINDS), lambda clause: _of_model(clause, text)))


def _all_of(node: Clause | Group, read: Callable[[Clause], Q]) -> Q:
    if isinstance(node, Clause):
        return read(node)
    found = Q()
    for part in node.parts:
        found = found | _all_of(part, read) if node.word == "OR" else found & _all_of(part, read)
    return found


def _of_version(clause: Clause, text: str) -> Q:
    found = condition(clause, VERSIONS, VERSION_RELATED, text)
    if (clause.kind, clause.key) == ("attribute", "alias"):
        found = Exists(Alias.objects.filter(found, version=OuterRef("pk")))
    return Q(found)


def _of_model(clause: Clause, text: str) -> Q:
    if clause.kind in {"param", "metric"} or (clause.kind == "attribute" and clause.key in OF_VERSION):
        return Q(pk__in=ModelVersion.objects.live().filter(_of_version(clause, text)).values("model"))
    if clause.kind == "attribute" and clause.key not in MODELS:
        raise unknown(clause, {*OF_VERSION, *MODELS}, VERSION_RELATED, text)
    return Q(condition(clause, MODELS, MODEL_RELATED, text))

"""Models and their versions."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from audit.replay.attest import Row
from audit.replay.story import Body, Kind, Word
from core import canonical
from registry import data_policy, outcome_values
from registry.frozen import COLUMNS, frozen
from registry.models import ModelVersion, RegisteredModel, VersionFact
from registry.models.registered import RiskTier
from registry.replayed.columns import Table
from registry.replayed.readers import Reader, brief, gone, says
from registry.stages import Stage


def person_word(key: int | None) -> str:
    """Return a person by her key, as the ledger tells of her."""
    return f"user {key}" if key else "nobody known"


def by_whom(body: Body) -> str:
    """Return who did it, as `person_word`."""
    return person_word(body["actor"]["id"])


def _json(value: object) -> str:
    return canonical.dump(value).decode()


GONE: dict[str, Reader] = {"model.deleted": gone}
TABLE = Table(lambda: RegisteredModel.objects.live().order_by("pk"), ("uuid",), "{}".format)


def _field(name: str, column: str, words: str, first: object) -> None:
    """Add the kind of one field of models that is set at creation and changed by updates."""
    tells = {"model.created": says(lambda _: first), "model.updated": says(lambda body: body["after"].get(column))}
    TABLE.kind(name, words, {**tells, **GONE}, column)


def _setting(name: str, column: str, first: str) -> None:
    """Add the kind of a document that updates set whole, `first` where nobody did."""

    def changed(body: Body) -> Iterator[Word]:
        if column in body["after"]:
            yield Word(body["object"]["id"], _json(body["after"][column]))

    tells = {"model.created": says(lambda _: first), "model.updated": changed, **GONE}
    TABLE.kind(name, f"{name} of model", tells, column, word=_json)


def _described(body: Body) -> Iterator[Word]:
    if "description" in body["after"]:
        yield Word(body["object"]["id"], brief(body["after"]["description"]))


TABLE.kind(
    "name", "name of model",
    {
        "model.created": says(lambda body: body["object"]["label"]),
        "model.renamed": says(lambda body: body["after"]["name"]),
        **GONE,
    },
    "name",
)  # fmt: skip
TABLE.kind("owner", "owner of model", {"model.created": says(by_whom), **GONE}, "owner_id", word=person_word)
_field("tier", "risk_tier", "risk tier of model", RiskTier.MEDIUM)
_field("restriction", "restricted", "restriction of model", first=False)
_field("strictness", "strict_sources", "strict sources of model", first=False)
TABLE.kind(
    "model description", "description of model",
    {"model.created": _described, "model.updated": _described, **GONE}, "description", word=brief,
)  # fmt: skip
_setting("data policy", data_policy.FIELD, "{}")
_setting("outcome values", outcome_values.FIELD, "[]")
_protected = says(lambda body: _json(body["after"]["protected_aliases"][1:]))
TABLE.kind(
    "protection", "protected aliases of model",
    {"model.created": says(lambda _: "[]"), "alias.protected": _protected, "alias.released": _protected, **GONE},
    "protected_aliases", word=_json,
)  # fmt: skip
MODELS = TABLE.kinds


def _versions_gone(body: Body) -> Iterator[Word]:
    for number in body["before"]["versions"]:
        yield Word(f"{body['model']}/{number}", None)


def _author(body: Body) -> Iterator[Word]:
    if "author" in body["facts"]:
        yield Word(body["object"]["id"], person_word(body["facts"]["author"]))


def _card(body: Body) -> Iterator[Word]:
    yield Word(body["object"]["id"], f"{body['after']['state']} {body['facts']['card']}")


def _card_word(state: str | None, sections: object) -> str | None:
    return None if state is None else f"{state} {canonical.digest(sections)}"


def _writer_word(key: int | None) -> str | None:
    return person_word(key) if key else None


def _review_word(reviewer: int | None, at: object, words: str | None) -> str | None:
    return f"{person_word(reviewer)}: {brief(words or '')}" if reviewer or at or words else None


def _frozen(body: Body) -> Iterator[Word]:
    if said := body["facts"].get("frozen"):
        yield Word(body["object"]["id"], _json(said))


def _frozen_word(*values: Any) -> str:
    return _json(frozen(dict(zip(COLUMNS, values, strict=True))))


ENDS: dict[str, Reader] = {"version.deleted": gone, "model.deleted": _versions_gone}
VERSION_TABLE = Table(lambda: ModelVersion.objects.live().order_by("pk"), ("model__uuid", "version"), "{}/{}".format)
VERSION_TABLE.kind(
    "stage", "stage of",
    {
        "version.registered": says(lambda _: Stage.NONE),
        "version.stage.changed": says(lambda body: body["after"]["stage"]),
        **ENDS,
    },
    "stage",
)  # fmt: skip
VERSION_TABLE.kind(
    "files", "files of", {"version.registered": says(lambda body: body["after"]["manifest"] or ""), **ENDS},
    Coalesce("manifest__digest", Value("")),
)  # fmt: skip
VERSION_TABLE.kind(
    "registrant", "who registered", {"version.registered": says(by_whom), **ENDS}, "registered_by_id",
    word=person_word,
)  # fmt: skip
VERSION_TABLE.kind(
    "author", "who trained", {"version.registered": _author, **ENDS}, "run_author_id", word=person_word, complete=False
)
VERSION_TABLE.kind(
    "registration", "registration of", {"version.registered": _frozen, **ENDS}, *COLUMNS, word=_frozen_word,
    complete=False,
)  # fmt: skip
VERSION_TABLE.kind(
    "description", "description of", {"version.registered": _described, "version.updated": _described, **ENDS},
    "description", word=brief,
)  # fmt: skip
VERSION_TABLE.kind(
    "number", "semantic number of",
    {
        "version.registered": says(lambda body: body["after"].get("semver", "")),
        "version.semver.set": says(lambda body: body["after"]["semver"]),
        **ENDS,
    },
    "semver",
)  # fmt: skip
VERSION_TABLE.kind(
    "lock", "environment lock of", {"version.locked": says(lambda body: body["after"]["lock"]), **ENDS},
    "environment", word=lambda environment: str(environment.get("lock", "")), complete=False,
)  # fmt: skip
CARDED = Q(card__isnull=False)
VERSION_TABLE.kind(
    "card", "model card of", {"card.written": _card, "card.reviewed": _card, **ENDS}, "card__state", "card__sections",
    word=_card_word, among=CARDED,
)  # fmt: skip
VERSION_TABLE.kind(
    "card writer", "who wrote the model card of", {"card.written": says(by_whom), **ENDS}, "card__edited_by_id",
    word=_writer_word, among=CARDED,
)  # fmt: skip
VERSION_TABLE.kind(
    "card review", "who reviewed the model card of",
    {"card.written": gone, "card.reviewed": says(lambda body: f"{by_whom(body)}: {brief(body['comment'])}"), **ENDS},
    "card__reviewed_by_id", "card__reviewed_at", "card__words", word=_review_word, among=CARDED,
)  # fmt: skip


def _examined(body: Body) -> Iterator[Word]:
    said = body["after"]
    yield Word(f"{body['object']['id']}/{said['fact']}", _finding(good=said["good"], words=said["words"]))


def _finding(*, good: bool, words: str) -> str:
    return f"{'good' if good else 'not good'}: {words}"


def _examined_gone(body: Body) -> Iterator[Word]:
    yield Word(f"{body['object']['id']}/", None, all=True)


def _facts(versions: QuerySet[ModelVersion]) -> Iterator[tuple[str, str]]:
    rows = VersionFact.objects.filter(version__in=versions).order_by("pk")
    names = ("version__model__uuid", "version__version", "kind", "good", "words")
    for model, number, kind, good, words in rows.values_list(*names).iterator():
        yield f"{model}/{number}/{kind}", _finding(good=good, words=words)


FACT = Kind(
    "fact", "what was found out about",
    {"version.examined": _examined, "version.deleted": _examined_gone, "model.deleted": _examined_gone},
    lambda: _facts(ModelVersion.objects.live()),
)  # fmt: skip
VERSIONS = (*VERSION_TABLE.kinds, FACT)


def rows_of_versions(found: QuerySet[ModelVersion]) -> Iterator[Row]:
    """Yield every row of these versions that the ledger tells of."""
    yield from VERSION_TABLE.rows(found)
    yield from ((FACT, *row) for row in _facts(found))

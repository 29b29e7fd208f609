"""Models and their versions."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from audit.replay.story import Body, Kind, Word, by_key
from core import canonical
from registry import data_policy, outcome_values
from registry.models import ModelCard, ModelVersion, RegisteredModel, VersionFact
from registry.models.registered import RiskTier
from registry.replayed.readers import Reader, gone, says
from registry.stages import Stage


def _versions_gone(body: Body) -> Iterator[Word]:
    for number in body["before"]["versions"]:
        yield Word(f"{body['model']}/{number}", None)


def _field(name: str, column: str, words: str, first: object) -> Kind:
    """Return the kind of one field of models that is set at creation and changed by updates."""
    rows = by_key(lambda: RegisteredModel.objects.live().order_by("pk").values_list("uuid", column), "{}")
    tells = {
        "model.created": says(lambda _: first),
        "model.updated": says(lambda body: body["after"].get(column)),
        "model.deleted": gone,
    }
    return Kind(name, words, tells, rows)


def _setting(name: str, field: str, label: str, first: str) -> Kind:
    """Return the kind of a document that `model.updated` sets, `first` where nobody did."""

    def changed(body: Body) -> Iterator[Word]:
        if field in body["after"]:
            yield Word(body["object"]["id"], canonical.dump(body["after"][field]).decode())

    def rows() -> Iterator[tuple[str, str]]:
        for key, said in RegisteredModel.objects.live().order_by("pk").values_list("uuid", field).iterator():
            yield str(key), canonical.dump(said).decode()

    told = {"model.created": says(lambda _: first), "model.updated": changed, "model.deleted": gone}
    return Kind(name, label, told, rows)


def _aliases_protected(body: Body) -> object:
    return canonical.dump(body["after"]["protected_aliases"][1:]).decode()


def _protected_rows() -> Iterator[tuple[str, str]]:
    for key, names in RegisteredModel.objects.live().order_by("pk").values_list("uuid", "protected_aliases").iterator():
        yield str(key), canonical.dump(names).decode()


MODELS = (
    Kind(
        "name", "name of model",
        {
            "model.created": says(lambda body: body["object"]["label"]),
            "model.renamed": says(lambda body: body["after"]["name"]),
            "model.deleted": gone,
        },
        by_key(lambda: RegisteredModel.objects.live().order_by("pk").values_list("uuid", "name"), "{}"),
    ),
    Kind(
        "owner", "owner of model",
        {"model.created": says(lambda body: f"user {body['actor']['id']}"), "model.deleted": gone},
        lambda: ((str(key), f"user {owner}") for key, owner in _owners().iterator()),
    ),
    _field("tier", "risk_tier", "risk tier of model", RiskTier.MEDIUM),
    _field("restriction", "restricted", "restriction of model", first=False),
    _field("strictness", "strict_sources", "strict sources of model", first=False),
    _setting("data policy", data_policy.FIELD, "data policy of model", "{}"),
    _setting("outcome values", outcome_values.FIELD, "outcome values of model", "[]"),
    Kind(
        "protection", "protected aliases of model",
        {
            "model.created": says(lambda _: "[]"),
            "alias.protected": says(_aliases_protected),
            "alias.released": says(_aliases_protected),
            "model.deleted": gone,
        },
        _protected_rows,
    ),
)  # fmt: skip


def _owners() -> QuerySet[Any, tuple[Any, ...]]:
    return RegisteredModel.objects.live().order_by("pk").values_list("uuid", "owner_id")


def _live(*values: Any) -> Callable[[], QuerySet[Any, tuple[Any, ...]]]:
    return lambda: ModelVersion.objects.live().order_by("pk").values_list("model__uuid", "version", *values)


def _author(body: Body) -> Iterator[Word]:
    if "author" in body["facts"]:
        yield Word(body["object"]["id"], person_word(body["facts"]["author"]))


def _authors() -> Iterator[tuple[str, str]]:
    for model, number, person in _live("run_author_id")().iterator():
        yield f"{model}/{number}", person_word(person)


def person_word(key: int | None) -> str:
    """Return a person by her key, as the ledger tells of her."""
    return f"user {key}" if key else "nobody known"


def _registrants() -> Iterator[tuple[str, str]]:
    for model, number, person in _live("registered_by_id")().iterator():
        yield f"{model}/{number}", f"user {person}"


def _examined(body: Body) -> Iterator[Word]:
    said = body["after"]
    yield Word(f"{body['object']['id']}/{said['fact']}", f"{'good' if said['good'] else 'not good'}: {said['words']}")


def _examined_gone(body: Body) -> Iterator[Word]:
    yield Word(f"{body['object']['id']}/", None, all=True)


def _fact_rows() -> Iterator[tuple[str, str]]:
    rows = VersionFact.objects.filter(version__deleted_at=None, version__model__deleted_at=None).order_by("pk")
    names = ("version__model__uuid", "version__version", "kind", "good", "words")
    for model, number, kind, good, words in rows.values_list(*names).iterator():
        yield f"{model}/{number}/{kind}", f"{'good' if good else 'not good'}: {words}"


def _card(body: Body) -> Iterator[Word]:
    yield Word(body["object"]["id"], f"{body['after']['state']} {body['facts']['card']}")


def _card_rows() -> Iterator[tuple[str, str]]:
    rows = ModelCard.objects.filter(version__deleted_at=None, version__model__deleted_at=None).order_by("pk")
    names = ("version__model__uuid", "version__version", "state", "sections")
    for model, number, state, sections in rows.values_list(*names).iterator(chunk_size=500):
        yield f"{model}/{number}", f"{state} {canonical.digest(sections)}"


def _locked_rows() -> Iterator[tuple[str, str]]:
    for model, number, environment in _live("environment")().iterator(chunk_size=500):
        yield f"{model}/{number}", str(environment.get("lock", ""))


ENDS: dict[str, Reader] = {"version.deleted": gone, "model.deleted": _versions_gone}
VERSIONS = (
    Kind(
        "stage", "stage of",
        {
            "version.registered": says(lambda _: Stage.NONE),
            "version.stage.changed": says(lambda body: body["after"]["stage"]),
            **ENDS,
        },
        by_key(_live("stage"), "{}/{}"),
    ),
    Kind(
        "files", "files of",
        {"version.registered": says(lambda body: body["after"]["manifest"] or ""), **ENDS},
        by_key(_live(Coalesce("manifest__digest", Value(""))), "{}/{}"),
    ),
    Kind(
        "registrant", "who registered",
        {"version.registered": says(lambda body: f"user {body['actor']['id']}"), **ENDS}, _registrants,
    ),
    Kind("author", "who trained", {"version.registered": _author, **ENDS}, _authors, complete=False),
    Kind(
        "fact",
        "what was found out about",
        {"version.examined": _examined, "version.deleted": _examined_gone, "model.deleted": _examined_gone},
        _fact_rows,
    ),
    Kind("card", "model card of", {"card.written": _card, "card.reviewed": _card, **ENDS}, _card_rows),
    Kind(
        "lock", "environment lock of",
        {"version.locked": says(lambda body: body["after"]["lock"]), **ENDS}, _locked_rows, complete=False,
    ),
)  # fmt: skip

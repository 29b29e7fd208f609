"""What belongs to a model: aliases, rights, metric thresholds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from audit.replay.story import Body, Kind, Word, by_key
from registry.grants import WORDS
from registry.models import Alias, MetricThreshold, RegisteredModelGroupPermission, RegisteredModelUserPermission
from registry.replayed.readers import Reader


def _alias_set(body: Body) -> Iterator[Word]:
    yield Word(f"{body['model']}/{body['after']['alias']}", str(body["after"]["version"]))


def _alias_deleted(body: Body) -> Iterator[Word]:
    yield Word(f"{body['model']}/{body['before']['alias']}", None)


def _aliases_lost(body: Body) -> Iterator[Word]:
    for name in body["before"]["aliases"]:
        yield Word(f"{body['model']}/{name}", None)


def _grant(said: Callable[[Body], Any], value: str | None) -> Reader:
    def read(body: Body) -> Iterator[Word]:
        grant = said(body)
        yield Word(f"{body['model']}/{grant['kind']}/{grant['name']}/{grant['right']}", value)

    return read


def _grant_rows() -> Iterator[tuple[str, str]]:
    people = RegisteredModelUserPermission.objects.values_list(
        "content_object__uuid", "user__username", "permission__codename"
    )
    groups = RegisteredModelGroupPermission.objects.values_list(
        "content_object__uuid", "group__name", "permission__codename"
    )
    for kind, rows in (("person", people), ("group", groups)):
        for model, name, code in rows.order_by("pk").iterator():
            yield f"{model}/{kind}/{name}/{WORDS.get(code, code)}", "given"


def _thresholds(part: str) -> Reader:
    def read(body: Body) -> Iterator[Word]:
        if said := body[part].get("threshold"):
            yield Word(f"{body['model']}/{said}", _need(body[part].get("required")) if part == "after" else None)

    return read


def _need(required: object) -> str:
    return "required" if required else "advice"


def _threshold_set(body: Body) -> Iterator[Word]:
    if body["before"].get("threshold") != body["after"]["threshold"]:
        yield from _thresholds("before")(body)
    yield from _thresholds("after")(body)


def limits_of(found: QuerySet[MetricThreshold], *more: str) -> QuerySet[Any, Any]:
    """Return what `limits_said` reads of metric thresholds, in a stable order, with `more` before it."""
    return found.order_by("pk").values_list(*more, "metric", "comparison", "value", "required")


def limits_said(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, str]]:
    """Yield what each threshold says and whether it has to hold."""
    for metric, comparison, value, required in rows:
        yield str(MetricThreshold(metric=metric, comparison=comparison, value=value)), _need(required)


def _threshold_rows() -> Iterator[tuple[str, str]]:
    for model, *row in limits_of(MetricThreshold.objects.all(), "model__uuid").iterator():
        yield from ((f"{model}/{said}", need) for said, need in limits_said([row]))


BELONGINGS = (
    Kind(
        "alias", "alias of",
        {
            "alias.set": _alias_set, "alias.deleted": _alias_deleted, "version.deleted": _aliases_lost,
            "model.deleted": lambda body: [Word(f"{body['model']}/", None, all=True)],
        },
        by_key(lambda: Alias.objects.order_by("pk").values_list("model__uuid", "name", "version__version"), "{}/{}"),
    ),
    Kind(
        "grant", "right on",
        {
            "grant.given": _grant(lambda body: body["after"], "given"),
            "grant.removed": _grant(lambda body: body["before"], None),
        },
        _grant_rows,
    ),
    Kind(
        "threshold", "metric threshold of",
        {"model.threshold.set": _threshold_set, "model.threshold.deleted": _thresholds("before")},
        _threshold_rows,
    ),
)  # fmt: skip

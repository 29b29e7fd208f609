"""Searches runs by attributes, metrics, params and tags, in MLflow's grammar."""

from collections.abc import Sequence

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast

from accounts.actors import Actor
from core.refusals import Invalid
from registry.authorship import require_reading
from registry.experiments import number_of, view_of
from registry.filters import Order, Value, parse_filter, parse_order
from registry.models import Metric, Param, Run, RunInput, RunTag
from registry.models.tracking import NAN
from registry.paging import Column, Listing, Page, by, check_size, page
from registry.restricted import shown
from registry.search import LISTED, NUMBER, TAG_WORDS, Asked, Field, Related, address, beside, comparison, condition

KINDS = {
    **TAG_WORDS,
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
DATASET = {
    "name": Cast(KeyTextTransform("name", KeyTransform("dataset", "body")), TextField()),
    "digest": Cast(KeyTextTransform("digest", KeyTransform("dataset", "body")), TextField()),
    "context": F("context"),
}
ANYTHING = Q()
NAMED = ("name", "run_name", "run name", "Run name", "Run Name")
FIELDS = {
    "run_id": Field("run_id", LISTED),
    "status": Field("status"),
    "user_id": Field("author__username"),
    "start_time": Field("start_time", NUMBER),
    "created": Field("start_time", NUMBER),
    "Created": Field("start_time", NUMBER),
    "end_time": Field("end_time", NUMBER),
    "artifact_uri": Field("artifact_uri"),
    **{name: Field("name") for name in NAMED},
}
COMPUTED = {"artifact_uri": address("experiment_id", "/", "run_id", "/artifacts")}


def search_runs(experiment_ids: Sequence[str], asked: Asked, *, view: str, actor: Actor) -> Page[Run]:
    """Return the page of runs of these experiments, newest first unless ordered otherwise."""
    require_reading(actor)
    size = check_size(asked.max_results, default=1000, limit=50_000)
    numbers = [number_of(text) for text in experiment_ids]
    rows = shown(Run.objects.filter(experiment__in=numbers, lifecycle_stage__in=view_of(view)), actor=actor)
    rows = rows.alias(**COMPUTED)
    related = {"tag": beside(RunTag, "run"), "param": beside(Param, "run"), "metric": measured("run"), "dataset": _read}
    for clause in parse_filter(asked.filter, KINDS):
        rows = rows.filter(condition(clause, FIELDS, related, asked.filter))
    ordered = (column for entry in asked.order_by for column in _columns(parse_order(entry, KINDS)))
    columns = (*ordered, *by("-start_time", "run_id"))
    listing = Listing(("runs", asked.filter, sorted(numbers), view), columns, size, asked.token)
    return page(rows.select_related("author"), listing)


def _read(key: str, operator: str, value: Value) -> Exists:
    """Compare a data set that the run read."""
    if key not in DATASET:
        raise Invalid(f"Invalid dataset key '{key[:80]}': compare {', '.join(DATASET)}.", field="filter")
    read = RunInput.objects.filter(run=OuterRef("pk"), kind="dataset").alias(word=DATASET[key])
    return Exists(read.filter(comparison("word", operator, value)))


def measured(owner: str, on: Q = ANYTHING) -> Related:
    """Return how to compare the newest value of a metric, `on` some data sets; NaN is unequal to every number."""

    def related(key: str, operator: str, value: Value) -> Exists:
        newest = Subquery(newest_of(owner, key, OuterRef(OuterRef("pk")), on).values("pk")[:1])
        nan = Q(special=NAN)
        fits = comparison("value", operator, value)
        return Exists(Metric.objects.filter(fits | nan if operator == "!=" else fits & ~nan, pk=newest))

    return related


def newest_of(owner: str, key: str, outer: OuterRef, on: Q = ANYTHING) -> QuerySet[Metric]:
    """Return the values of a metric of the row around, the newest first."""
    return Metric.objects.filter(on, Q(**{owner: outer}), key=key).order_by("-step", "-timestamp", "-value", "-pk")


def by_metric(name: str, newest: QuerySet[Metric], *, descending: bool) -> tuple[Column, Column]:
    """Return the columns that order by the value of `newest`: numbers and infinities, then NaN, then none at all."""
    nan = Case(When(special=NAN, then=1), default=0)
    rank = Subquery(newest.values_list(nan)[:1])
    value = Subquery(newest.values("value")[:1])
    return Column(f"{name} NaN", computed=rank, nullable=True), Column(name, descending, value, nullable=True)


def _columns(order: Order) -> tuple[Column, ...]:
    outer = OuterRef("pk")
    if order.kind == "attribute":
        known = FIELDS.get(order.key)
        if known is None:
            raise Invalid(f"Invalid order_by clause: {order.key[:80]} is no column of a run.", field="order_by")
        nullable = known.path == "end_time"
        return (Column(known.path, order.descending, COMPUTED.get(known.path), nullable=nullable),)
    if order.kind == "dataset":
        raise Invalid("Invalid order_by clause: runs are not ordered by data sets.", field="order_by")
    name = f"{order.kind} {order.key}"
    if order.kind == "metric":
        return by_metric(name, newest_of("run", order.key, outer), descending=order.descending)
    rows = RunTag.objects if order.kind == "tag" else Param.objects
    value = Subquery(rows.filter(run=outer, key=order.key).values("value")[:1])
    return (Column(name, order.descending, value, nullable=True),)

"""Pages by key: each row once, whatever is written between two pages; a token is good for its own search only."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from accounts.actors import Actor
from core.refusals import Invalid
from registry import experiments, logged_models, measurements, registered, run_search, runs, search, versions
from registry.measurements import Batch, Measurement
from registry.models import Experiment, LoggedModel, ModelVersion, RegisteredModel, Run
from registry.paging import Page
from registry.search import Asked
from tests.factories import make_model

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
SAME = datetime(2026, 11, 24, tzinfo=UTC)
Look = Callable[[Asked], Page[str]]


def names(page: Page[Any], name: Callable[[Any], object]) -> Page[str]:
    return Page([str(name(row)) for row in page.rows], page.next_token)


def looks(actor: Actor) -> dict[str, Look]:
    def of(read: Callable[..., Page[Any]], key: str, **more: str) -> Look:
        return lambda asked: names(read(asked, actor=actor, **more), lambda row: getattr(row, key))

    def in_default(read: Callable[..., Page[Any]], **more: str) -> Look:
        return lambda asked: names(read(["0"], asked, actor=actor, **more), lambda row: row.pk)

    return {
        "models": of(search.search_models, "name"),
        "versions": of(search.search_versions, "pk"),
        "experiments": of(experiments.search_experiments, "name", view="ALL"),
        "runs": in_default(run_search.search_runs, view="ACTIVE_ONLY"),
        "logged": in_default(logged_models.search_logged_models),
    }


@pytest.fixture
def many(dana: Actor) -> dict[str, Look]:
    """Seven of each thing; most changed at the same moment, some runs without the metric, the param, an end."""
    for n in range(7):
        model = make_model(dana, f"model {n}")
        versions.register_version(model, versions.Registration("s3://x/1"), actor=dana)
        versions.register_version(model, versions.Registration("s3://x/2"), actor=dana)
        experiments.create_experiment(f"experiment {n}", actor=dana)
        run = runs.create_run(Experiment.objects.get(pk=0), actor=dana, name=f"run {n}", start_time=n // 3)
        if n % 3:
            batch = Batch([Measurement("auc", n / 7, 1)], [("depth", str(n % 2))], {"team": "risk"})
            measurements.log_batch(run, batch, actor=dana)
            runs.update_run(run, actor=dana, end_time=5)
        logged_models.create_logged_model(run.experiment, name="one", actor=dana)
    for kind in (RegisteredModel, ModelVersion, Experiment, LoggedModel):
        kind.objects.filter(pk__in=list(kind.objects.values_list("pk", flat=True)[2:])).update(updated_at=SAME)
    LoggedModel.objects.update(created_at=SAME)
    return looks(dana)


def disturb(actor: Actor, seen: set[str]) -> None:
    """Write one of each thing and delete those seen that can be: an offset would now skip and double."""
    model = make_model(actor, f"new {RegisteredModel.objects.count()}")
    versions.register_version(model, versions.Registration("s3://x/3"), actor=actor)
    experiments.create_experiment(f"a new {Experiment.objects.count()}", actor=actor)
    run = runs.create_run(Experiment.objects.get(pk=0), actor=actor, start_time=9)
    measurements.log_batch(run, Batch([Measurement("auc", 0.5, 1)]), actor=actor)
    logged_models.create_logged_model(run.experiment, actor=actor)
    for gone in RegisteredModel.objects.live().filter(name__in=seen)[:1]:
        registered.delete_model(gone, actor=actor)
    for old in Run.objects.filter(pk__in=seen)[:1]:
        runs.delete_run(old, actor=actor)


def walk(
    look: Look, order: tuple[str, ...], size: int, between: Callable[[set[str]], None], text: str = ""
) -> list[str]:
    """Return all rows, page by page; `between` writes five times at most, since its rows may come later."""
    found: list[str] = []
    token, left = "", 5
    while True:
        page = look(Asked(text, order, max_results=size, token=token))
        found += page.rows
        if not (token := page.next_token):
            return found
        if left:
            between(set(found))
        left = max(left - 1, 0)


ORDERS: dict[str, list[tuple[str, ...]]] = {
    "models": [(), ("timestamp",), ("last_updated_timestamp DESC", "name DESC")],
    "versions": [(), ("version_number DESC",), ("name", "creation_timestamp DESC")],
    "experiments": [(), ("name",), ("experiment_id DESC",)],
    "runs": [(), ("metrics.auc DESC",), ("metrics.auc",), ("end_time", "params.depth DESC"), ("tags.team", "name")],
    "logged": [(), ("name", "creation_timestamp DESC"), ("last_updated_timestamp",)],
}


@pytest.mark.parametrize(("what", "order"), [(what, order) for what, orders in ORDERS.items() for order in orders])
@pytest.mark.parametrize("size", [1, 3])
def test_each_row_is_shown_once_while_others_are_written(
    what: str, order: tuple[str, ...], size: int, many: dict[str, Look], dana: Actor
) -> None:
    before = many[what](Asked(order_by=order)).rows
    assert len(before) >= 7
    assert walk(many[what], order, size, lambda _: None) == before
    found = walk(many[what], order, size, lambda seen: disturb(dana, seen))
    assert len(found) == len(set(found))
    assert [row for row in found if row in before] == before


def test_the_versions_of_one_model_are_paged_by_key_too(dana: Actor) -> None:
    model = make_model(dana)
    for _ in range(5):
        versions.register_version(model, versions.Registration("s3://x/1"), actor=dana)
    ModelVersion.objects.update(updated_at=SAME)

    def more(_: set[str]) -> None:
        versions.register_version(model, versions.Registration("s3://x/1"), actor=dana)

    def look(asked: Asked) -> Page[str]:
        return names(search.search_versions(asked, actor=dana), lambda row: row.version)

    assert walk(look, (), 2, more, f"name = '{model.name}'") == ["5", "4", "3", "2", "1"]


def test_the_history_of_a_metric_is_paged_by_key(dana: Actor) -> None:
    run = runs.create_run(Experiment.objects.get(pk=0), actor=dana)
    batch = Batch([Measurement("loss", n / 4, timestamp, n) for n, timestamp in product(range(3), range(2))])
    measurements.log_batch(run, batch, actor=dana)
    whole = [row.pk for row in measurements.metric_history(run, "loss", actor=dana).rows]
    found, token = [], ""
    while True:
        page = measurements.metric_history(run, "loss", actor=dana, max_results=2, token=token)
        found += [row.pk for row in page.rows]
        if not (token := page.next_token):
            break
        measurements.log_metric(run, Measurement("loss", 1.0, -len(found)), actor=dana)
    assert found == whole


def test_a_token_is_good_for_its_own_search_only(many: dict[str, Look], dana: Actor, eli: Actor) -> None:
    token = many["versions"](Asked(max_results=2)).next_token
    assert many["versions"](Asked(max_results=5, token=token)).rows
    assert looks(eli)["versions"](Asked(token=token)).rows, "it holds nothing but a place"
    for other in (
        Asked("version_number > 0", token=token),
        Asked(order_by=("version_number",), token=token),
        Asked(order_by=("last_updated_timestamp",), token=token),
    ):
        with pytest.raises(Invalid, match="belongs to another search"):
            many["versions"](other)
    for what in set(many) - {"versions"}:
        with pytest.raises(Invalid, match="belongs to another search"):
            many[what](Asked(token=token))


def test_runs_of_other_experiments_or_deleted_ones_are_another_search(many: dict[str, Look], dana: Actor) -> None:
    token = many["runs"](Asked(max_results=2)).next_token
    for numbers, view in ((["1"], "ACTIVE_ONLY"), (["0"], "ALL")):
        with pytest.raises(Invalid, match="belongs to another search"):
            run_search.search_runs(numbers, Asked(token=token), view=view, actor=dana)


@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: "a" + t, lambda t: t.split(":")[0], lambda t: t + "é"])
def test_a_changed_token_is_refused(many: dict[str, Look], spoil: Callable[[str], str]) -> None:
    token = many["versions"](Asked(max_results=2)).next_token
    with pytest.raises(Invalid, match="Invalid page token"):
        many["versions"](Asked(token=spoil(token)))

"""Rows as MLflow's JSON: unset fields and empty lists left out, times in milliseconds, versions as strings."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Prefetch, prefetch_related_objects

from accounts.actors import Actor
from core.clock import millis
from registry import artifacts, reads
from registry.models import Alias, Experiment, LoggedModel, Metric, ModelVersion, RegisteredModel, Run
from registry.reads import VersionRead
from registry.restricted import tags_shown
from registry.webhooks.models import Delivery, DeliveryState, Webhook
from web.mlflow.wire import Json

Pairs = Iterable[tuple[str, str]]


def shape(**fields: object) -> Json:
    """Return `fields` without those that are None or an empty list."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def pairs(said: Pairs) -> list[Json]:
    """Return key and value messages."""
    return [{"key": key, "value": value} for key, value in said]


def registered_models(rows: Sequence[RegisteredModel]) -> list[Json]:
    """Return the models with tags, aliases and the latest version per stage, in as many queries for many as for one."""
    prefetch_related_objects(list(rows), "owner", "tags", Prefetch("aliases", Alias.objects.select_related("version")))
    newest = ModelVersion.objects.live().filter(model__in=rows).latest_by_stage().order_by("version")
    keys = newest.values_list("model", "pk")
    shown = {row.pk: row for row in reads.versions_now([key for _, key in keys])}
    latest: dict[int, list[VersionRead]] = defaultdict(list)
    for model, key in keys:
        if key in shown:
            latest[model].append(shown[key])
    return [_registered_model(row, latest[row.pk]) for row in rows]


def _registered_model(row: RegisteredModel, latest: list[VersionRead]) -> Json:
    aliases = [(alias.name, alias.version) for alias in row.aliases.all()]
    return shape(
        name=row.name,
        creation_timestamp=millis(row.created_at),
        last_updated_timestamp=millis(row.updated_at),
        user_id=row.owner.username,
        description=row.description or None,
        latest_versions=[model_version(version) for version in latest],
        tags=pairs((tag.key, tag.value) for tag in row.tags.all()),
        aliases=[{"alias": name, "version": str(at.version)} for name, at in aliases],
    )


def model_version(row: VersionRead) -> Json:
    """Return a version with tags and aliases."""
    return shape(
        name=row.name,
        version=str(row.version),
        creation_timestamp=row.created_ms,
        last_updated_timestamp=row.updated_ms,
        user_id=row.registered_by,
        current_stage=row.stage,
        description=row.description or None,
        source=row.source,
        run_id=row.run_id or None,
        status=row.status,
        status_message=row.status_message or None,
        tags=[{"key": key, "value": value} for key, value in row.tags],
        run_link=row.run_link or None,
        aliases=row.aliases,
        model_id=row.logged_model_id or None,
    )


def experiment(row: Experiment) -> Json:
    """Return an experiment."""
    return shape(
        experiment_id=str(row.pk),
        name=row.name,
        artifact_location=f"mlflow-artifacts:/{row.pk}",
        lifecycle_stage=row.lifecycle_stage,
        last_update_time=millis(row.updated_at),
        creation_time=millis(row.created_at),
        tags=pairs(row.tags.items()),
    )


def run_info(row: Run) -> Json:
    """Return what a run is, without what it logged."""
    return shape(
        run_id=row.run_id,
        run_uuid=row.run_id,
        run_name=row.name,
        experiment_id=str(row.experiment_id),
        user_id=row.author.username,
        status=row.status,
        start_time=row.start_time,
        end_time=row.end_time,
        artifact_uri=f"mlflow-artifacts:/{artifacts.run_root(row)}",
        lifecycle_stage=row.lifecycle_stage,
    )


def run_list(rows: Sequence[Run]) -> list[Json]:
    """Return the runs whole, with the newest value of each metric, in as many queries for many as for one."""
    newest = Prefetch("metrics", Metric.objects.newest(), to_attr="newest")
    prefetch_related_objects(list(rows), "author", "params", "tags", "inputs", "outputs", newest)
    return [_run(row) for row in rows]


def _run(row: Run) -> Json:
    newest: list[Metric] = row.newest  # type: ignore[attr-defined]  # see the prefetch
    inputs = list(row.inputs.all())
    return {
        "info": run_info(row),
        "data": shape(
            metrics=[metric(value) for value in newest],
            params=pairs((param.key, param.value) for param in row.params.all()),
            tags=pairs((tag.key, tag.value) for tag in row.tags.all()),
        ),
        "inputs": shape(
            dataset_inputs=[one.body for one in inputs if one.kind == "dataset"],
            model_inputs=[{"model_id": one.key} for one in inputs if one.kind == "model"],
        ),
        "outputs": shape(model_outputs=[{"model_id": one.model_id, "step": one.step} for one in row.outputs.all()]),
    }


def metric(row: Metric) -> Json:
    """Return one value; NaN and infinities as words."""
    return shape(
        key=row.key,
        value=row.special or row.value,
        timestamp=row.timestamp,
        step=row.step,
        dataset_name=row.dataset.get("name"),
        dataset_digest=row.dataset.get("digest"),
        model_id=row.logged_model_id or None,
        run_id=row.run_id,
    )


def logged_models(rows: Sequence[LoggedModel], actor: Actor) -> list[Json]:
    """Return logged models as the actor may see them, with the newest metrics of each."""
    ids = [row.pk for row in rows]
    measured: dict[str, list[Json]] = {}
    for value in Metric.objects.filter(logged_model_id__in=ids).newest("logged_model_id") if ids else ():
        measured.setdefault(value.logged_model_id, []).append(metric(value))
    tags = tags_shown(rows, actor=actor)
    return [_logged_model(row, tags[row.pk], measured.get(row.pk, [])) for row in rows]


def _logged_model(row: LoggedModel, tags: dict[str, str], measured: list[Json]) -> Json:
    info = shape(
        model_id=row.pk,
        experiment_id=str(row.experiment_id),
        name=row.name,
        creation_timestamp_ms=millis(row.created_at),
        last_updated_timestamp_ms=millis(row.updated_at),
        artifact_uri=f"mlflow-artifacts:/{artifacts.logged_model_root(row)}",
        status=row.status,
        model_type=row.model_type or None,
        source_run_id=row.source_run_id,
        tags=pairs(tags.items()),
    )
    return {"info": info, "data": shape(params=pairs(row.params.items()), metrics=measured)}


def webhook(row: Webhook) -> Json:
    """Return a webhook; its secret is never among it."""
    return shape(
        webhook_id=str(row.pk),
        name=row.name,
        description=row.description or None,
        url=row.url,
        events=[dict(zip(("entity", "action"), event.upper().split("."), strict=True)) for event in row.events],
        status="ACTIVE" if row.active else "DISABLED",
        creation_timestamp=millis(row.created_at),
        last_updated_timestamp=millis(row.updated_at),
    )


def webhook_test(row: Delivery) -> Json:
    """Return what came of a test."""
    return shape(
        success=row.state == DeliveryState.DELIVERED,
        response_status=row.status,
        response_body=row.answer or None,
        error_message=f"Failed to test webhook: {row.error}" if row.error else None,
    )

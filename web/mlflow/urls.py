"""Addresses of the MLflow-compatible REST below `/api/` and `/ajax-api/`, two beside them, and what answers each."""

from django.urls import URLPattern, path

from web.mlflow import (
    artifacts,
    experiments,
    logged_models,
    model_versions,
    registered_models,
    registry_webhooks,
    runs,
    server_info,
    uploads,
    webhooks,
    workspace,
)
from web.mlflow.wire import wire

REGISTRY = {  # what is called most comes first, as that is how it is looked for
    "model-versions/get": wire(GET=model_versions.get),
    "model-versions/get-download-uri": wire(GET=model_versions.download_uri),
    "registered-models/alias": wire(
        GET=registered_models.get_alias, POST=registered_models.set_alias, DELETE=registered_models.delete_alias
    ),
    "model-versions/search": wire(GET=model_versions.find),
    "model-versions/create": wire(POST=model_versions.create),
    "model-versions/transition-stage": wire(POST=model_versions.transition_stage),
    "registered-models/create": wire(POST=registered_models.create),
    "registered-models/get": wire(GET=registered_models.get),
    "registered-models/update": wire(PATCH=registered_models.update),
    "registered-models/rename": wire(POST=registered_models.rename),
    "registered-models/delete": wire(DELETE=registered_models.delete),
    "registered-models/search": wire(GET=registered_models.find),
    "registered-models/get-latest-versions": wire(
        GET=registered_models.latest_versions, POST=registered_models.latest_versions
    ),
    "registered-models/set-tag": wire(POST=registered_models.set_tag),
    "registered-models/delete-tag": wire(DELETE=registered_models.delete_tag),
    "model-versions/update": wire(PATCH=model_versions.update),
    "model-versions/delete": wire(DELETE=model_versions.delete),
    "model-versions/set-tag": wire(POST=model_versions.set_tag),
    "model-versions/delete-tag": wire(DELETE=model_versions.delete_tag),
}

TRACKING = {
    "experiments/create": wire(POST=experiments.create),
    "experiments/get": wire(GET=experiments.get),
    "experiments/get-by-name": wire(GET=experiments.get_by_name),
    "experiments/search": wire(GET=experiments.find, POST=experiments.find),
    "experiments/update": wire(POST=experiments.update),
    "experiments/delete": wire(POST=experiments.delete),
    "experiments/restore": wire(POST=experiments.restore),
    "experiments/set-experiment-tag": wire(POST=experiments.set_tag),
    "experiments/delete-experiment-tag": wire(POST=experiments.delete_tag),
    "runs/create": wire(POST=runs.create),
    "runs/get": wire(GET=runs.get),
    "runs/update": wire(POST=runs.update),
    "runs/delete": wire(POST=runs.delete),
    "runs/restore": wire(POST=runs.restore),
    "runs/search": wire(POST=runs.find),
    "runs/log-metric": wire(POST=runs.log_metric),
    "runs/log-parameter": wire(POST=runs.log_param),
    "runs/log-batch": wire(POST=runs.log_batch),
    "runs/log-inputs": wire(POST=runs.log_inputs),
    "runs/outputs": wire(POST=runs.log_outputs),
    "runs/set-tag": wire(POST=runs.set_tag),
    "runs/delete-tag": wire(POST=runs.delete_tag),
    "runs/log-model": wire(POST=runs.log_model),
    "metrics/get-history": wire(GET=runs.metric_history),
    "logged-models": wire(POST=logged_models.create),
    "logged-models/search": wire(POST=logged_models.find),
    "logged-models/<str:model_id>": wire(
        GET=logged_models.get, PATCH=logged_models.finalize, DELETE=logged_models.delete
    ),
    "logged-models/<str:model_id>/tags": wire(PATCH=logged_models.set_tags),
    "logged-models/<str:model_id>/tags/<path:tag_key>": wire(DELETE=logged_models.delete_tag),
    "logged-models/<str:model_id>/params": wire(POST=logged_models.log_params),
    "logged-models/<str:model_id>/artifacts/directories": wire(GET=logged_models.directories),
    "artifacts/list": wire(GET=artifacts.list_run),
}

ARTIFACTS = {
    "artifacts": wire(GET=artifacts.list_proxied),
    "artifacts/<path:path>": wire(GET=artifacts.get, PUT=artifacts.put, DELETE=artifacts.delete),
    "mpu/create/<path:folder>": wire(POST=uploads.create),
    "mpu/complete/<path:folder>": wire(POST=uploads.complete),
    "mpu/abort/<path:folder>": wire(POST=uploads.abort),
    uploads.PART_ROUTE: uploads.part,
    "presigned/<path:path>": wire(GET=artifacts.presigned),
}

WEBHOOKS = {
    "webhooks": wire(GET=webhooks.find, POST=webhooks.create),
    "webhooks/<str:webhook_id>": wire(GET=webhooks.get, PATCH=webhooks.update, DELETE=webhooks.delete),
    "webhooks/<str:webhook_id>/test": wire(POST=webhooks.test),
}

WORKSPACE = {
    "transition-requests/create": wire(POST=workspace.create_request),
    "transition-requests/list": wire(GET=workspace.list_requests),
    "transition-requests/approve": wire(POST=workspace.approve),
    "transition-requests/reject": wire(POST=workspace.reject),
    "transition-requests/delete": wire(DELETE=workspace.delete_request),
    "comments/create": wire(POST=workspace.create_comment),
    "comments/update": wire(PATCH=workspace.update_comment),
    "comments/delete": wire(DELETE=workspace.delete_comment),
    "databricks/registered-models/get": wire(GET=workspace.get_model),
    "databricks/model-versions/transition-stage": wire(POST=workspace.transition_stage),
    "registered-models/list": wire(GET=registered_models.find),
    "registry-webhooks/create": wire(POST=registry_webhooks.create),
    "registry-webhooks/list": wire(GET=registry_webhooks.find),
    "registry-webhooks/update": wire(PATCH=registry_webhooks.update),
    "registry-webhooks/delete": wire(DELETE=registry_webhooks.delete),
    "registry-webhooks/test": wire(POST=registry_webhooks.test),
}

beside = [  # where MLflow's server has them, below no `/api/`
    path("get-artifact", wire(GET=artifacts.get_of_run)),
    path("model-versions/get-artifact", wire(GET=artifacts.get_of_version)),
]
urlpatterns: list[URLPattern] = [
    *(path(f"2.0/mlflow/{route}", view) for route, view in {**REGISTRY, **TRACKING, **WEBHOOKS, **WORKSPACE}.items()),
    *(path(f"2.0/mlflow-artifacts/{route}", view) for route, view in ARTIFACTS.items()),
    path("3.0/mlflow/server-info", wire(GET=server_info.get)),
]

"""Addresses of own REST, below /api/v1/."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Scope
from web.rest import (
    alerts,
    audit,
    batch,
    cards,
    delegations,
    drift,
    endpoints,
    ingest,
    kpis,
    labels,
    metrics,
    mismatches,
    models,
    outcomes,
    pods,
    policies,
    requests,
    rollouts,
    runs,
    series,
    shapes,
    webhooks,
)
from web.rest.authentication import actor_of


@extend_schema(operation_id="read_me", responses={200: shapes.Me})
@api_view(["GET"])
def me(request: Request) -> Response:
    """Say who the token stands for and what it may do."""
    actor = actor_of(request)
    scopes = sorted(actor.scopes) if actor.scopes is not None else list(Scope)
    return Response(
        {"name": actor.name, "roles": sorted(actor.roles), "scopes": scopes, "permissions": sorted(actor.permissions)}
    )


urlpatterns = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("me", me, name="me"),
    path("models", models.models, name="models"),
    path("models/<str:name>", models.model, name="model"),
    path("models/<str:name>/versions", models.versions_of, name="versions"),
    path("models/<str:name>/compare", models.compare, name="compare"),
    path("models/<str:name>/history", models.model_history, name="history"),
    path("models/<str:name>/protected-aliases", models.protected_aliases, name="protected-aliases"),
    path("models/<str:name>/thresholds", models.threshold, name="threshold"),
    path("models/<str:name>/versions/<int:number>", models.version, name="version"),
    path("models/<str:name>/versions/<int:number>/card", cards.card, name="card"),
    path("models/<str:name>/versions/<int:number>/card/review", cards.review, name="review-card"),
    path("models/<str:name>/versions/<int:number>/annotations", models.annotations, name="annotations"),
    path("versions", models.found_versions, name="found-versions"),
    path("runs/<str:run_id>", runs.run, name="run"),
    path("moves", requests.moves, name="moves"),
    path("requests", requests.requests, name="requests"),
    path("requests/<int:number>", requests.one, name="request"),
    path("requests/<int:number>/decisions", requests.decide, name="decide"),
    path("requests/<int:number>/break-glass", requests.break_glass, name="break-glass"),
    path("requests/<int:number>/glass-review", requests.review_glass, name="review-glass"),
    path("requests/<int:number>/comments", requests.comments, name="comments"),
    path("requests/<int:number>/withdraw", requests.withdraw, name="withdraw"),
    path("delegation", delegations.delegation, name="delegation"),
    path("policies", policies.policies, name="policies"),
    path("policy-schema", policies.schema, name="policy-schema"),
    path("policies/<slug:name>", policies.policy, name="policy"),
    path("policies/<slug:name>/versions/<int:number>", policies.version, name="policy-version"),
    path("policies/<slug:name>/versions/<int:number>/dry-run", policies.dry, name="policy-dry-run"),
    path("policies/<slug:name>/versions/<int:number>/accept", policies.accept, name="accept-policy"),
    path("policies/<slug:name>/versions/<int:number>/turn-down", policies.turn_down, name="turn-policy-down"),
    path("ingest", ingest.ingest, name="ingest"),
    path("pods/<str:digest>/manifest", pods.manifest, name="pod-manifest"),
    path("pods/<str:digest>/files/<str:sha256>", pods.file, name="pod-file"),
    path("pods/<str:digest>/lock", pods.lock, name="pod-lock"),
    path("pods/<str:digest>/tokens", pods.tokens, name="pod-tokens"),
    path("pods/<str:digest>/feature-policy", pods.feature_policy, name="pod-feature-policy"),
    path("labels", labels.labels, name="labels"),
    path("endpoints/<slug:name>/outcomes", outcomes.endpoint_outcomes, name="endpoint-outcomes"),
    path("alert-rules-schema", alerts.schema, name="alert-rules-schema"),
    path("endpoints/<slug:name>/alert-rules", alerts.rules, name="alert-rules"),
    path("endpoints/<slug:name>/alerts", alerts.alerts, name="alerts"),
    path(
        "endpoints/<slug:name>/alerts/<int:alert_id>/acknowledgement", alerts.acknowledgement, name="acknowledge-alert"
    ),
    path("endpoints/<slug:name>/drift", drift.endpoint_drift, name="endpoint-drift"),
    path("endpoints/<slug:name>/drift/acknowledgement", drift.acknowledgement, name="acknowledge-drift"),
    path("endpoints/<slug:name>/series", series.endpoint_series, name="endpoint-series"),
    path("endpoints", endpoints.endpoints, name="endpoints"),
    path("endpoints/<slug:name>", endpoints.endpoint, name="endpoint"),
    path("endpoints/<slug:name>/batch-jobs", batch.batch_jobs, name="batch-jobs"),
    path("endpoints/<slug:name>/batch-files", batch.batch_files, name="batch-files"),
    path("endpoints/<slug:name>/batch-schedules", batch.batch_schedules, name="batch-schedules"),
    path("endpoints/<slug:name>/batch-schedules/<int:number>/end", batch.end_schedule, name="end-batch-schedule"),
    path("endpoints/<slug:name>/batch-jobs/<int:number>", batch.batch_job, name="batch-job"),
    path("endpoints/<slug:name>/batch-jobs/<int:number>/cancel", batch.cancel, name="cancel-batch-job"),
    path("endpoints/<slug:name>/batch-jobs/<int:number>/<str:which>", batch.batch_file, name="batch-file"),
    path("endpoints/<slug:name>/capacity", endpoints.capacity, name="endpoint-capacity"),
    path("endpoints/<slug:name>/tokens", endpoints.tokens, name="endpoint-tokens"),
    path("endpoints/<slug:name>/tokens/<int:token_id>/revoke", endpoints.revoke, name="revoke-endpoint-token"),
    path("endpoints/<slug:name>/rollback", endpoints.roll_back, name="roll-back"),
    path("endpoints/<slug:name>/withdraw", endpoints.withdraw, name="withdraw-version"),
    path("running", endpoints.running, name="running"),
    path("rollouts", rollouts.rollouts, name="rollouts"),
    path("metrics", metrics.metrics, name="metrics"),
    path("rollouts/<int:number>", rollouts.rollout, name="rollout"),
    path("rollouts/<int:number>/kpis", kpis.numbers, name="kpis"),
    path("rollouts/<int:number>/disagreements", rollouts.disagreements, name="disagreements"),
    path("rollouts/<int:number>/cancel", rollouts.cancel, name="cancel-rollout"),
    path("rollouts/<int:number>/steer", rollouts.steer, name="steer"),
    path("rollouts/<int:number>/intervene", rollouts.intervene, name="intervene"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/<uuid:webhook_id>", webhooks.webhook, name="webhook"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.test, name="test-webhook"),
    path("webhooks/<uuid:webhook_id>/deliveries", webhooks.delivery_log, name="deliveries"),
    path("deliveries/<uuid:delivery_id>/redeliver", webhooks.redeliver, name="redeliver"),
    path("audit/events", audit.events, name="events"),
    path("audit/events/<int:seq>", audit.event, name="event"),
    path("audit/events/<int:seq>/proof", audit.prove, name="prove"),
    path("audit/mismatches", mismatches.mismatches, name="mismatches"),
    path("audit/mismatches/<int:number>", mismatches.mismatch, name="mismatch"),
    path("audit/mismatches/<int:number>/settle", mismatches.settle, name="settle-mismatch"),
    path("audit/checkpoint", audit.checkpoint, name="checkpoint"),
]

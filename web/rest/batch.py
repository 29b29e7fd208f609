"""Own REST: files that are scored by what an endpoint serves."""

from collections.abc import Mapping
from typing import IO, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, parser_classes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import Refusal
from deployments import endpoints
from deployments.batch import jobs, schedules
from deployments.batch.jobs import Wish
from deployments.models import BatchJob
from deployments.states import BatchState
from web import files
from web.rest.authentication import actor_of
from web.rest.batch_shapes import BatchJobShape, BatchScheduleShape, CancelBatch, NewBatchJob, NewBatchSchedule
from web.rest.models import REFUSALS
from web.rest.openapi import PAGE_SIZE, place
from web.rest.reading import checked, limit_of, one_of, text_of, whole


class BytesParser(BaseParser):
    """Leaves the body where it is: it is read piece by piece as it is kept."""

    media_type = "application/octet-stream"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return nothing."""
        del stream, media_type, parser_context
        return {}


@extend_schema(
    methods=["GET"],
    operation_id="list_batch_jobs",
    responses={200: BatchJobShape(many=True)},
    parameters=[OpenApiParameter("state", str, enum=list(BatchState)), place("before"), PAGE_SIZE],
)
@extend_schema(
    methods=["POST"],
    operation_id="score_stored_file",
    request=NewBatchJob,
    responses={201: BatchJobShape, **REFUSALS},
)
@api_view(["GET", "POST"])
def batch_jobs(request: Request, name: str) -> Response:
    """List the files that were scored, newest first; or have one of the artifact store scored.

    The same file for the same version, while it is under way, is the same job.
    """
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    if request.method == "POST":
        asked = checked(NewBatchJob, request)
        wish = Wish(asked["result"], asked["id_column"])
        return Response(BatchJobShape(jobs.score_stored(found, asked["address"], wish, actor=actor)).data, status=201)
    rows = jobs.jobs_of(found)
    if state := one_of(request, "state", BatchState):
        rows = rows.filter(state=state)
    if before := whole(request, "before"):
        rows = rows.filter(pk__lt=before)
    return Response(BatchJobShape(rows[: limit_of(request)], many=True).data)


@extend_schema(
    operation_id="score_file",
    request={"application/octet-stream": OpenApiTypes.BINARY},
    responses={201: BatchJobShape, **REFUSALS},
    parameters=[
        OpenApiParameter("name", str, description="of the file, as people know it"),
        OpenApiParameter("result", str, enum=BatchJob.Kind.values, description="parquet where it is left out"),
        OpenApiParameter("id_column", str, description="a column that is given back beside each prediction"),
    ],
)
@api_view(["POST"])
@parser_classes([BytesParser])
def batch_files(request: Request, name: str) -> Response:
    """Have the file that is the body scored: CSV or Parquet, with its Content-Length."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    kind = one_of(request, "result", BatchJob.Kind.values) or BatchJob.Kind.PARQUET
    wish = Wish(kind, text_of(request, "id_column"))
    try:
        body = files.chunks(request._request)
        job = jobs.score_upload(found, text_of(request, "name") or "file", body, wish, actor=actor)
    except Refusal:
        files.drain(request._request)
        raise
    return Response(BatchJobShape(job).data, status=201)


@extend_schema(operation_id="read_batch_job", responses={200: BatchJobShape})
@api_view(["GET"])
def batch_job(request: Request, name: str, number: int) -> Response:
    """Read how far a file is, or what came of it."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    return Response(BatchJobShape(jobs.find_job(found, number)).data)


@extend_schema(operation_id="cancel_batch_job", request=CancelBatch, responses={200: BatchJobShape, **REFUSALS})
@api_view(["POST"])
def cancel(request: Request, name: str, number: int) -> Response:
    """End the scoring of a file. Doing it again changes nothing."""
    actor, asked = actor_of(request), checked(CancelBatch, request)
    found = endpoints.find_endpoint(name, actor=actor)
    jobs.cancel(jobs.find_job(found, number), actor=actor, reason=asked["reason"])
    return Response(BatchJobShape(jobs.find_job(found, number)).data)


@extend_schema(
    operation_id="read_batch_file",
    responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    parameters=[OpenApiParameter("which", str, OpenApiParameter.PATH, enum=jobs.FILES)],
)
@api_view(["GET"])
def batch_file(request: Request, name: str, number: int, which: str) -> Any:
    """Download the result, the rejected rows with their reasons, the manifest, or the input."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    job = jobs.find_job(found, number)
    return files.send(request._request, jobs.file_of(job, which), jobs.file_name(job, which))


@extend_schema(methods=["GET"], operation_id="list_batch_schedules", responses={200: BatchScheduleShape(many=True)})
@extend_schema(
    methods=["POST"],
    operation_id="make_batch_schedule",
    request=NewBatchSchedule,
    responses={201: BatchScheduleShape, **REFUSALS},
)
@api_view(["GET", "POST"])
def batch_schedules(request: Request, name: str) -> Response:
    """List what is scored again and again, as far as it goes on; or have a stored file scored so."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    if request.method == "POST":
        asked = checked(NewBatchSchedule, request)
        wish = Wish(asked["result"], asked["id_column"])
        made = schedules.make(found, asked["address"], asked["cron"], wish, actor=actor)
        return Response(BatchScheduleShape(made).data, status=201)
    return Response(BatchScheduleShape(schedules.schedules_of(found), many=True).data)


@extend_schema(operation_id="end_batch_schedule", request=None, responses={200: BatchScheduleShape, **REFUSALS})
@api_view(["POST"])
def end_schedule(request: Request, name: str, number: int) -> Response:
    """Let a schedule start nothing any more. Doing it again changes nothing."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    schedules.end(schedules.find_schedule(found, number), actor=actor)
    return Response(BatchScheduleShape(schedules.find_schedule(found, number)).data)

"""What own REST sends and takes about files that are scored, as serializers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deployments.models import BatchJob
from deployments.states import BatchState
from web.rest.one_of import OneOf


class BatchRows(serializers.Serializer[Any]):
    """Rows of the parts that are done: read, with a prediction, and without one."""

    read = serializers.IntegerField(source="rows_read")
    scored = serializers.IntegerField(source="rows_scored")
    rejected = serializers.IntegerField(source="rows_rejected")


class BatchFile(serializers.Serializer[Any]):
    """A file by its digest."""

    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class BatchJobShape(serializers.Serializer[Any]):
    """A file that is scored. `share` of it, from 0 to 1, is read; `left_s` is an estimate while it runs."""

    id = serializers.IntegerField(source="pk")
    uuid = serializers.UUIDField()
    endpoint = serializers.CharField(source="endpoint.name")
    version = serializers.IntegerField(source="version.version")
    digest = serializers.CharField()
    rollout = serializers.IntegerField(source="rollout_id")
    state = OneOf(choices=BatchState.choices)
    why = serializers.CharField()
    phase = serializers.CharField()
    name = serializers.CharField(source="input_name")
    kind = serializers.CharField(source="input_kind", allow_blank=True)
    result_kind = OneOf(choices=BatchJob.Kind.choices)
    id_column = serializers.CharField()
    rows = BatchRows(source="*")
    share = serializers.FloatField()
    rows_s = serializers.FloatField()
    left_s = serializers.FloatField(allow_null=True)
    input = BatchFile()
    result = BatchFile(allow_null=True)
    rejected = BatchFile(allow_null=True)
    manifest = serializers.SerializerMethodField()
    by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(BatchFile(allow_null=True))
    def get_manifest(self, job: BatchJob) -> object:
        """The manifest, whose digest is in the ledger."""
        return BatchFile(job.manifest).data if job.manifest else None


class NewBatchJob(serializers.Serializer[Any]):
    """A file of the artifact store to be scored: `runs:/RUN/PATH` or `mlflow-artifacts:/PATH`."""

    address = serializers.CharField(max_length=1300)
    result = OneOf(choices=BatchJob.Kind.choices, default=BatchJob.Kind.PARQUET)
    id_column = serializers.CharField(max_length=250, default="", allow_blank=True)


class BatchScheduleShape(serializers.Serializer[Any]):
    """A stored file that is scored at each moment of `cron`; `why` says why the last moment brought no job."""

    id = serializers.IntegerField(source="pk")
    endpoint = serializers.CharField(source="endpoint.name")
    address = serializers.CharField()
    cron = serializers.CharField()
    result_kind = OneOf(choices=BatchJob.Kind.choices)
    id_column = serializers.CharField()
    by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    last_job = serializers.IntegerField(source="last_job_id", allow_null=True)
    why = serializers.CharField()


class NewBatchSchedule(serializers.Serializer[Any]):
    """A stored file to be scored again and again; `{date}` in its address is the day of the moment, in UTC."""

    address = serializers.CharField(max_length=1300)
    cron = serializers.CharField(max_length=200, help_text="minute, hour, day, month, weekday: `15 6 * * 1-5`")
    result = OneOf(choices=BatchJob.Kind.choices, default=BatchJob.Kind.PARQUET)
    id_column = serializers.CharField(max_length=250, default="", allow_blank=True)


class CancelBatch(serializers.Serializer[Any]):
    """Why it is cancelled, if that is worth a word."""

    reason = serializers.CharField(default="", allow_blank=True)

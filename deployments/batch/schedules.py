"""Files that are scored again and again: a row with a cron expression, in the name of whoever made it.

A moment that came is taken by one conditional UPDATE, in the transaction that asks for the job: however many look, and
whenever they are killed, it is asked for once. Of moments that passed while nothing ran the last one counts.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor, Via, person
from audit.record import Change, Subject, record
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound, Refusal
from deployments.batch import jobs
from deployments.batch.cron import Cron
from deployments.batch.jobs import Wish
from deployments.models import BatchJob, BatchSchedule, Endpoint
from registry import access

MOST = 20  # of an endpoint
DATE = "{date}"  # in an address: the day of the moment, such as 2026-11-28
ADDRESS = 1_300


def schedule_subject(row: BatchSchedule) -> Subject:
    """Return `row` as the ledger names it."""
    label = f"{row}: {row.address} by {row.endpoint.name}"
    return Subject("batch_schedule", str(row.pk), label, row.endpoint.model.uuid)


def make(endpoint: Endpoint, address: str, cron: str, wish: Wish, *, actor: Actor) -> BatchSchedule:
    """Have the file at `address` scored at each moment of `cron`; `{date}` in it stands for the moment's day.

    Raises Denied without the endpoint's permission, Invalid for what is no cron expression, no address or no result.
    """
    jobs.require_starter(endpoint, actor)
    known = {
        "address": address.strip(), "cron": " ".join(cron.split()), "result_kind": wish.result_kind,
        "id_column": wish.id_column.strip(),
    }  # fmt: skip
    _check(known)
    with transaction.atomic():
        access.locked(endpoint.model)
        live = endpoint.batch_schedules.filter(ended_at=None)
        if again := live.filter(**known).first():
            return again
        if live.count() >= MOST:
            raise Conflict(f"{endpoint} has {MOST} schedules already.", next_step="End one of them.")
        row = BatchSchedule.objects.create(endpoint=endpoint, created_by=actor.person, **known)
        record("batch.schedule.made", schedule_subject(row), actor=actor, change=Change(after={**known}))
    return row


def _check(known: dict[str, str]) -> None:
    try:
        Cron.parse(known["cron"][:200])
    except ValueError as why:
        raise Invalid(str(why), field="cron") from why
    if not known["address"].startswith((jobs.OF_RUN, jobs.FOLDER)) or len(known["address"]) > ADDRESS:
        raise Invalid("A stored file is runs:/RUN/PATH or mlflow-artifacts:/PATH.", field="address")
    if known["result_kind"] not in BatchJob.Kind.values:
        raise Invalid(f"A result is {' or '.join(BatchJob.Kind.values)}.", field="result")


def end(row: BatchSchedule, *, actor: Actor) -> None:
    """Let the schedule start nothing any more; doing it again changes nothing. Jobs under way go on."""
    jobs.require_starter(row.endpoint, actor)
    with transaction.atomic():
        if BatchSchedule.objects.filter(pk=row.pk, ended_at=None).update(ended_at=clock.now()):
            record("batch.schedule.ended", schedule_subject(row), actor=actor)


def start_due() -> int:
    """Ask for the files whose moment has come; return how many schedules that was. May run twice at once."""
    rows = BatchSchedule.objects.filter(ended_at=None).select_related(
        "endpoint__environment", "endpoint__model", "created_by"
    )
    return sum(_start(row) for row in rows.order_by("pk"))


def _start(row: BatchSchedule) -> bool:
    """Take the schedule's moment and ask for its file; why that was refused stands in the row."""
    moment = Cron.parse(row.cron).last(row.done_until, clock.now())
    if moment is None:
        return False
    with transaction.atomic():
        mine = BatchSchedule.objects.filter(pk=row.pk, done_until=row.done_until, ended_at=None)
        if not mine.update(done_until=moment):
            return False
        known: dict[str, object] = {"why": ""}
        try:
            known["last_job"] = _ask(row, moment)
        except Refusal as why:
            known["why"] = why.sentence[:500]
        BatchSchedule.objects.filter(pk=row.pk).update(**known)
    return True


def _ask(row: BatchSchedule, moment: datetime) -> BatchJob:
    """Return the job of this moment, asked for in the name of whoever made the schedule, with what she may now."""
    if not row.created_by.is_active:
        raise Denied(f"{row.created_by.username}, who made this schedule, may not sign in any more.")
    address = row.address.replace(DATE, f"{moment:%Y-%m-%d}")
    wish, actor = Wish(row.result_kind, row.id_column), person(row.created_by, Via.SCHEDULE)
    with transaction.atomic():
        return jobs.score_stored(row.endpoint, address, wish, actor=actor)


def schedules_of(endpoint: Endpoint) -> QuerySet[BatchSchedule]:
    """Return the endpoint's schedules that go on, oldest first."""
    rows = endpoint.batch_schedules.filter(ended_at=None)
    return rows.select_related("endpoint__environment", "endpoint__model", "created_by", "last_job").order_by("pk")


def find_schedule(endpoint: Endpoint, number: int) -> BatchSchedule:
    """Return a schedule of the endpoint, ended or not; raise NotFound where there is none of that number."""
    rows = endpoint.batch_schedules.select_related("endpoint__environment", "endpoint__model", "created_by", "last_job")
    if (found := rows.filter(pk=number).first()) is None:
        raise NotFound(f"{endpoint} has no schedule #{number}.")
    return found

"""Who wrote into what somebody else logged: told once a person, and a maker of what is registered from it."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from audit.models import Event
from audit.record import Subject, record

WRITTEN = {"run": "run.written", "logged_model": "logged_model.written"}


def note(about: Subject, author: int | None, *, actor: Actor) -> None:
    """Record, in the write's transaction, that the actor wrote there: once, and where it is another's."""
    if actor.user is None or actor.user.pk == author:
        return
    action = WRITTEN[about.kind]
    told = _told(about.kind, [about.id]).filter(actor_id=actor.user.pk)
    if not told.exists():
        record(action, about, actor=actor)


def of(runs: Iterable[str], logged_models: Iterable[str], *, until: datetime) -> set[int]:
    """Return the keys of those who wrote into another's run or logged model, of the ids given, before a moment."""
    found = _told("run", sorted(filter(None, runs))) | _told("logged_model", sorted(filter(None, logged_models)))
    return {key for key in found.filter(at__lte=until).values_list("actor_id", flat=True) if key}


def are_any(version: str = "", **which: int | None) -> Q:
    """Return whether there is one, of `which` events, for rows that are versions, or lead to one by `version`."""
    until = Event.objects.filter(at__lte=OuterRef(f"{version}created_at"), **which)
    runs = until.filter(action=WRITTEN["run"], object_kind="run", object_id=OuterRef(f"{version}run_id"))
    about = {"object_kind": "logged_model", "object_id": OuterRef(f"{version}logged_model_id")}
    return Q(Exists(runs)) | Q(Exists(until.filter(action=WRITTEN["logged_model"], **about)))


def _told(kind: str, ids: list[str]) -> QuerySet[Event]:
    return Event.objects.filter(object_kind=kind, object_id__in=ids, action=WRITTEN[kind], outcome="done")

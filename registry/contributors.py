"""Who wrote into what somebody else logged: told once a person, and a maker of what is registered from it."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from audit.models import Event
from audit.record import Subject, record

WRITTEN = {"run": "run.written", "logged_model": "logged_model.written"}


def note(about: Subject, author: int | None, *, actor: Actor) -> None:
    """Record that the actor was let write there, where it is another's and nobody told of it yet."""
    if actor.user is None or actor.user.pk == author:
        return
    action = WRITTEN[about.kind]
    told = _told(about.kind, [about.id]).filter(actor_id=actor.user.pk)
    if not told.exists():
        with transaction.atomic():
            record(action, about, actor=actor)


def of(runs: Iterable[str], logged_models: Iterable[str]) -> set[int]:
    """Return the keys of those who wrote into another's run or logged model, of the ids given."""
    found = _told("run", sorted(filter(None, runs))) | _told("logged_model", sorted(filter(None, logged_models)))
    return {key for key in found.values_list("actor_id", flat=True) if key}


def are_any(run: str, logged_model: str, **which: int | None) -> Q:
    """Return whether there is one, of `which` events, for rows whose columns `run` and `logged_model` hold the ids."""
    runs = Event.objects.filter(action=WRITTEN["run"], object_kind="run", object_id=OuterRef(run), **which)
    about = {"object_kind": "logged_model", "object_id": OuterRef(logged_model)}
    return Q(Exists(runs)) | Q(Exists(Event.objects.filter(action=WRITTEN["logged_model"], **about, **which)))


def _told(kind: str, ids: list[str]) -> QuerySet[Event]:
    return Event.objects.filter(object_kind=kind, object_id__in=ids, action=WRITTEN[kind], outcome="done")

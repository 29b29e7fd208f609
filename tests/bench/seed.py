"""Fills a registry for timings: copies of one version that was registered properly, events sealed for real."""

from datetime import timedelta
from itertools import cycle, islice

from django.db import transaction

from accounts.actors import COMMAND, Actor, Via, person
from accounts.models import User
from accounts.roles import Role
from accounts.users import create_user
from audit import seal
from audit.record import Change, record
from core import clock
from registry import access
from registry.models import Alias, ModelVersion, RegisteredModel
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version

BATCH = 2_000
REQUESTS = 200
FILLERS = ("model.updated", "version.updated", "model.tag.set", "version.tag.set", "version.annotated")
PEOPLE = {"dana": Role.DATA_SCIENTIST, "olga": Role.OPS, "rita": Role.REVIEWER, "aude": Role.AUDITOR}
METRICS = {"validation_accuracy": 0.93, "auc": 0.91, "f1": 0.88, "brier": 0.07, "latency_ms": 41.0}


def fill(models: int, versions: int, events: int) -> None:
    """Make `models` with `versions` each, the first of them in Production, some requests, and `events` in all."""
    people = {name: _someone(name, role) for name, role in PEOPLE.items()}
    dana = people["dana"]
    first = make_version(make_model(dana, "model-0000"), dana, metrics=METRICS)
    _models(models, first.model)
    _versions(versions, first)
    _production(people["olga"])
    for version in ModelVersion.objects.filter(version=versions).select_related("model")[:REQUESTS]:
        ask_production(version, dana)
    _events(events, list(people.values()))
    seal.seal()


def _someone(name: str, role: Role) -> Actor:
    found = User.objects.filter(username=name).first()
    return person(found or create_user(name, roles=[role], actor=COMMAND), Via.PASSWORD)


def _models(count: int, like: RegisteredModel) -> None:
    made = [
        RegisteredModel(name=f"model-{n:04}", owner=like.owner, description="Made for timings.", next_version=100)
        for n in range(1, count)
    ]
    RegisteredModel.objects.bulk_create(made, batch_size=BATCH)


def _versions(count: int, like: ModelVersion) -> None:
    """Give each model its versions, all with the files and evidence of `like`."""
    start = clock.now() - timedelta(days=90)
    kept = ("source", "run_id", "registered_by", "run_author", "manifest", "framework", "signature", "environment")
    same = {name: getattr(like, name) for name in kept} | {"evidence": bytes(like.evidence)}
    made = (
        ModelVersion(model=model, version=n, description="fine", created_at=start + timedelta(days=n), **same)
        for model in RegisteredModel.objects.all()
        for n in range(1, count + 1)
        if (model.pk, n) != (like.model_id, 1)
    )
    while batch := list(islice(made, BATCH)):
        ModelVersion.objects.bulk_create(batch)


def _production(olga: Actor) -> None:
    """Put version 1 of each model into Production, with its alias and the events that tell of it."""
    rows = ModelVersion.objects.filter(version=1)
    rows.update(stage=Stage.PRODUCTION)
    standing = list(rows.select_related("model"))
    Alias.objects.bulk_create([Alias(model=v.model, name="champion", version=v) for v in standing])
    change = Change({"stage": "None"}, {"stage": "Production"}, facts={"approval": "off"})
    with transaction.atomic():
        for version in standing:
            record("version.stage.changed", access.version_subject(version), actor=olga, change=change)
            facts = {"alias": "champion"}
            record("alias.set", access.version_subject(version), actor=olga, change=Change(after=dict(facts)))


def _events(count: int, people: list[Actor]) -> None:
    """Record events about all models in turn until the ledger has about `count`."""
    models = list(RegisteredModel.objects.order_by("pk"))
    left = count - 3 * len(models)
    told = zip(cycle(models), cycle(people), cycle(FILLERS), strict=False)
    change = Change({"description": "fine"}, {"description": "finer"}, "words said at the time, as people write them")
    while left > 0:
        with transaction.atomic():
            for model, actor, action in islice(told, min(left, BATCH)):
                record(action, access.model_subject(model), actor=actor, change=change)
        left -= BATCH

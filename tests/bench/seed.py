"""Fills a registry for timings: copies of one version that was registered properly, events sealed for real."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import COMMAND, Actor, Via, person
from accounts.models import User
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.tokens import mint
from accounts.users import create_user
from audit import seal
from audit.models import Event
from audit.record import Change, record
from core import clock
from deployments import endpoints
from deployments.models import Endpoint
from monitoring import hours
from monitoring.minutes import last_over
from monitoring.models import OpenOutcome, Outcome, Snapshot
from monitoring.packing import packed
from monitoring.stats.told import Told
from registry import access, frozen
from registry.models import Alias, ModelVersion, RegisteredModel, VersionTag
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version

BATCH = 2_000
REQUESTS = 200
DAYS, DAY_MIN = 90, 1_440
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
    _told(ModelVersion.objects.all(), dana)
    _production(people["olga"])
    for version in ModelVersion.objects.filter(version=versions).select_related("model")[:REQUESTS]:
        ask_production(version, dana)
    _watched(endpoints.create_endpoint("busy", model=first.model, environment="production", actor=people["olga"]))
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


def _told(made: QuerySet[ModelVersion], dana: Actor) -> None:
    """Record of each model and version what registering it would have, so that the ledger agrees with the rows."""
    told = set(Event.objects.filter(action="version.registered").values_list("object_id", flat=True))
    rows = made.select_related("model", "manifest").order_by("pk")
    untold = (version for version in rows.iterator(chunk_size=BATCH) if access.version_subject(version).id not in told)
    while batch := list(islice(untold, BATCH)):
        with transaction.atomic():
            for version in batch:
                if version.version == 1:
                    said: dict[str, object] = {"description": version.model.description, "tags": {}}
                    record("model.created", access.model_subject(version.model), actor=dana, change=Change(after=said))
                digest = version.manifest.digest if version.manifest else None
                after: dict[str, object] = {"version": version.version, "manifest": digest}
                after["description"] = version.description
                kept = {name: getattr(version, name) for name in frozen.COLUMNS}
                facts: dict[str, object] = {"author": version.run_author_id, "frozen": frozen.frozen(kept)}
                change = Change(after=after, facts=facts)
                record("version.registered", access.version_subject(version), actor=dana, change=change)


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
            pointed = Change(after={"alias": "champion", "version": version.version}, facts={"approval": "off"})
            record("alias.set", access.version_subject(version), actor=olga, change=pointed)


def _watched(endpoint: Endpoint) -> None:
    """Give the endpoint 90 days of one-minute snapshots, with a canary of another version on one day of ten."""
    last = last_over()
    minutes = range(last - DAYS * DAY_MIN + 1, last + 1)
    for start in range(0, len(minutes), BATCH):
        some = minutes[start : start + BATCH]
        Snapshot.objects.bulk_create(_snapshot(endpoint, minute, "stable", "1") for minute in some)
        days = ((minute, (minute - minutes[0]) // DAY_MIN) for minute in some)
        Snapshot.objects.bulk_create(
            _snapshot(endpoint, minute, "canary", str(2 + day // 10)) for minute, day in days if day % 10 == 0
        )
    for minute in minutes[:: hours.MINUTES]:
        hours.reopen(endpoint.name, minute)
    hours.reopen(endpoint.name, last)
    while hours.close_open():
        pass
    OpenOutcome.objects.all().delete()  # there are no predictions to count
    Outcome.objects.bulk_create(_outcomes(endpoint.name, last // hours.MINUTES))


def _outcomes(endpoint: str, last: int) -> Iterator[Outcome]:
    """Yield what labels say: the days, and the hours of the last three."""
    kept = [packed(_labelled(number).document) for number in range(8)]
    days = [(hour, 24) for hour in range(last - last % 24 - (DAYS - 1) * 24, last + 1, 24)]
    for hour, of in [*days, *((hour, 1) for hour in range(last - 71, last + 1))]:
        tracks = [("stable", "1"), *([("canary", str(2 + hour // 240 % 9))] if hour // 24 % 10 == 0 else [])]
        for track, version in tracks:
            told = kept[hour // of % len(kept)]
            yield Outcome(endpoint=endpoint, hour=hour, hours=of, track=track, version=version, told=told)


def _labelled(number: int) -> Told:
    """Return 2,000 predictions with scores of all kinds, half of them labelled, of ten segments."""
    told = Told(asked=2_000)
    for place in range(2_000):
        score = (place * (7 + number) % 1_009) / 1_009
        if place % 2:
            told.label(int(score >= 0.5), int(place % 97 / 97 < score), score, place * 300.0, f"segment {place % 10}")
        else:
            told.wait(int(score >= 0.5), score)
    return told


def _snapshot(endpoint: Endpoint, minute: int, track: str, version: str) -> Snapshot:
    return Snapshot(
        endpoint=endpoint.name, minute=minute, track=track, version=version, rollout="r", requests=600, labelled=90,
        errors=minute % 7, correct=84 + minute % 6, cpu_s=20.0 + minute % 11, memory_mb=300.0 + minute % 13,
        p50_ms=4.0 + minute % 3, p95_ms=9.0 + minute % 5, p99_ms=20.0 + minute % 9,
    )  # fmt: skip


def _events(count: int, people: list[Actor]) -> None:
    """Record events about all models in turn until the ledger has `count`."""
    versions = list(ModelVersion.objects.filter(version=1).select_related("model").order_by("pk"))
    left = count - Event.objects.count()
    told = zip(cycle(versions), cycle(people), cycle(FILLERS), strict=False)
    while left > 0:
        with transaction.atomic():
            for version, actor, action in islice(told, min(left, BATCH)):
                of_model = action.startswith("model.")
                about = access.model_subject(version.model) if of_model else access.version_subject(version)
                now = version.model.description if of_model else version.description
                change = Change(
                    {"description": "finer"}, {"description": now}, "words said at the time, as people write them"
                )
                record(action, about, actor=actor, change=change)
        left -= BATCH


def fill_plain(models: int, versions: int) -> str:
    """Make versions without files until there are `models` of `versions` each; return a token to write with.

    The last changed is the last version of the last model, as `tests.bench.registries` fills the peer. The ledger tells
    of the first model's, whose stages and aliases move.
    """
    actor = _someone("timer", Role.ML_ENGINEER)
    owner = actor.person
    start = datetime.fromtimestamp(1_700_000_000, tz=UTC)
    first = RegisteredModel.objects.count()
    named = [
        RegisteredModel(name=f"model-{n:05}", owner=owner, description="Made for timings.", next_version=versions + 1)
        for n in range(first, models)
    ]
    made = (
        ModelVersion(
            model=model, version=k, description="fine", source=f"s3://models/{n}/{k}", registered_by=owner,
            created_at=start, updated_at=start + timedelta(seconds=k * 100_000 + n),
        )
        for n, model in enumerate(RegisteredModel.objects.bulk_create(named, batch_size=BATCH), first)
        for k in range(1, versions + 1)
    )  # fmt: skip
    while batch := list(islice(made, BATCH)):
        with transaction.atomic():
            rows = ModelVersion.objects.bulk_create(batch)
            VersionTag.objects.bulk_create(VersionTag(version=row, key="team", value="risk") for row in rows)
            Alias.objects.bulk_create(Alias(model=v.model, name="best", version=v) for v in rows if v.version == 1)
    _told(ModelVersion.objects.filter(model__name="model-00000"), actor)
    return mint(owner, label="timings", scopes=[Scope.READ, Scope.WRITE], days=1, actor=actor)[1]

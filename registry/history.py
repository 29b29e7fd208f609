"""Reads the ledger for people: who may see which event, what an event says, and what was live at an instant."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.catalogue import sentence
from audit.models import Event
from core import clock, words
from core.refusals import NotFound
from registry import evidence
from registry.models import ModelVersion, RegisteredModel
from registry.models.registered import readable_by
from registry.stages import Stage

PAGE = 50
BRIEF = 60
ROOM = 4  # metrics in a row of a table
DIGEST_LENGTH = 64
DOUBTED, SETTLED = "state.mismatched", "state.settled"
LIVE_ACTIONS = (
    "version.stage.changed", "alias.set", "alias.deleted", "version.deleted", "model.deleted", DOUBTED, SETTLED,
)  # fmt: skip


def events_visible_to(actor: Actor) -> QuerySet[Event]:
    """Return the events the actor may read, newest first: all but those of restricted models kept from her."""
    rows = Event.objects.select_related("seal").order_by("-id")
    if not actor.holds(Permission.LEDGER_READ):
        return rows.none()
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return rows
    told_of = RegisteredModel.objects.filter(restricted=True, uuid=OuterRef("model_uuid"))
    return rows.exclude(Exists(told_of.exclude(Q(deleted_at=None) & readable_by(actor))))


@dataclass(frozen=True)
class Filter:
    """What an audit page narrows by; empty means all."""

    person: str = ""
    action: str = ""
    model: str = ""
    since: datetime | None = None
    until: datetime | None = None
    denied: bool = False

    def apply(self, rows: QuerySet[Event]) -> QuerySet[Event]:
        """Return `rows` narrowed."""
        exact = {"actor_name": self.person, "action": self.action, "at__gte": self.since, "at__lt": self.until}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.model:
            rows = rows.filter(model_uuid__in=RegisteredModel.objects.filter(name=self.model).values("uuid"))
        return rows.filter(outcome="denied") if self.denied else rows


@dataclass(frozen=True)
class Page:
    """A piece of a list ordered by falling id, and whether there is more on either side."""

    events: list["Told"]
    newer: int | None
    older: int | None


def page_of(rows: QuerySet[Event], *, before: int | None = None, after: int | None = None, size: int = PAGE) -> Page:
    """Return up to `size` events older than `before`, or the ones just newer than `after`; by key, never by offset."""
    if after is not None:
        found = list(rows.filter(id__gt=after).order_by("id")[: size + 1])
        more, found = len(found) > size, found[:size][::-1]
        newer, older = (found[0].pk if more and found else None), (found[-1].pk if found else None)
    else:
        found = list((rows.filter(id__lt=before) if before is not None else rows)[: size + 1])
        more, found = len(found) > size, found[:size]
        newer, older = (
            (found[0].pk if before is not None and found else None),
            (found[-1].pk if more and found else None),
        )
    return Page([tell(event) for event in found], newer, older)


@dataclass(frozen=True)
class Told:
    """An event as its sealed body says it."""

    id: int
    seq: int | None
    at: datetime
    actor: str
    roles: list[str]
    via: str
    address: str
    request_id: str
    action: str
    outcome: str
    words: str
    kind: str
    object_id: str
    label: str
    comment: str
    before: dict[str, object]
    after: dict[str, object]
    facts: dict[str, object]
    leaf: str
    body: str
    model: str = ""

    @property
    def summary(self) -> str:
        """What changed, in a line: before → after, then the words said."""
        parts = [f"{key} {_brief(value)} → gone" for key, value in self.before.items() if key not in self.after]
        for key, value in self.after.items():
            if value in ("", None):
                continue
            earlier = f"{_brief(self.before[key])} → " if key in self.before else ""
            parts.append(f"{key} {earlier}{_brief(value)}")
        if step := self.facts.get("step"):
            parts.append(_step(str(step), self.facts.get("observed")))
        count = self.facts.get("count", 1)
        if isinstance(count, int) and count > 1:
            parts.append(f"{count} times")
        return ": ".join(part for part in (", ".join(parts), self.comment) if part)


def _step(name: str, observed: object) -> str:
    """Return a rollout's step in words, with what it was seen to reach."""
    said = observed if isinstance(observed, dict) else {}
    shares = said.get("shares")
    division = ", ".join(f"{track} {part / 100:g} %" for track, part in shares.items()) if shares else ""
    return ": ".join(part for part in (name, division or str(said.get("sentence", ""))) if part)


def _brief(value: object) -> str:
    """Return a value short enough for a table."""
    if isinstance(value, dict) and {"from", "to"} <= value.keys():
        return f"{value['from']} → {value['to']}"
    text = value if isinstance(value, str) else words.told(value)
    if len(text) == DIGEST_LENGTH:
        return text[:12] + "…"
    return text if len(text) <= BRIEF else text[: BRIEF - 1] + "…"


def tell(event: Event) -> Told:
    """Return what `event` says; `seq` is None for the second until it is sealed."""
    body = bytes(event.body)
    said = json.loads(body)
    who, about = said["actor"], said["object"]
    seal = getattr(event, "seal", None)
    return Told(
        id=event.pk, seq=seal.seq if seal else None, at=event.at, actor=who["name"], roles=who["roles"], via=who["via"],
        address=who["address"], request_id=who["request_id"], action=said["action"], outcome=said["outcome"],
        words=sentence(said["action"], about["label"]), kind=about["kind"], object_id=about["id"], label=about["label"],
        comment=said["comment"], before=said["before"], after=said["after"], facts=said["facts"],
        leaf=bytes(event.leaf).hex(), body=body.decode(), model=said["model"] or "",
    )  # fmt: skip


def renamed(name: str, *, actor: Actor) -> RegisteredModel | None:
    """Return the live model that was once called `name`, where the actor may see it; the newest rename counts."""
    told = events_visible_to(actor).filter(action="model.renamed", model_uuid__isnull=False)
    for event in told.iterator(chunk_size=200):
        if tell(event).before.get("name") == name:
            return RegisteredModel.objects.visible_to(actor).filter(uuid=str(event.model_uuid)).first()
    return None


def deleted(name: str, *, actor: Actor) -> RegisteredModel | None:
    """Return the newest deleted model called `name`, where the actor may read its history."""
    return _deleted(name, actor).first()


def _deleted(name: str, actor: Actor) -> QuerySet[RegisteredModel]:
    rows = RegisteredModel.objects.filter(name=name, deleted_at__isnull=False)
    if not actor.holds(Permission.MODEL_READ):
        return rows.none()
    open_ones = rows if actor.holds(Permission.MODEL_READ_RESTRICTED) else rows.filter(restricted=False)
    return open_ones.select_related("owner").order_by("-deleted_at", "-pk")


def model_at(name: str, moment: datetime | None, *, actor: Actor) -> RegisteredModel:
    """Return the model that was called `name` at `moment`, deleted since or not; where none was, the live or newest.

    Raises NotFound where there never was one that the actor may read.
    """
    live = RegisteredModel.objects.visible_to(actor).select_related("owner").filter(name=name).first()
    gone = list(_deleted(name, actor))
    found = [live, *gone] if live else gone
    if not found:
        raise NotFound(f"Registered Model with name={name} not found")
    if moment is None:
        return found[0]
    then = [one for one in found if one.created_at <= moment and (one.deleted_at is None or moment < one.deleted_at)]
    return (then or found)[0]


@dataclass
class Span:
    """Version `version` held `label` (a stage or @alias) from `start` to `end` (None: still), put there by `actor`."""

    version: int
    label: str
    start: datetime
    end: datetime | None
    actor: str
    comment: str
    event: Told
    approval: object = None
    approved_by: list[str] = field(default_factory=list)
    metrics: dict[str, object] = field(default_factory=dict)
    exists: bool = True
    doubt: str = ""  # why this is not what people did through the server

    @property
    def request(self) -> int | None:
        """The number of the request it was done on; None where it needed none or approvals were off."""
        return self.approval if isinstance(self.approval, int) else None

    @property
    def first_metrics(self) -> list[tuple[str, object]]:
        """As many metrics as a table has room for."""
        return sorted(self.metrics.items())[:ROOM]

    def covers(self, moment: datetime) -> bool:
        """Whether it held at `moment`."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass
class _Open:
    """Spans still running while the history is read."""

    stages: dict[int, Span] = field(default_factory=dict)
    aliases: dict[str, Span] = field(default_factory=dict)
    broken_off: dict[str, Span] = field(default_factory=dict)  # by the key of the row that stopped saying so


def spans(model: RegisteredModel, labels: frozenset[str] = frozenset({Stage.STAGING, Stage.PRODUCTION})) -> list[Span]:
    """Return when each version of `model` held one of `labels` or any alias, oldest first, read from the ledger.

    Where a row was found to say otherwise, what it said is told from then on, in doubt, until it was settled.
    """
    found: list[Span] = []
    running = _Open()
    for event in (
        Event.objects.select_related("seal").filter(model_uuid=model.uuid, action__in=LIVE_ACTIONS).order_by("id")
    ):
        told = tell(event)
        if told.action == "version.stage.changed":
            _stage(found, running, told, labels)
        elif told.action == "model.deleted":
            _close_all(running, told.at)
        elif told.action in {DOUBTED, SETTLED}:
            _row(found, running, told, labels)
        else:
            _alias(found, running, told)
    return found


def _number(told: Told) -> int:
    return int(told.object_id.rpartition("/")[2])


def _begun(told: Told, label: str) -> Span:
    return Span(_number(told), label, told.at, None, told.actor, told.comment, told, told.facts.get("approval"))


def _stage(found: list[Span], running: _Open, told: Told, labels: frozenset[str]) -> None:
    if held := running.stages.pop(_number(told), None):
        held.end = told.at
    label = str(told.after["stage"])
    if label in labels:
        span = running.stages[_number(told)] = _begun(told, label)
        found.append(span)


def _alias(found: list[Span], running: _Open, told: Told) -> None:
    if told.action == "version.deleted":
        ended = [running.stages.pop(_number(told), None)]
        ended += [
            running.aliases.pop(name) for name, span in list(running.aliases.items()) if span.version == _number(told)
        ]
    else:
        name = str(told.after.get("alias") or told.before.get("alias"))
        ended = [running.aliases.pop(name, None)]
        if told.action == "alias.set":
            span = running.aliases[name] = _begun(told, f"@{name}")
            found.append(span)
    for held in ended:
        if held:
            held.end = told.at


def _row(found: list[Span], running: _Open, told: Told, labels: frozenset[str]) -> None:
    """A row was found to say otherwise than the ledger, or was settled: what it says from then on."""
    key, kind, row = str(told.facts["key"]), told.facts["kind"], told.after.get("row")
    name = key.partition("/")[2]
    if kind not in {"stage", "alias"}:
        return
    held = running.stages.pop(int(name), None) if kind == "stage" else running.aliases.pop(name, None)
    if held:
        held.end = told.at
    if told.action == DOUBTED and held and not held.doubt:
        running.broken_off[key] = held
    if row is None or (kind == "stage" and row not in labels):
        return
    version, label = (int(name), str(row)) if kind == "stage" else (int(str(row)), f"@{name}")
    span = _doubted(version, label, told, running.broken_off.get(key))
    found.append(span)
    if kind == "stage":
        running.stages[version] = span
    else:
        running.aliases[name] = span


def _doubted(version: int, label: str, told: Told, before: Span | None) -> Span:
    """Return what a row says from `told` on: what it said before once it is put back, else nobody's deed."""
    if told.action == DOUBTED:
        doubt = "The row says so; the ledger tells of nobody who did it."
        return Span(version, label, told.at, None, "nobody known", "", told, "nobody", doubt=doubt)
    doubt = f"Settled as a mismatch by {told.actor}: {told.comment}"
    if before and (before.version, before.label) == (version, label):
        return replace(before, start=told.at, end=None, event=told, doubt=doubt)
    return Span(version, label, told.at, None, told.actor, told.comment, told, "nobody", doubt=doubt)


def _close_all(running: _Open, at: datetime) -> None:
    for span in [*running.stages.values(), *running.aliases.values()]:
        span.end = at
    running.stages.clear()
    running.aliases.clear()


def live_at(model: RegisteredModel, moment: datetime | None = None) -> list[Span]:
    """Return what held at `moment` (now where None): stages and aliases, with who put them there on whose approval.

    The metrics are those the version was registered with.
    """
    return with_evidence(model, [span for span in spans(model) if span.covers(moment or clock.now())])


def with_evidence(model: RegisteredModel, held: list[Span]) -> list[Span]:
    """Return `held`, each told who approved it, its version's metrics, and whether that version still exists."""
    who = approvers({span.request for span in held if span.request})
    rows = ModelVersion.objects.filter(model=model, version__in={span.version for span in held})
    known = {row.version: row for row in rows}
    for span in held:
        version = known.get(span.version)
        span.approved_by = who.get(span.request or 0, [])
        span.metrics = evidence.read(version)["metrics"] if version else {}
        span.exists = version is not None and version.deleted_at is None and model.deleted_at is None
    return held


def approvers(requests: Collection[int]) -> dict[int, list[str]]:
    """Return who let each request through, as the ledger tells: who approved, for whom, or who broke the glass."""
    rows = Event.objects.filter(
        object_kind="approval_request",
        object_id__in=[str(number) for number in requests],
        action__in=["request.decided", "glass.broken"],
    )
    found: dict[int, list[str]] = {}
    for told in map(tell, rows.order_by("id") if requests else rows.none()):
        if told.action == "glass.broken":
            word = f"{told.actor} by breaking the glass"
        elif told.after.get("verdict") == "approve":
            word = f"{told.actor} for {told.facts['for']}" if "for" in told.facts else told.actor
        else:
            continue
        found.setdefault(int(told.object_id), []).append(word)
    return found


def last_entries(versions: Collection[ModelVersion], stage: Stage) -> dict[int, Told]:
    """Return for each version, by its key, the event that last put it into `stage`; one query.

    Only the versions are asked for, the rest is sifted here: offered more, SQLite walks all events by their outcome.
    """
    keys = {f"{version.model.uuid}/{version.version}": version.pk for version in versions}
    rows = Event.objects.select_related("seal").filter(object_kind="model_version", object_id__in=keys)
    found = sorted(map(tell, rows), key=lambda told: told.id)
    moves = [told for told in found if told.action == "version.stage.changed" and told.outcome == "done"]
    return {keys[told.object_id]: told for told in moves if told.after.get("stage") == stage}


def production_now(actor: Actor) -> QuerySet[ModelVersion]:
    """Return the versions in Production the actor may see, by model name."""
    rows = ModelVersion.objects.visible_to(actor).filter(stage=Stage.PRODUCTION)
    return (
        rows.select_related("model", "manifest", "registered_by")
        .prefetch_related("aliases")
        .order_by("model__name", "-version")
    )

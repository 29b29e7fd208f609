"""Replays sealed events into facts and holds the rows against them: what happens every 5 minutes."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog
from django.db import connection, transaction
from django.db.models import Q

from audit.models import Event, ReplayedFact, ReplayPosition, Seal
from audit.replay import mismatches
from audit.replay.mismatches import Found
from audit.replay.story import Kept, Kind, Story
from core import clock
from core.snapshot import snapshot

log = structlog.get_logger(__name__)
BATCH = 5_000
KEYS = 2_000
TURN_S = 120.0
LISTED = {"sqlite": "SELECT value FROM json_each(%s)", "postgresql": "SELECT jsonb_array_elements_text(%s::jsonb)"}


@dataclass(frozen=True)
class Turn:
    """What a turn did: the events replayed, whether it got to the last one, and the mismatches it found."""

    replayed: int
    caught_up: bool
    found: int


def take_turn(kinds: Sequence[Kind], *, limit_s: float = TURN_S) -> Turn:
    """Replay what was sealed since the last turn, and hold the rows against the ledger once all is replayed.

    Each batch moves the position in the transaction that keeps its facts, so a turn that was cut off, or two at once,
    leave what one whole turn would have left. Whoever has much to catch up with goes on next time.
    """
    until, replayed = time.monotonic() + limit_s, 0
    while (count := replay_batch(kinds)) and time.monotonic() < until:
        replayed += count
    if count:
        return Turn(replayed + count, caught_up=False, found=0)
    with snapshot():
        found = list(islice(differing(kinds), mismatches.MOST))
    new = sum(mismatches.note(one) for one in found)
    ReplayPosition.objects.filter(pk=1).update(caught_up_at=clock.now())
    if new:
        log.error("rows differ from the ledger", mismatches=new)
    return Turn(replayed, caught_up=True, found=new)


def forget() -> None:
    """Forget what was replayed, so that the next turns read the whole ledger anew."""
    with transaction.atomic():
        ReplayPosition.objects.filter(pk=1).delete()
        ReplayedFact.objects.all().delete()


def replay_batch(kinds: Sequence[Kind]) -> int:
    """Replay up to `BATCH` sealed events; return how many, 0 where all are replayed or somebody else was faster."""
    position, _ = ReplayPosition.objects.get_or_create(pk=1)
    seals = Seal.objects.filter(seq__gte=position.seq, seq__lt=position.seq + BATCH)
    last = seals.order_by("-seq").values_list("seq", flat=True).first()
    if last is None:
        return 0
    story = Story({kind.name: kind for kind in kinds})
    listen(story, Q(seal__seq__gte=position.seq, seal__seq__lte=last))
    with transaction.atomic():
        if not ReplayPosition.objects.filter(pk=1, seq=position.seq).update(seq=last + 1):
            return 0
        _keep(story)
    return int(last) - position.seq + 1


def listen(story: Story, which: Q) -> None:
    """Let the story hear the events of `which` that speak of its kinds."""
    rows = Event.objects.filter(which, action__in=story.actions).order_by()
    for event_id, body in rows.values_list("id", "body").iterator(chunk_size=1_000):
        story.hear(event_id, bytes(body))


def _keep(story: Story) -> None:
    """Write the story's last words over those that were kept."""
    for kind, prefix, event_id in story.ended:
        ended = ReplayedFact.objects.filter(kind=kind, key__startswith=prefix, event_id__lt=event_id)
        ended.update(value=None, event_id=event_id)
    heard = iter(story.facts)
    while some := list(islice(heard, KEYS)):
        kept = _kept(some)
        words = ((name, story.word_on(*name, kept.get(name))) for name in some)
        ReplayedFact.objects.bulk_create(
            [ReplayedFact(kind=kind, key=key, **vars(word)) for (kind, key), word in words if word],
            update_conflicts=True,
            unique_fields=["kind", "key"],
            update_fields=["value", "event_id"],
        )


def _kept(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
    wanted: dict[str, list[str]] = {}
    for kind, key in names:
        wanted.setdefault(kind, []).append(key)
    found = [(kind, row) for kind, keys in wanted.items() for row in _facts(kind, keys)]
    return {(kind, key): Kept(event_id, value) for kind, (key, event_id, value) in found}


def _facts(kind: str, keys: list[str]) -> list[tuple[str, int, str | None]]:
    """Return key, event and value of what is kept of `keys`: one parameter, however many they are."""
    listed = LISTED[connection.vendor]
    wanted = f"SELECT key, event_id, value FROM audit_replayedfact WHERE kind = %s AND key IN ({listed})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(wanted, [kind, json.dumps(keys)])
        found: list[tuple[str, int, str | None]] = cursor.fetchall()
    return found


def differing(kinds: Sequence[Kind]) -> Iterator[Found]:
    """Yield what differs between the rows and what the ledger says up to now, sealed or not yet, in one snapshot."""
    story = Story({kind.name: kind for kind in kinds})
    listen(story, _since())
    for kind in kinds:
        yield from _differing(kind, story)


def last_word(kind: Kind, key: str, which: Q) -> str | None:
    """Return what the ledger itself says of a thing by the events of `which`, whatever was kept of it."""
    story = Story({kind.name: kind})
    listen(story, which)
    word = story.word_on(kind.name, key, _given(kind, key))
    return word.value if word else None


def _since() -> Q:
    """Events that were not replayed: sealed since, or waiting for the sealer."""
    position = ReplayPosition.objects.filter(pk=1).values_list("seq", flat=True).first() or 0
    sealed = Q(seal__seq__gte=position)
    newest = Seal.objects.order_by("-seq").values_list("event_id", "event__xact").first()
    if connection.vendor != "postgresql" or newest is None:
        return sealed if connection.vendor == "sqlite" else sealed | Q(seal=None)
    return sealed | Q(Q(xact__gte=newest[1]) | Q(id__gt=newest[0]), seal=None)


def _differing(kind: Kind, story: Story) -> Iterator[Found]:
    """Yield what differs in one kind: rows that say otherwise, then things without a row.

    Every row is looked up; only where fewer were met than the ledger knows are the missing ones looked for.
    """
    met, coming = 0, {key for name, key in story.facts if name == kind.name} | kind.given.keys()
    untold = not any(name == kind.name for name, _, _ in story.ended)
    rows = kind.rows()
    while some := list(islice(rows, KEYS)):
        kept = {key: (event_id, value) for key, event_id, value in _facts(kind.name, [key for key, _ in some])}
        for key, found in some:
            event_id, value = kept.get(key, (None, None))
            met += value is not None
            if value == found and untold and key not in coming:
                continue  # nearly all rows, so that the rest may take its time
            coming.discard(key)
            before = _given(kind, key) if event_id is None else Kept(event_id, value)
            word = story.word_on(kind.name, key, before)
            if (word is None and kind.complete) or (word and word.value != found):
                yield Found(kind, key, word, found)
    known = ReplayedFact.objects.filter(kind=kind.name, value__isnull=False)
    missing = dict.fromkeys(coming)
    if met < known.count():
        there = {key for key, _ in kind.rows()}
        missing |= {key: None for key in known.values_list("key", flat=True).iterator() if key not in there}
    for key in missing:
        before = _kept([(kind.name, key)]).get((kind.name, key))
        word = story.word_on(kind.name, key, before or _given(kind, key))
        if word and word.value is not None:
            yield Found(kind, key, word, None)


def _given(kind: Kind, key: str) -> Kept | None:
    return Kept(0, kind.given[key]) if key in kind.given else None

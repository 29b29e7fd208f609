"""Deliveries: made out from the ledger, claimed, tried, tried again, looked up, forgotten."""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require as require_role
from audit.models import Event, Seal
from audit.record import Change, record
from core import clock
from core.refusals import Conflict, NotFound
from registry.webhooks import hooks
from registry.webhooks.channels import KINDS
from registry.webhooks.models import Delivery, DeliveryState, Reached, Webhook

BATCH, ROUNDS = 500, 4
LEASE = timedelta(seconds=60)
FIRST_S, FACTOR, LONGEST_S, TRIES = 2, 4, 6 * 3600, 9  # the ninth try is about nine hours after the first
WAIT_MAX_S = 3600  # of what a receiver asks for by Retry-After
REST_MAX_S = 60
LOG_MAX = 20
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Result:
    """What came of one try. `again` says whether another may help, `reached` whether the receiver answered at all."""

    status: int | None
    error: str
    answer: str = ""
    again: bool = False
    reached: bool = True
    wait_s: int = 0
    took_ms: int = 0

    @property
    def good(self) -> bool:
        """Whether it was delivered."""
        return not self.error


def make_out() -> int:
    """Write a delivery for each webhook and sealed event that were not matched yet; return how many events were read.

    After 2,000 it stops, for the sealer waits in the same process; the next call goes on.

    The ledger is the outbox: an event stands in it exactly if its change was committed, and its number has no gap.
    Safe with several callers: they wait for one another's row.
    """
    total = 0
    for _ in range(ROUNDS):
        total += (count := _make_out_some())
        if count < BATCH:
            break
    return total


def _make_out_some() -> int:
    if not Seal.objects.filter(seq__gt=Reached.objects.values_list("seq", flat=True).get()).exists():
        return 0
    with transaction.atomic():
        reached = Reached.objects.select_for_update().get()
        sealed = Seal.objects.filter(seq__gt=reached.seq).order_by("seq")
        found = list(sealed.values_list("seq", "event_id", "event__action", "event__at")[:BATCH])
        chosen = list(Webhook.objects.live().filter(active=True))  # read after the seals: none of them is missed
        for seq, event_id, action, at in found:
            Delivery.objects.bulk_create(_for_event(seq, event_id, action, [w for w in chosen if w.created_at <= at]))
        if found:
            reached.seq = found[-1][0]
            reached.save(update_fields=["seq"])
    return len(found)


def _for_event(seq: int, event_id: int, action: str, chosen: list[Webhook]) -> Iterator[Delivery]:
    interested = [one for one in chosen if KINDS[one.channel].wants(one, action)]
    if not interested:
        return
    body = json.loads(bytes(Event.objects.values_list("body", flat=True).get(pk=event_id)))
    for one in interested:
        if told := KINDS[one.channel].told(one, seq, body):
            yield Delivery(webhook=one, seq=seq, event=told[0], body=told[1])


def example_delivery(webhook: Webhook, event: str) -> Delivery:
    """Write the delivery of a test: an example of `event`, tried once, already claimed by the caller."""
    body = KINDS[webhook.channel].example(webhook, event)
    claim = {"claim": uuid.uuid4(), "claimed_until": clock.now() + LEASE, "attempts": TRIES}
    return Delivery.objects.create(webhook=webhook, event=event, body=body, **claim)


# ── Trying ───────────────────────────────────────────────────────────────────────────────────────────────────────


def due(moment: datetime) -> QuerySet[Delivery]:
    """Return what may be sent now: waiting, its time come, nobody at it, its webhook neither off nor resting."""
    awake = Q(webhook__resting_until=None) | Q(webhook__resting_until__lte=moment)
    rows = Delivery.objects.filter(_free(moment), awake, state=DeliveryState.WAITING, next_at__lte=moment)
    return rows.filter(webhook__active=True, webhook__deleted_at=None)


def webhooks_due() -> list[uuid.UUID]:
    """Return the webhooks for which something is due, the longest waiting first."""
    rows = due(clock.now()).values("webhook_id").annotate(first=Min("next_at")).order_by("first")
    return [row["webhook_id"] for row in rows]


def claim_next(webhook_id: uuid.UUID) -> Delivery | None:
    """Take the oldest due delivery of a webhook for this caller alone, for a minute; None where there is none.

    The condition stands in the UPDATE, so that of two callers one gets the row.
    """
    moment, mine = clock.now(), uuid.uuid4()
    mark = {"claim": mine, "claimed_until": moment + LEASE, "attempts": F("attempts") + 1}
    rows = due(moment).filter(webhook_id=webhook_id).order_by("next_at", "seq")
    for pk in rows.values_list("pk", flat=True)[:5]:
        if Delivery.objects.filter(_free(moment), pk=pk, state=DeliveryState.WAITING).update(**mark):
            return Delivery.objects.select_related("webhook").filter(pk=pk, claim=mine).first()
    return None


def _free(moment: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=moment)


def settle(delivery: Delivery, result: Result) -> Delivery:
    """Write what came of a try, where the claim is still ours; decide whether and when there is another."""
    moment = clock.now()
    with transaction.atomic():
        row = Delivery.objects.select_for_update().filter(pk=delivery.pk, claim=delivery.claim).first()
        if row is None:
            return delivery
        row.claim = row.claimed_until = None
        row.status, row.error, row.answer = result.status, result.error[:300], result.answer
        said = {"at": clock.iso(moment), "status": result.status, "error": row.error, "took_ms": result.took_ms}
        row.log = [*row.log, said][-LOG_MAX:]
        if row.state == DeliveryState.WAITING:
            _move_on(row, result, moment)
        row.save()
        _rest(row, result, moment)
    return row


def _rest(row: Delivery, result: Result, moment: datetime) -> None:
    """Leave a receiver alone for a while that does not answer at all: each try of it would cost a lane seconds."""
    hook = Webhook.objects.filter(pk=row.webhook_id)
    if not result.reached:
        hook.update(resting_until=moment + timedelta(seconds=min(REST_MAX_S, pause_s(row.attempts))))
    else:
        hook.exclude(resting_until=None).update(resting_until=None)


def _move_on(row: Delivery, result: Result, moment: datetime) -> None:
    if result.good or not result.again or row.attempts >= TRIES:
        row.state = DeliveryState.DELIVERED if result.good else DeliveryState.FAILED
        row.ended_at = moment
    else:
        wait_s = max(pause_s(row.attempts), min(result.wait_s, WAIT_MAX_S))
        row.next_at = moment + timedelta(seconds=wait_s)


def pause_s(attempts: int) -> float:
    """Return the seconds before the next try: each four times the last, a little uneven so that they do not bunch."""
    evenly = min(FIRST_S * FACTOR ** max(0, attempts - 1), LONGEST_S)
    return float(evenly * random.uniform(0.85, 1.15))  # noqa: S311 - no secret


# ── The log ──────────────────────────────────────────────────────────────────────────────────────────────────────


def of(actor: Actor) -> QuerySet[Delivery]:
    """Return the log, the newest first; raise Denied for others than admins."""
    require_role(actor, Permission.WEBHOOK_MANAGE, "read the deliveries of webhooks")
    return Delivery.objects.select_related("webhook").order_by("-created_at", "-seq")


def redeliver(delivery: Delivery, *, actor: Actor) -> Delivery:
    """Have the delivery sent again at once, under its own id; one that waits is sent now. Twice is once.

    Raises Conflict where its webhook is deleted or off.
    """
    require_role(actor, Permission.WEBHOOK_MANAGE, "send deliveries again", about=hooks.subject(delivery.webhook))
    with transaction.atomic():
        row = Delivery.objects.select_for_update(of=("self",)).select_related("webhook").filter(pk=delivery.pk).first()
        if row is None:
            raise NotFound("There is no such delivery.")
        if row.webhook.deleted_at or not row.webhook.active:
            raise Conflict(f"The webhook {row.webhook} is off.", next_step="Turn it on first, unless it was deleted.")
        moment = clock.now()
        if row.state == DeliveryState.WAITING and row.next_at <= moment:
            return row
        row.state, row.attempts, row.next_at, row.ended_at = DeliveryState.WAITING, 0, moment, None
        row.save()
        Webhook.objects.filter(pk=row.webhook_id).update(resting_until=None)
        facts: dict[str, object] = {"delivery": str(row.pk), "event": row.event, "seq": row.seq}
        record("webhook.redelivered", hooks.subject(row.webhook), actor=actor, change=Change(facts=facts))
    return row


def forget() -> None:
    """Remove what ended longer ago than SIGNOFF_DELIVERIES_DAYS, and what has waited as long."""
    limit = clock.now() - timedelta(days=settings.DELIVERIES_DAYS)
    Delivery.objects.filter(Q(ended_at__lt=limit) | Q(ended_at=None, created_at__lt=limit)).delete()

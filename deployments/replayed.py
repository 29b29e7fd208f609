"""What the ledger says of endpoints, rollouts and what they installed, and where their rows stand."""

from collections.abc import Iterator

from django.db.models import F, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from accounts.replayed import REVOKED
from accounts.tokens import fingerprint_of
from audit.models import Event, Mismatch
from audit.replay import mismatches, turns
from audit.replay.story import UNREADABLE, Body, Kind, Word
from core import clock
from core.refusals import NotFound
from deployments.models import EndpointToken, Environment
from deployments.told import KINDS as DEPLOYMENTS
from registry.replayed.kinds import KINDS as REGISTRY


def _environment_rows() -> Iterator[tuple[str, str]]:
    for place in Environment.objects.order_by("pk"):
        yield place.name, str(place.needs_approval)


def _endpoint_token(body: Body) -> Iterator[Word]:
    if said := body["facts"].get("fingerprint"):
        until = body["after"]["expires_at"]
        yield Word(
            body["after"]["token"], f"{body['object']['id']} until {until}, {said}{_use(body['after'].get('use'))}"
        )


def _use(said: str | None) -> str:
    """Return what a token is for where that is not predicting, which older events do not say."""
    return "" if said in {None, EndpointToken.Use.PREDICT} else f", {said}"


def _endpoint_token_rows() -> Iterator[tuple[str, str]]:
    names = ("prefix", "endpoint__name", "expires_at", "sha256", "revoked_at", "use")
    for key, name, until, sha256, revoked_at, use in (
        EndpointToken.objects.order_by("pk").values_list(*names).iterator()
    ):
        yield key, REVOKED if revoked_at else f"{name} until {clock.iso(until)}, {fingerprint_of(sha256)}{_use(use)}"


KINDS = (
    UNREADABLE,
    *REGISTRY,
    *DEPLOYMENTS,
    Kind(
        "environment", "need of approval in",
        {}, _environment_rows, given={"staging": "False", "production": "True"},
    ),
    Kind(
        "endpoint-token", "use of a token of",
        {
            "endpoint.token.created": _endpoint_token,
            "endpoint.token.revoked": lambda body: [Word(body["after"]["token"], REVOKED)],
        },
        _endpoint_token_rows, complete=False,
    ),
)  # fmt: skip


def replay_state() -> turns.Turn:
    """Replay the ledger and hold every row that governance rests on against it; see `audit.replay.turns`."""
    return turns.take_turn(KINDS)


def mismatches_for(actor: Actor) -> QuerySet[Mismatch]:
    """Return what differs or differed from the ledger, open ones first, newest first.

    Raises Denied for whoever does not read everything: a row of any model may be among them.
    """
    require(actor, Permission.MODEL_READ_RESTRICTED, "read what differs from the ledger")
    return Mismatch.objects.order_by(F("settled_at").desc(nulls_first=True), "-pk")


def find_mismatch(number: int, *, actor: Actor) -> Mismatch:
    """Return the mismatch; raise NotFound where there is none, Denied for whoever does not read everything."""
    row = mismatches_for(actor).filter(pk=number).first()
    if row is None:
        raise NotFound(f"There is no mismatch {number}.")
    return row


def row_now(row: Mismatch) -> str | None:
    """Return what the row says now, or None where there is none."""
    return next((value for key, value in _kind_of(row).rows() if key == row.key), None)


def word_now(row: Mismatch) -> str | None:
    """Return what the ledger says of it now, read from its events; None where it says that there is none."""
    return turns.last_word(_kind_of(row), row.key, Q(model_uuid=row.model_uuid) if row.model_uuid else Q())


def _kind_of(row: Mismatch) -> Kind:
    return next(kind for kind in KINDS if kind.name == row.kind)


def settle(row: Mismatch, *, found: str | None, reason: str, actor: Actor) -> Mismatch:
    """Settle the mismatch with a reason, once its row is put back; `found` is what it said when the admin read it.

    Raises Denied without the right, and as `mismatches.settle`. Doing it again changes nothing.
    """
    require(actor, Permission.STATE_SETTLE, "settle what differs from the ledger", about=mismatches.subject_of(row))
    seen = mismatches.Seen(found, row_now(row), word_now(row))
    return mismatches.settle(row, seen, reason=reason, actor=actor)


def event_of(row: Mismatch) -> Event | None:
    """Return the event that says what the ledger says, or None where nobody spoke of it."""
    return Event.objects.select_related("seal").filter(pk=row.event_id).first() if row.event_id else None

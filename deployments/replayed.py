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
from audit.replay.story import UNREADABLE, Body, Kind, Word, by_key
from core import canonical, clock
from core.refusals import NotFound
from deployments.models import WAY_BACK, Endpoint, EndpointToken, Environment, InstalledRight, Rollout, RolloutStep
from deployments.states import RolloutState
from registry.replayed.kinds import KINDS as REGISTRY

WITHDRAWN = "withdrawn"


def _endpoint(body: Body) -> Iterator[Word]:
    """The environment stands in the label: `name (environment)`."""
    about = body["object"]
    place = about["label"].removeprefix(f"{about['id']} (").removesuffix(")")
    yield Word(about["id"], f"{place}, model {body['model']}")


def _endpoint_rows() -> Iterator[tuple[str, str]]:
    rows = Endpoint.objects.order_by("pk").values_list("name", "environment__name", "model__uuid")
    for name, place, model in rows.iterator():
        yield name, f"{place}, model {model}"


def _state(body: Body) -> Iterator[Word]:
    if state := body["after"].get("state"):
        yield Word(body["object"]["id"], state)


def _queued(body: Body) -> Iterator[Word]:
    yield Word(body["object"]["id"], RolloutState.QUEUED)


def _goal(body: Body) -> Iterator[Word]:
    if "version" in body["facts"]:
        facts = body["facts"]
        yield Word(body["object"]["id"], f"version {facts['version']} to {facts['endpoint']}, files {facts['digest']}")


def _goal_rows() -> Iterator[tuple[str, str]]:
    rows = Rollout.objects.order_by("pk").values_list("pk", "version__version", "endpoint__name", "digest")
    for key, number, endpoint, digest in rows.iterator():
        yield str(key), f"version {number} to {endpoint}, files {digest}"


def _plan(body: Body) -> Iterator[Word]:
    if "plan" in body["facts"]:
        yield Word(body["object"]["id"], canonical.dump(body["facts"]["plan"]).decode())


def _plan_rows() -> Iterator[tuple[str, str]]:
    for key, plan in Rollout.objects.order_by("pk").values_list("pk", "plan").iterator(chunk_size=500):
        yield str(key), canonical.dump(plan).decode()


def _steps(body: Body) -> Iterator[Word]:
    for place, (name, arguments) in enumerate(body["facts"].get("steps", [])):
        yield Word(f"{body['object']['id']}/{place}", _course(name, arguments))


def _step_rows() -> Iterator[tuple[str, str]]:
    rows = RolloutStep.objects.filter(position__lt=WAY_BACK).order_by("pk")
    for key, place, name, arguments in rows.values_list("rollout_id", "position", "name", "arguments").iterator():
        yield f"{key}/{place}", _course(name, arguments)


def _course(name: str, arguments: object) -> str:
    return f"{name} {canonical.dump(arguments).decode()}"


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


def _installed(body: Body) -> Iterator[Word]:
    if body["facts"]["kind"] != Rollout.Kind.WITHDRAW:
        yield Word(body["object"]["id"], body["facts"]["digest"])


def _withdrawn(body: Body) -> Iterator[Word]:
    for number in body["facts"]["rollouts"]:
        yield Word(str(number), WITHDRAWN)


def _right_rows() -> Iterator[tuple[str, str]]:
    rows = InstalledRight.objects.order_by("pk").values_list("rollout_id", "digest", "withdrawn_at")
    for key, digest, withdrawn_at in rows.iterator():
        yield str(key), WITHDRAWN if withdrawn_at else digest


STATES = {f"rollout.{state}": _state for state in RolloutState} | {
    "rollout.requested": _queued, "rollout.started": _state, "rollout.resumed": _state,
}  # fmt: skip
KINDS = (
    UNREADABLE,
    *REGISTRY,
    Kind(
        "environment", "need of approval in",
        {}, by_key(lambda: Environment.objects.order_by("pk").values_list("name", "needs_approval"), "{}"),
        given={"staging": "False", "production": "True"},
    ),
    Kind("endpoint", "environment of endpoint", {"endpoint.created": _endpoint}, _endpoint_rows),
    Kind(
        "rollout", "state of", STATES, by_key(lambda: Rollout.objects.order_by("pk").values_list("pk", "state"), "{}"),
    ),
    Kind("goal", "goal of", {"rollout.requested": _goal}, _goal_rows, complete=False),
    Kind("plan", "plan of", {"rollout.requested": _plan}, _plan_rows, complete=False),
    Kind("step", "step of", {"rollout.requested": _steps}, _step_rows, complete=False),
    Kind(
        "endpoint-token", "use of a token of",
        {
            "endpoint.token.created": _endpoint_token,
            "endpoint.token.revoked": lambda body: [Word(body["after"]["token"], REVOKED)],
        },
        _endpoint_token_rows, complete=False,
    ),
    Kind("right", "right left by", {"rollout.done": _installed, "version.withdrawn": _withdrawn}, _right_rows),
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

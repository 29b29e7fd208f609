"""What an operator does about a rollout that asks for one: go on, go back, or leave it. Each takes a reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from accounts.actors import Actor
from accounts.policy import require
from core import hints
from core.refusals import Conflict, Invalid
from core.words import written
from deployments import rollouts
from deployments.endpoints import last_withdrawn
from deployments.models import Rollout
from deployments.states import RolloutState


def resume(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Go on with what the rollout is for; each step is looked at before it is tried again.

    Raises Conflict where the version was withdrawn since the rollout was asked for.
    """
    with _in_hand(rollout, "resume", reason, actor) as row:
        withdrawn_at = last_withdrawn(row.endpoint, row.version)
        if row.kind != Rollout.Kind.WITHDRAW and withdrawn_at and withdrawn_at > row.created_at:
            raise Conflict(
                f"{row.version} was withdrawn from {row.endpoint}.", next_step="Turn it back, or give it up."
            )
        rollouts.go_forward(row, why=written(reason), actor=actor)


def turn_back(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Send requests back to what served before."""
    with _in_hand(rollout, "turn back", reason, actor) as row:
        rollouts.send_back(row, why=written(reason), actor=actor)


def give_up(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """End the rollout as failed and free its endpoint; the target is left as it is."""
    with _in_hand(rollout, "give up", reason, actor) as row:
        rollouts.advance(row, RolloutState.FAILED, why=written(reason), actor=actor)
        rollouts.settle_holds(row)


@contextmanager
def _in_hand(rollout: Rollout, verb: str, reason: str, actor: Actor) -> Iterator[Rollout]:
    """Give the rollout under its model's lock to someone who may deploy there, and wake the engine afterwards."""
    about = rollouts.rollout_subject(rollout)
    require(actor, rollout.endpoint.environment.permission, f"{verb} {rollout}", about=about)
    if not written(reason):
        raise Invalid("Say why: it is kept in the ledger.", field="reason")
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if row.state != RolloutState.NEEDS_OPERATOR:
            raise Conflict(f"{row} is {row.get_state_display().lower()}; it asks for no operator.")
        yield row
        hints.hint(hints.MOVE_ROLLOUTS)


BY_NAME = {"resume": resume, "turn_back": turn_back, "give_up": give_up}

"""Runs and logged models belong to whoever made them; others need a wider right."""

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.policy import denied, require
from audit.record import Subject
from core.refusals import Denied, Invalid
from registry.models import Experiment, LoggedModel, Run
from registry.models.tracking import Lifecycle

KINDS = {Run: "run", LoggedModel: "logged_model", Experiment: "experiment"}


def subject_of(row: Run | LoggedModel | Experiment) -> Subject:
    """Return `row` as the ledger names it."""
    return Subject(KINDS[type(row)], str(row.pk), row.name)


def require_reading(actor: Actor) -> None:
    """Refuse a person without a role."""
    require(actor, Permission.MODEL_READ, "read experiments and runs")


def author_of(actor: Actor) -> User:
    """Return the person who acts; refuse the system, which authors nothing."""
    if actor.user is None:
        raise Denied("Only a person can log runs and models.")
    return actor.user


def require_author(row: Run | LoggedModel, deed: str, *, actor: Actor) -> None:
    """Refuse an actor who may not log, or for whom `row` is somebody else's."""
    about = subject_of(row)
    require(actor, Permission.TRACKING_WRITE, deed, about=about)
    if row.author_id != (actor.user.pk if actor.user else None) and not actor.holds(Permission.TRACKING_WRITE_ALL):
        raise denied(actor, Permission.TRACKING_WRITE_ALL, f"{deed}: it is somebody else's", about=about)


def require_active(row: Run | LoggedModel | Experiment) -> None:
    """Refuse to change what was deleted."""
    if row.lifecycle_stage != Lifecycle.ACTIVE:
        kind = KINDS[type(row)].replace("_", " ")
        raise Invalid(
            f"The {kind} {row.pk} must be in the 'active' state. Current state is {row.lifecycle_stage}.",
            next_step=f"Restore the {kind} first.",
        )

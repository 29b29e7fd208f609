"""Semantic numbers of versions: the next ones offered, and the one write."""

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from core import clock, rows
from core.refusals import Conflict
from registry import access, semver
from registry.compare import Compatibility, compare_signatures
from registry.models import ModelVersion, RegisteredModel


def offered(version: ModelVersion) -> semver.Offer:
    """Return the next numbers, after the last version before this one that has a number."""
    earlier = ModelVersion.objects.live().filter(model=version.model, version__lt=version.version).exclude(semver="")
    last = earlier.order_by("-version").only("semver", "signature").first()
    if last is None:
        return semver.offer("", Compatibility.UNKNOWN)
    return semver.offer(last.semver, compare_signatures(last.signature, version.signature).verdict)


def set_semver(version: ModelVersion, number: str, *, actor: Actor) -> ModelVersion:
    """Give the version a semantic number, or none by an empty text; the same one changes nothing.

    Raises Invalid for what is no number, Conflict where another version of the model, deleted or not, has it.
    """
    about = access.version_subject(version)
    access.require(actor, Permission.MODEL_WRITE, version.model, f"number {version}", about=about)
    if number:
        semver.check(number)
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        if row.semver == number:
            return row
        refuse_taken(row.model, number)
        change = Change({"semver": row.semver}, {"semver": number})
        row.semver, row.updated_at = number, clock.now()
        rows.update(row, "semver", "updated_at")
        record("version.semver.set", about, actor=actor, change=change)
    return row


def refuse_taken(model: RegisteredModel, number: str) -> None:
    """Raise Conflict where a version of the model has the number. Runs under the model's lock."""
    taken = ModelVersion.objects.filter(model=model, semver=number).first() if number else None
    if taken:
        gone = ", which was deleted" if taken.deleted_at else ""
        raise Conflict(
            f"{number} is version {taken.version} of {model.name}{gone}.", next_step="A number stands for one version."
        )

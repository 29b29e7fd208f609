"""Whether a request can still be decided and used: the one answer that pages show and decisions are refused by."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from audit.models import Event
from core import canonical, clock
from registry import aliases, attested, subjects
from registry.models import ApprovalRequest, RegisteredModel
from registry.models.approvals import MOVES, RequestState
from registry.policies.book import named_in
from registry.policies.documents import differing
from registry.policy import AliasMove, Move, StageMove, move_from
from registry.stages import Stage
from registry.subjects import Changed


@dataclass(frozen=True)
class Stale:
    """Time or the registry moved past a request: the state it ends in, why in words, and the parts that differ."""

    state: RequestState
    why: str
    changed: list[Changed] = field(default_factory=list)
    subject_now: str = ""


def stale(request: ApprovalRequest) -> Stale | None:
    """Return what ended an open or approved request, or None where it holds or was ended before. Changes nothing.

    What only rows say, and not the ledger, ends no request: whoever uses it is told instead.
    """
    if request.state not in MOVES:
        return None
    if request.expires_at <= clock.now() and not attested.of_request(request):
        return Stale(RequestState.EXPIRED, "Its time is over.")
    if request.version.deleted_at or request.model.deleted_at:
        return _past(f"Version {request.version.version} was deleted.")
    asked: dict[str, Any] = subjects.document(request)
    move = move_from(asked["move"])
    if _is_there(request, move) and not attested.of_alias(request.model, move.alias):  # type: ignore[union-attr]
        return _past(f"@{move.alias} points at version {request.version.version} already.")  # type: ignore[union-attr]
    now = subjects.current(request, move)
    holds = canonical.digest(now) == request.subject_digest
    if holds or attested.in_doubt(request, _standing(request, asked, now)):
        return None
    changed = subjects.difference(asked, now)
    words = " ".join(_words(request, move, part) for part in changed)
    return _past(words, changed, canonical.digest(now))


def _standing(request: ApprovalRequest, *subject: dict[str, Any]) -> set[int]:
    """Return the version asked for and those that it displaces, by the one subject or the other."""
    return {request.version.version, *(other["version"] for said in subject for other in said["displaces"])}


def undecidable(request: ApprovalRequest) -> str:
    """Return why nobody can decide on the request any more, or an empty string."""
    if request.state != RequestState.OPEN and not request.is_limited:
        ended = f"Request #{request.pk} is {request.get_state_display().lower()}; it cannot be decided any more."
        return f"{ended} {request.ended_why}".strip()
    past = stale(request)
    return f"Request #{request.pk} no longer holds. {past.why}" if past else ""


def _past(why: str, changed: list[Changed] | None = None, subject_now: str = "") -> Stale:
    return Stale(RequestState.SUPERSEDED, why, changed or [], subject_now)


def _is_there(request: ApprovalRequest, move: Move) -> bool:
    """Whether the alias asked for points at the version. A stage tells that by the subject, which says where from."""
    if not isinstance(move, AliasMove) or move.gone:
        return False
    held = aliases.held(request.model, move.alias)
    return held is not None and held.version_id == request.version_id


def _words(request: ApprovalRequest, move: Move, part: Changed) -> str:
    """Return in one sentence what became of a part of the subject."""
    tell = WORDS.get(part.part)
    return tell(request, move, part) if tell else f"Its {part.part} is not what it was."


def _moved(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del move
    number, before, after = request.version.version, _of(part.before, "from"), _of(part.after, "from")
    if before == after:
        return f"What moves along with version {number} is not what was asked for."
    if after == _of(part.after, "to"):
        return f"Version {number} is in {after} already."
    if after == Stage.ARCHIVED:
        return f"Version {number} is archived."
    return f"Version {number} stood in {before} when this was asked and stands in {after} now."


def _displaced(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del request
    place = str(move.to_stage) if isinstance(move, StageMove) else f"@{getattr(move, 'alias', '')}"
    before, after = _versions(part.before), _versions(part.after)
    return f"{place} was held by {before} when this was asked and is held by {after} now."


def _versions(others: Any) -> str:
    return " and ".join(f"version {other['version']}" for other in others) or "no other version"


def _limits(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del move
    before, after = (", ".join(cast("list[str]", lines)) or "none" for lines in (part.before, part.after))
    who = _who(request.model, "model.threshold.set", "model.threshold.deleted")
    return f"The thresholds changed: {before} before, {after} now.{who}"


def _who(model: RegisteredModel, *actions: str) -> str:
    """Return who did the last of such deeds to the model, as a sentence; empty where nobody did."""
    rows = Event.objects.filter(model_uuid=model.uuid, action__in=actions, outcome="done").order_by("-id")
    name = rows.values_list("actor_name", flat=True).first()
    return f" {name} changed that." if name else ""


def _policy(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del request, move
    return f"The policy changed: {_rule(part.before)} before, {_rule(part.after)} now.{_reworded(part)}"


def _rule(said: Any) -> str:
    names = " and ".join(f"{one['id']} v{one['version']}" for one in (said, *said.get("with", [])))
    return f"{names} with {said['approvals']} to sign"


def _reworded(part: Changed) -> str:
    """Return which parts of the policy differ, where it is another version of the same."""
    if _of(part.before, "id") != _of(part.after, "id"):
        return ""
    before, after = (named_in(cast("dict[str, Any]", said))[0].document for said in (part.before, part.after))
    parts = differing(before, after)
    return f" What differs in {before.name}: {', '.join(parts)}." if parts else ""


def _model(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del move
    for name, words, deed in (("risk_tier", "risk tier", "model.updated"), ("name", "name", "model.renamed")):
        if _of(part.before, name) != _of(part.after, name):
            was, now = _of(part.before, name), _of(part.after, name)
            return f"The model's {words} was {was} and is {now} now.{_who(request.model, deed)}"
    return f"{request.model.name} is another model now."


def _environment(request: ApprovalRequest, move: Move, part: Changed) -> str:
    del move
    what = "lock of the environment" if _of(part.before, "lock") != _of(part.after, "lock") else "environment"
    return f"The {what} of version {request.version.version} is not the one that was asked for."


def _of(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, dict) else None


WORDS: dict[str, Callable[[ApprovalRequest, Move, Changed], str]] = {
    "move": _moved,
    "displaces": _displaced,
    "limits": _limits,
    "policy": _policy,
    "model": _model,
    "environment": _environment,
    "card": lambda request, _move, _part: f"The model card of version {request.version.version} changed.",
    "manifest": lambda request, _move, _part: f"The files of version {request.version.version} changed.",
    "evidence": lambda request, _move, _part: f"The evidence of version {request.version.version} changed.",
    "requester": lambda _request, _move, _part: "Whoever asked has another name now.",
}

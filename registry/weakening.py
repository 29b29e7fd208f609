"""Who made less be asked for a model: it takes another person's word then, as policies do that are changed.

Whoever lowers a tier, loosens a threshold, releases an alias or renames the model chooses what is asked of its next
request. The ledger says who did, until it is undone, or somebody else has approved a request since and was shown it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from django.conf import settings

from accounts.actors import Actor
from audit.models import Event
from audit.record import Subject
from core.prepared import Prepared
from core.refusals import Denied
from registry.models import Decision, MetricThreshold, RegisteredModel
from registry.models.registered import RiskTier
from registry.names import skeleton
from registry.policy import Guarded

Comparison = MetricThreshold.Comparison
RISES = frozenset({Comparison.ABOVE, Comparison.AT_LEAST})
DECIDED = "request.decided"
CHANGES = frozenset(
    {"model.updated", "model.renamed", "model.threshold.set", "model.threshold.deleted", "alias.protected",
     "alias.released"}
)  # fmt: skip
SHOWN = "weakened"  # the fact of an approval that names the events whose weakenings it was given under
CHANGED = Prepared(
    lambda key: Event.objects.filter(
        object_kind="registered_model", object_id=key, action__in=sorted(CHANGES), outcome="done"
    ).values_list("id", "body"),
    str,
)
TIERS = list(RiskTier.values)
Body = Mapping[str, Any]
Said = tuple[int, Body]  # the event's number in the order of the ledger, and what it says
Part = tuple[str, str]  # of what kind, and which of them


@dataclass(frozen=True)
class Weakening:
    """Something that asks for less than before, and who did it; undone once its `part` is at `was` again, or more.

    `event` is the id in the event's own body, which is sealed.
    """

    person: int
    who: str
    part: Part
    was: float
    words: str
    event: str
    at: datetime


@dataclass(frozen=True)
class Before:
    """A registered model as it was before somebody asked for less of it, as the policy sees it (`Guarded`)."""

    model: RegisteredModel
    name: str
    risk_tier: str
    released: frozenset[str]  # how the aliases look that were protected

    def protects(self, alias: str) -> bool:
        """Whether moving `alias` needed a signature, or does now."""
        return self.model.protects(alias) or skeleton(alias) in self.released


@dataclass(frozen=True)
class _Change:
    """A part came to another level: the higher, the more is asked."""

    part: Part
    before: float
    after: float
    words: str


def of(model: RegisteredModel) -> list[Weakening]:
    """Return what was weakened of a model and nobody else has approved anything under yet, oldest first."""
    key = str(model.uuid)
    return _of({key: [_said(*row) for row in CHANGED(key)]})[key]


def of_each(models: Iterable[RegisteredModel]) -> dict[str, list[Weakening]]:
    """Return what `of` does of each model, by its uuid, with two look-ups at most."""
    told: dict[str, list[Said]] = {str(model.uuid): [] for model in models}
    rows = Event.objects.filter(object_kind="registered_model", object_id__in=list(told), action__in=CHANGES)
    for key, number, body in rows.filter(outcome="done").values_list("object_id", "id", "body"):
        told[key].append(_said(number, body))
    return _of(told)


def _of(changed: dict[str, list[Said]]) -> dict[str, list[Weakening]]:
    """Decisions are read only of models of which something was weakened, and only those since."""
    weak = [key for key, told in changed.items() if _standing(told)]
    if weak:
        first = min(number for key in weak for number, _ in changed[key])
        rows = Event.objects.filter(model_uuid__in=weak, action=DECIDED, outcome="done", id__gt=first)
        for key, number, body in rows.values_list("model_uuid", "id", "body"):
            changed[str(key)].append(_said(number, body))
    return {key: _standing(told) for key, told in changed.items()}


def _said(number: int, body: bytes | memoryview) -> Said:
    return number, json.loads(bytes(body))


def _standing(told: Iterable[Said]) -> list[Weakening]:
    standing: list[Weakening] = []
    for _, body in sorted(told, key=lambda one: one[0]):
        if body["action"] == DECIDED:
            standing = [one for one in standing if not _lifts(body, one)]
            continue
        for change in _changes(body):
            standing = [one for one in standing if one.part != change.part or change.after < one.was]
            if change.after < change.before and body["actor"]["id"]:
                standing.append(_weakening(body, change))
    return standing


def _lifts(decided: Body, one: Weakening) -> bool:
    """Whether a decision is another person's approval that was given under it; older ones do not say which they saw."""
    if decided["after"]["verdict"] != Decision.Verdict.APPROVE or decided["actor"]["id"] == one.person:
        return False
    return one.event in decided["facts"].get(SHOWN, [one.event])


def _weakening(body: Body, change: _Change) -> Weakening:
    actor, at = body["actor"], datetime.fromisoformat(body["at"])
    return Weakening(actor["id"], actor["name"], change.part, change.before, change.words, body["id"], at)


def refuse_own(
    model: RegisteredModel, ask: Callable[[Guarded], int], *, deed: str, about: Subject, actor: Actor
) -> None:
    """Raise Denied where `deed` took more before the actor herself asked for less of the model.

    `ask` says how much it takes of a model. One look-up by an index; none where approvals are off.
    """
    if not settings.APPROVALS or actor.user is None:
        return
    mine = [one for one in of(model) if one.person == actor.user.pk]
    if mine and max(ask(was) for was in before(model, mine)) > ask(model):
        words = " and ".join(one.words for one in mine)
        raise Denied(
            f"You {words}: before, it took more to {deed}.",
            next_step="Another person does it, or you undo what you changed.", about=about,
        )  # fmt: skip


def before(model: RegisteredModel, weakened: Iterable[Weakening]) -> list[Before]:
    """Return what the model was before: with each name and each tier it had, and all aliases protected that were."""
    names, tiers, released = {model.name}, {model.risk_tier}, set()
    for one in weakened:
        kind, which = one.part
        if kind == "name":
            names.add(which)
        elif kind == "tier":
            tiers.add(TIERS[int(one.was)])
        elif kind == "alias":
            released.add(skeleton(which))
    return [Before(model, name, tier, frozenset(released)) for name, tier in product(names, tiers)]


def by(standing: Iterable[Weakening], person: int | None) -> str:
    """Return what the person weakened, in words that follow "you"; empty where nothing."""
    return next((one.words for one in standing if one.person == person), "")


def _changes(body: Body) -> Iterator[_Change]:
    before, after = body["before"], body["after"]
    if "risk_tier" in after:
        old, new = before["risk_tier"], after["risk_tier"]
        yield _Change(("tier", ""), TIERS.index(old), TIERS.index(new), f"lowered the risk tier from {old} to {new}")
    if body["action"] == "model.renamed":
        yield _Change(("name", before["name"]), 1, 0, f"renamed the model from {before['name']}")
        yield _Change(("name", after["name"]), 0, 1, "")
    if "protected_aliases" in after:
        old, new = set(before["protected_aliases"]), set(after["protected_aliases"])
        yield from (_Change(("alias", name), 1, 0, f"took the protection of @{name} away") for name in old - new)
        yield from (_Change(("alias", name), 0, 1, "") for name in new - old)
    if "threshold" in before or "threshold" in after:
        yield from _limit(before, after)


NOTHING = float("-inf")


def _limit(before: Body, after: Body) -> Iterator[_Change]:
    """A bound counts by its value, as far as it is required; one that is advice asks for nothing."""
    said = after.get("threshold") or before["threshold"]
    metric, comparison, _ = said.rsplit(" ", 2)
    old, new = (_strictness(part, comparison) for part in (before, after))
    words = f"loosened {_bound(before)} to {_bound(after)}"
    yield _Change(("threshold", f"{metric} {comparison}"), old, new, words)


def _bound(part: Body) -> str:
    advice = "" if part.get("required", True) else " (advice)"
    return f"{part['threshold']}{advice}" if part.get("threshold") else "nothing"


def _strictness(part: Body, comparison: str) -> float:
    if not part.get("threshold") or not part.get("required", True):
        return NOTHING
    value = float(part["threshold"].rsplit(" ", 1)[1])
    return value if comparison in RISES else -value

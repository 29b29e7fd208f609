"""Who made less be asked for a model: it takes another person's word then, as policies do that are changed.

Whoever lowers a tier, loosens a threshold, releases an alias or renames the model chooses what is asked of its next
request. The ledger says who did, until it is undone, or somebody else has approved a request since.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.models import Event
from registry.models import Decision, MetricThreshold, RegisteredModel
from registry.models.registered import RiskTier

Comparison = MetricThreshold.Comparison
RISES = frozenset({Comparison.ABOVE, Comparison.AT_LEAST})
DECIDED = "request.decided"
CHANGES = frozenset(
    {"model.updated", "model.renamed", "model.threshold.set", "model.threshold.deleted", "alias.protected",
     "alias.released"}
)  # fmt: skip
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Weakening:
    """Something that asks for less than before, and who did it; undone once its `level` is `was` again, or more."""

    person: int
    part: str
    was: float
    words: str


@dataclass(frozen=True)
class _Change:
    """A part came to another level: the higher, the more is asked."""

    part: str
    before: float
    after: float
    words: str


def of(model: RegisteredModel) -> list[Weakening]:
    """Return what was weakened of a model and nobody else has approved anything under yet, oldest first."""
    rows = Event.objects.filter(model_uuid=model.uuid, action__in=CHANGES | {DECIDED}, outcome="done").order_by("id")
    standing: list[Weakening] = []
    for raw in rows.values_list("body", flat=True):
        body = json.loads(bytes(raw))
        if body["action"] == DECIDED:
            if body["after"]["verdict"] == Decision.Verdict.APPROVE:
                standing = [one for one in standing if one.person == body["actor"]["id"]]
            continue
        for change in _changes(body):
            standing = [one for one in standing if one.part != change.part or change.after < one.was]
            if change.after < change.before and body["actor"]["id"]:
                standing.append(Weakening(body["actor"]["id"], change.part, change.before, change.words))
    return standing


def by(standing: Iterable[Weakening], person: int | None) -> str:
    """Return what the person weakened, in words that follow "you"; empty where nothing."""
    return next((one.words for one in standing if one.person == person), "")


def _changes(body: Body) -> Iterator[_Change]:
    before, after = body["before"], body["after"]
    if "risk_tier" in after:
        old, new = before["risk_tier"], after["risk_tier"]
        tiers = list(RiskTier.values)
        yield _Change("tier", tiers.index(old), tiers.index(new), f"lowered the risk tier from {old} to {new}")
    if body["action"] == "model.renamed":
        yield _Change(f"name {before['name']}", 1, 0, f"renamed the model from {before['name']}")
        yield _Change(f"name {after['name']}", 0, 1, "")
    if "protected_aliases" in after:
        old, new = set(before["protected_aliases"]), set(after["protected_aliases"])
        yield from (_Change(f"alias {name}", 1, 0, f"took the protection of @{name} away") for name in old - new)
        yield from (_Change(f"alias {name}", 0, 1, "") for name in new - old)
    if "threshold" in before or "threshold" in after:
        yield from _limit(before, after)


NOTHING = float("-inf")


def _limit(before: Body, after: Body) -> Iterator[_Change]:
    """A bound counts by its value, as far as it is required; one that is advice asks for nothing."""
    said = after.get("threshold") or before["threshold"]
    metric, comparison, _ = said.rsplit(" ", 2)
    old, new = (_strictness(part, comparison) for part in (before, after))
    words = f"loosened {_said(before)} to {_said(after)}"
    yield _Change(f"threshold {metric} {comparison}", old, new, words)


def _said(part: Body) -> str:
    advice = "" if part.get("required", True) else " (advice)"
    return f"{part['threshold']}{advice}" if part.get("threshold") else "nothing"


def _strictness(part: Body, comparison: str) -> float:
    if not part.get("threshold") or not part.get("required", True):
        return NOTHING
    value = float(part["threshold"].rsplit(" ", 1)[1])
    return value if comparison in RISES else -value

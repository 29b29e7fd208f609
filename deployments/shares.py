"""The shares of a plan: how much of the requests, and what holds at one of them otherwise than at the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from core.refusals import Invalid
from monitoring.stats.rules import Rules
from monitoring.verdicts import checked

MOST = 20
OWN = ("guardrails", "min_units", "min_labels", "min_s", "max_s", "on_hold", "on_fail")  # what a share may say itself


@dataclass(frozen=True)
class Share:
    """A share in percent, the rules that are its own, and whether a person lets the rollout go on from it."""

    pct: int
    own: Mapping[str, Any] = field(default_factory=dict)
    gate: bool = False

    @property
    def document(self) -> int | dict[str, object]:
        """The share as plain JSON: a number where there is nothing else to say of it."""
        if not self.own and not self.gate:
            return self.pct
        kept = {name: list(value) if isinstance(value, tuple) else value for name, value in self.own.items()}
        return {"pct": self.pct, **kept, **({"gate": True} if self.gate else {})}

    def rules(self, plan: Rules) -> Rules:
        """Return the rules at this share: the plan's, and over them its own. Alpha stays divided as it was."""
        own = {"heard" if name == "guardrails" else name: value for name, value in self.own.items()}
        return replace(plan, **own)


def shares_of(said: Any, rules: Rules) -> tuple[Share, ...]:
    """Return the shares that `said` lists, each larger than the one before, none of them everything; or raise Invalid.

    A share is a number, or a mapping with `pct`, rules of its own and `gate`.
    """
    if not isinstance(said, list | tuple) or not 0 < len(said) <= MOST:
        raise Invalid(f"A canary has 1 to {MOST} shares before 100 %.", field="shares")
    found = [_share(one, rules) for one in said]
    if any(after.pct <= before.pct for before, after in pairwise(found)):
        raise Invalid("Each share is larger than the one before.", field="shares")
    return tuple(found)


def _share(said: Any, rules: Rules) -> Share:
    if not isinstance(said, Mapping):
        return Share(percent(said, "shares"))
    unknown = sorted(said.keys() - {"pct", "gate", *OWN})
    if unknown:
        raise Invalid(f"A share says pct, gate, {', '.join(OWN)}; not {unknown[0]}.", field="shares")
    own = {name: checked(name, said[name]) for name in OWN if name in said}
    if strange := sorted(set(own.get("guardrails", ())) - set(rules.guardrails)):
        raise Invalid(f"{strange[0]} is no guardrail of the plan, so no share can have it.", field="guardrails")
    if not isinstance(gate := said.get("gate", False), bool):
        raise Invalid("gate is true or false.", field="shares")
    return Share(percent(said.get("pct"), "shares"), own, gate)


def percent(said: Any, name: str, least: int = 1, most: int = 99) -> int:
    """Return a whole percent from 1 to 99, or between other bounds; raise Invalid at the field `name`."""
    if not isinstance(said, int) or isinstance(said, bool) or not least <= said <= most:
        raise Invalid(f"Shares are whole percents from {least} to {most}; 100 follows by itself.", field=name)
    return said


def even(step_pct: int) -> tuple[Share, ...]:
    """Return the shares of equal steps."""
    return tuple(Share(pct) for pct in range(step_pct, 100, step_pct))


def numbers(shares: Sequence[Share]) -> list[int]:
    """Return the shares in percent."""
    return [share.pct for share in shares]

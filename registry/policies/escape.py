"""A model does not leave its policies by another name or a lower tier."""

from dataclasses import dataclass

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import denied
from registry import access
from registry.models import RegisteredModel
from registry.models.registered import RiskTier
from registry.policies.book import concerning, in_force


@dataclass(frozen=True)
class _Changed:
    """The model as it would be."""

    name: str
    risk_tier: str


def refuse_escape(model: RegisteredModel, *, name: str, risk_tier: str, actor: Actor) -> None:
    """Raise Denied where other policies would hold for the model, unless `actor` sets limits.

    A tier may rise where every policy that held holds on.
    """
    if actor.holds(Permission.THRESHOLD_SET):
        return
    book, tiers = in_force(), list(RiskTier.values)
    before, after = concerning(model, book), concerning(_Changed(name, risk_tier), book)
    rises = tiers.index(risk_tier) > tiers.index(model.risk_tier) and name == model.name
    if before == after or (rises and set(before) <= set(after)):
        return
    deed = f"change this: other policies would hold for {model.name}"
    raise denied(actor, Permission.THRESHOLD_SET, deed, about=access.model_subject(model))

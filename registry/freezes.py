"""When nothing may start or grow: freezes of the policies in force, over a deployment and ahead."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from registry import subjects
from registry.models import ApprovalRequest, RegisteredModel
from registry.models.glass import broken_for
from registry.policies.book import Governing, first_for, in_force
from registry.policies.documents import Action, Freeze
from registry.policies.terms import shared
from registry.policy import move_from, parts_of, shares_asked


@dataclass(frozen=True)
class Window:
    """A freeze, and the policy that says it."""

    freeze: Freeze
    policy: Governing

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` lies in it."""
        return self.freeze.start <= moment < self.freeze.end


def ahead(moment: datetime) -> list[Window]:
    """Return the freezes of the policies in force that are not over at `moment`, the next one first."""
    found = (Window(freeze, policy) for policy in _book() for freeze in policy.document.freezes)
    return sorted((one for one in found if one.freeze.end > moment), key=lambda one: (one.freeze.start, one.freeze.end))


def over_deployment(
    model: RegisteredModel, environment: str, plan: Mapping[str, Any], request: ApprovalRequest | None, moment: datetime
) -> Freeze | None:
    """Return the freeze that holds over a deployment of `model` at `moment`, by any policy for a part of it, or None.

    The policies in force say it, whatever they said when it was signed; where the glass was broken for the request,
    none does.
    """
    if request is not None and broken_for(request):
        return None
    book = _book()
    policies = [first_for(part, model, book) for part in _parts(environment, plan, request)]
    held = [policy for policy in policies if policy]
    return shared(held).frozen(moment) if held else None


def _book() -> list[Governing]:
    return in_force() if settings.APPROVALS else []


def _parts(environment: str, plan: Mapping[str, Any], request: ApprovalRequest | None) -> Iterator[Action]:
    """Yield what is done: the deployment, and the move that was signed with it."""
    yield from shares_asked(environment, plan)
    if request is not None:
        yield from parts_of(move_from(subjects.document(request)["move"]))  # type: ignore[arg-type]

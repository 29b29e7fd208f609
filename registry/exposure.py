"""What a request was signed for against what is given: shares that a person's word begins with."""

from typing import Any

from django.conf import settings

from registry import conditions, subjects
from registry.models import ApprovalRequest
from registry.models.glass import broken_for
from registry.policies import quorum
from registry.policies.book import first_for, in_force
from registry.policies.documents import Action
from registry.policies.terms import shared


def lacking(request: ApprovalRequest, share_pct: int) -> str:
    """Return what the policy in force asks for a deployment that begins with `share_pct`, beyond what was signed.

    A sentence; empty where the request was signed under that policy, has what it asks all the same, or the glass was
    broken for it.
    """
    deployment: Any = subjects.deployment_of(subjects.document(request))
    if deployment is None or not settings.APPROVALS:
        return ""
    policy = first_for(Action("deploy", deployment["environment"], share_pct, share_pct), request.model, in_force())
    signed = subjects.terms_of(request)
    if policy is None or policy.name in {one.name for one in signed.policies} or broken_for(request):
        return ""
    asked = shared([policy])
    missing = [str(rule) for rule in quorum.missing(asked.rules, conditions.approvals_of(request))]
    missing += [spec.title for spec in asked.checks if spec not in signed.checks]
    return f"{policy.name} asks for {' and '.join(missing)} more." if missing else ""

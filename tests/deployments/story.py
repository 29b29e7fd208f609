"""What tests of deployments tell again and again: a locked version, a signature, a rollout's course."""

from datetime import timedelta

from accounts.actors import Actor
from audit import seal
from core import clock
from deployments import engine, rollouts
from deployments.models import Endpoint, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from registry import decisions
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from tests.deployments.hands import Hands
from tests.factories import locked, make_version

AT_ONCE = Plan(Strategy.ALL_AT_ONCE)


def locked_version(model: RegisteredModel, dana: Actor) -> ModelVersion:
    """Return a new version whose environment is locked."""
    return locked(make_version(model, dana))


def run(hands: Hands, rollout: Rollout, *, turns: int = 12) -> Rollout:
    """Let engine, runner and router work, and time pass; return the rollout as it then is."""
    for _ in range(turns):
        engine.turn("engine-1")
        hands.work()
        Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now())
        rollout.steps.update(not_before=clock.now() - timedelta(seconds=1))
    rollout.refresh_from_db()
    return rollout


def installed(hands: Hands, endpoint: Endpoint, dana: Actor, by: Actor, *, versions: int) -> list[ModelVersion]:
    """Roll out so many new versions, one after another, where no signature is needed."""
    made = [locked_version(endpoint.model, dana) for _ in range(versions)]
    for version in made:
        run(hands, rollouts.start(version, endpoint, AT_ONCE, actor=by))
    return made


def signed(
    version: ModelVersion, endpoint: Endpoint, dana: Actor, *reviewers: Actor, plan: Plan = AT_ONCE
) -> ApprovalRequest:
    """A signature over Production, the endpoint and the plan by each reviewer."""
    request = rollouts.request_deployment(version, endpoint, plan, reason="go", actor=dana).request
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine", accepted)
    for reviewer in reviewers:
        decisions.decide(request, choice, actor=reviewer)
    seal.seal()
    seal.seal()
    return request

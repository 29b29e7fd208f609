"""What a deployment leaves of its approval, and what a review compares with."""

import pytest
from django.test import Client

from accounts.actors import Actor
from audit.models import Mismatch
from deployments import replayed, rollouts, used
from deployments.models import Endpoint
from registry import transitions
from registry.models import ApprovalRequest, RegisteredModel
from registry.models.approvals import RequestState
from registry.stages import Stage
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run, signed

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_an_approval_that_a_deployment_used_is_carried_out_with_it_and_offered_no_more(
    people: dict[str, Actor], hands: Hands, model: RegisteredModel, production: Endpoint, client: Client, unsealed: None
) -> None:
    dana, rita, olga = (people[name] for name in ("dana", "rita", "olga"))
    version = locked_version(model, dana)
    signed(version, production, dana, rita)
    usable = ApprovalRequest.objects.usable_by(dana)
    assert used.left(usable).exists()
    started = rollouts.start(version, production, AT_ONCE, actor=olga)
    assert used.left(usable).exists(), "the stage is still to be moved"
    request = ApprovalRequest.objects.get()
    run(hands, started)
    request.refresh_from_db()
    assert request.state == RequestState.APPROVED, "the stage is still to be moved"
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)
    request.refresh_from_db()
    assert request.state == RequestState.EXECUTED
    client.force_login(rita.person, backend=BACKEND)
    for page in (f"/approvals/{request.pk}", "/approvals?tab=done"):
        assert f"used by deployment #{started.pk}" in client.get(page).content.decode(), page


def test_a_second_deployment_of_what_is_in_production_uses_its_own_approval_up(
    people: dict[str, Actor], hands: Hands, model: RegisteredModel, production: Endpoint, client: Client, unsealed: None
) -> None:
    dana, rita, olga = (people[name] for name in ("dana", "rita", "olga"))
    first, second = locked_version(model, dana), locked_version(model, dana)
    signed(first, production, dana, rita)
    transitions.transition(first, to=Stage.PRODUCTION, archive_existing=True, actor=olga)
    run(hands, rollouts.start(first, production, AT_ONCE, actor=olga))
    signed(second, production, dana, rita)
    transitions.transition(second, to=Stage.PRODUCTION, archive_existing=True, actor=olga)
    run(hands, rollouts.start(second, production, AT_ONCE, actor=olga))
    run(hands, rollouts.roll_back(production, reason="worse", actor=olga))
    asked = rollouts.request_deployment(second, production, AT_ONCE, reason="again", actor=dana).request
    client.force_login(rita.person, backend=BACKEND)
    assert used.compared_with(asked) == first, "what the endpoint serves, not the champion that it is itself"
    signed(second, production, dana, rita)
    run(hands, rollouts.start(second, production, AT_ONCE, actor=olga))
    asked = ApprovalRequest.objects.get(pk=asked.pk)
    assert asked.state == RequestState.EXECUTED
    assert not used.left(ApprovalRequest.objects.usable_by(dana)).exists()
    assert used.compared_with(asked) == first, "as it was when it was decided"
    assert "against version 1, signature" in client.get(f"/approvals/{asked.pk}").content.decode()
    replayed.replay_state()
    assert not Mismatch.objects.exists()

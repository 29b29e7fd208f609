"""Four eyes follow the files: whoever made what a version is a copy of does not sign the copy."""

import pytest

from accounts.actors import Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from core.refusals import Denied
from registry import decisions, registered, versions
from registry.models import ApprovalRequest, ModelVersion
from tests.factories import ask_production, make_model, make_version

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def approve(request: ApprovalRequest, by: Actor) -> object:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "looks right", accepted)
    return decisions.decide(request, choice, actor=by)


def copy(version: ModelVersion, to: str, by: Actor) -> ModelVersion:
    model = registered.create_model(to, actor=by)
    source = f"models:/{version.model.name}/{version.version}"
    return versions.register_version(model, versions.Registration(source=source), actor=by)


@pytest.fixture
def duo(ada: Actor) -> Actor:
    roles = [Role.DATA_SCIENTIST, Role.REVIEWER]
    return person(create_user("duo", roles=roles, actor=ada), Via.PASSWORD)


def test_whoever_registered_what_it_is_a_copy_of_signs_no_copy(
    dana: Actor, eli: Actor, rita: Actor, duo: Actor
) -> None:
    first = copy(make_version(make_model(dana), dana), "M1", duo)
    last = copy(copy(first, "M2", eli), "M3", eli)
    asked = ask_production(last, eli)
    for maker in (duo, dana):
        assert not ApprovalRequest.objects.waiting_for(maker).exists()
    with pytest.raises(Denied, match="what this is a copy of"):
        approve(asked, duo)
    assert ApprovalRequest.objects.waiting_for(rita).get() == asked
    approve(asked, rita)


def test_a_copy_made_later_keeps_nobody_from_signing_the_original(dana: Actor, duo: Actor) -> None:
    version = make_version(make_model(dana), dana)
    copy(version, "M1", duo)
    asked = ask_production(version, dana)
    assert ApprovalRequest.objects.waiting_for(duo).get() == asked
    approve(asked, duo)

from datetime import timedelta

import pytest

from accounts import tokens
from accounts.actors import COMMAND, Actor
from accounts.models import ApiToken, User
from accounts.permissions import Permission, Scope
from accounts.users import deactivate
from audit.models import Event
from core import clock
from core.refusals import Denied, Invalid, NotFound

pytestmark = pytest.mark.django_db
WHERE = {"address": "127.0.0.1", "request_id": "r"}


def mint(actor: Actor, *scopes: Scope, fresh: bool = False) -> tuple[ApiToken, str]:
    assert actor.user
    return tokens.mint(
        actor.user, label="notebook", scopes=scopes or (Scope.READ, Scope.WRITE), days=3, actor=actor, fresh=fresh
    )


def test_a_token_stands_for_its_person_and_is_kept_as_a_hash(dana: Actor) -> None:
    row, text = mint(dana)
    found = tokens.actor_by(text, **WHERE)
    assert found is not None
    assert (found.name, found.via, found.token_prefix) == ("dana", "token", row.prefix)
    assert text not in str(ApiToken.objects.values().get())
    assert text.encode() not in bytes(Event.objects.latest("id").body)


def test_a_revoked_token_is_nobody_at_the_next_call(dana: Actor) -> None:
    row, text = mint(dana)
    assert dana.user
    tokens.revoke(dana.user, token_id=row.pk, actor=dana)
    assert tokens.actor_by(text, **WHERE) is None
    events = Event.objects.count()
    tokens.revoke(dana.user, token_id=row.pk, actor=dana)
    assert Event.objects.count() == events


def test_an_expired_token_is_nobody(dana: Actor) -> None:
    row, text = mint(dana)
    ApiToken.objects.filter(pk=row.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert tokens.actor_by(text, **WHERE) is None


def test_a_deactivated_persons_token_is_nobody(dana: Actor, ada: Actor) -> None:
    _, text = mint(dana)
    assert dana.user
    deactivate(dana.user, actor=ada)
    assert tokens.actor_by(text, **WHERE) is None


def test_a_token_that_only_reads_does_not_write(dana: Actor) -> None:
    found = tokens.actor_by(mint(dana, Scope.READ)[1], **WHERE)
    assert found is not None
    assert found.holds(Permission.MODEL_READ)
    assert not found.holds(Permission.REQUEST_OPEN)


def test_deciding_needs_its_own_scope_and_a_fresh_sign_in(rita: Actor) -> None:
    found = tokens.actor_by(mint(rita)[1], **WHERE)
    assert found is not None
    assert not found.holds(Permission.REQUEST_DECIDE)
    with pytest.raises(Denied, match="fresh"):
        mint(rita, Scope.DECIDE)
    found = tokens.actor_by(mint(rita, Scope.DECIDE, fresh=True)[1], **WHERE)
    assert found is not None
    assert found.holds(Permission.REQUEST_DECIDE)


def test_nobody_mints_or_revokes_somebody_elses_token(dana: Actor, ada: Actor) -> None:
    row, _ = mint(dana)
    assert dana.user
    assert ada.user
    with pytest.raises(Denied):
        tokens.mint(dana.user, label="x", scopes=[Scope.READ], days=1, actor=ada)
    with pytest.raises(NotFound):
        tokens.revoke(ada.user, token_id=row.pk, actor=ada)


@pytest.mark.parametrize(
    ("label", "scopes", "days", "field"),
    [
        ("", [Scope.READ], 1, "label"),
        ("x", [], 1, "scopes"),
        ("x", [Scope.READ], 0, "days"),
        ("x", [Scope.READ], 9999, "days"),
    ],
)
def test_a_token_without_sense_is_refused(dana: Actor, label: str, scopes: list[Scope], days: int, field: str) -> None:
    assert dana.user
    with pytest.raises(Invalid) as refusal:
        tokens.mint(dana.user, label=label, scopes=scopes, days=days, actor=COMMAND)
    assert refusal.value.field == field
    assert not User.objects.filter(api_tokens__isnull=False).exists()

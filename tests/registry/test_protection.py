"""Protected aliases: more names by the owner, fewer only by whoever sets limits, and what protection does."""

import pytest

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Conflict, Denied, Invalid
from registry import protection, requests, transitions
from registry.access import find_model
from registry.models import ApprovalRequest
from registry.policy import AliasMove
from registry.requests import ApprovalRequired
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def test_a_protected_alias_waits_for_a_signature(dana: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    assert not isinstance(transitions.set_alias(version, "live", actor=dana), ApprovalRequired)
    for alias in ("live", "LIVE"):
        protection.protect(model, alias, actor=dana)
    assert protection.protected(find_model(model.name, actor=dana)) == ["champion", "live"]
    newer = make_version(model, dana)
    waiting = transitions.set_alias(newer, "live", actor=dana)
    assert isinstance(waiting, ApprovalRequired)
    assert Event.objects.filter(action="alias.protected").count() == 1
    with pytest.raises(Denied):
        transitions.delete_alias(model, "live", actor=dana)


def test_an_owner_protects_and_whoever_sets_limits_releases(dana: Actor, eli: Actor, rita: Actor, ada: Actor) -> None:
    model = make_model(dana)
    with pytest.raises(Denied):
        protection.protect(model, "live", actor=eli)
    protection.protect(model, "live", actor=dana)
    with pytest.raises(Denied):
        protection.release(model, "live", actor=dana)
    protection.protect(model, "next", actor=ada)
    for alias in ("live", "live"):
        protection.release(model, alias, actor=rita)
    assert protection.protected(find_model(model.name, actor=dana)) == ["champion", "next"]
    assert Event.objects.filter(action="alias.released").count() == 1
    assert isinstance(transitions.set_alias(make_version(model, dana), "next", actor=dana), ApprovalRequired)


def test_champion_is_protected_always(dana: Actor, ada: Actor) -> None:
    model = make_model(dana)
    with pytest.raises(Conflict, match="follows Production"):
        protection.release(model, "Champion", actor=ada)
    for alias in ("latest", "v1", "a b", ""):
        with pytest.raises(Invalid):
            protection.protect(model, alias, actor=dana)
    for number in range(protection.MOST):
        protection.protect(model, f"name-{number}", actor=dana)
    with pytest.raises(Invalid, match="at most 20"):
        protection.protect(model, "one-more", actor=dana)


@pytest.mark.parametrize(
    "alias", ["Champion", "\uff43hampion", "\u0441hampion", "champ\u0131on", "ch\u00e1mpion", "ch\u03b1mpi\u043en"]
)
def test_what_looks_like_champion_is_no_alias_and_opens_no_request(alias: str, dana: Actor, olga: Actor) -> None:
    version = make_version(make_model(dana), dana)
    assert version.model.protects(alias)
    for person in (dana, olga):
        with pytest.raises(Invalid, match="looks like champion, which is a protected alias") as refused:
            transitions.set_alias(version, alias, actor=person)
        assert "Use champion" in refused.value.sentence
        with pytest.raises(Invalid, match="looks like champion"):
            requests.open_request(version, AliasMove(alias), reason="", actor=person)
    assert not ApprovalRequest.objects.exists()


def test_an_alias_keeps_the_name_it_had_before_one_like_it_was_protected(dana: Actor, olga: Actor, rita: Actor) -> None:
    model = make_model(dana)
    transitions.set_alias(make_version(model, dana), "Live", actor=dana)
    protection.protect(model, "live", actor=dana)
    newer = make_version(find_model(model.name, actor=dana), dana)
    assert isinstance(transitions.set_alias(newer, "Live", actor=dana), ApprovalRequired)
    with pytest.raises(Denied):
        transitions.delete_alias(model, "Live", actor=dana)
    transitions.delete_alias(model, "Live", actor=olga)
    with pytest.raises(Invalid, match="looks like live"):
        transitions.set_alias(newer, "Live", actor=dana)
    protection.release(newer.model, "LIVE", actor=rita)
    again = make_version(find_model(model.name, actor=dana), dana)
    assert not isinstance(transitions.set_alias(again, "Live", actor=dana), ApprovalRequired)


def test_other_names_are_free_in_any_alphabet(dana: Actor) -> None:
    model = make_model(dana)
    assert not any(
        model.protects(alias) for alias in ("\u51a0\u519b", "\u0447\u0435\u043c\u043f\u0438\u043e\u043d", "champions")
    )

import pytest

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Denied, Invalid
from registry import grants, registered
from registry.grants import Grant, Right
from registry.models import RegisteredModel
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def seen_by(people: dict[str, Actor], model: RegisteredModel) -> set[str]:
    seen = RegisteredModel.objects
    return {name for name, actor in people.items() if seen.visible_to(actor).filter(pk=model.pk).exists()}


def test_a_right_to_read_opens_a_restricted_model_to_a_person_and_to_a_group(people: dict[str, Actor]) -> None:
    dana = people["dana"]
    model = registered.update_model(make_model(dana), actor=dana, restricted=True)
    grants.give(model, Grant("person", "eli", Right.READ), actor=dana)
    grants.give(model, Grant("group", "reviewer", Right.READ), actor=people["ada"])
    assert seen_by(people, model) == {"dana", "aude", "ada", "eli", "rita", "rob"}
    grants.take(model, Grant("person", "eli", Right.READ), actor=dana)
    assert "eli" not in seen_by(people, model)


def test_a_right_to_write_lets_another_data_scientist_register(dana: Actor, olga: Actor) -> None:
    model = make_model(dana)
    with pytest.raises(Denied):
        registered.set_model_tag(model, "k", "v", actor=olga)
    grants.give(model, Grant("person", "olga", Right.WRITE), actor=dana)
    registered.set_model_tag(model, "k", "v", actor=olga)
    assert make_version(model, dana).version == 1


def test_an_auditor_with_a_right_to_write_still_changes_nothing(dana: Actor, aude: Actor) -> None:
    model = make_model(dana)
    grants.give(model, Grant("person", "aude", Right.WRITE), actor=dana)
    with pytest.raises(Denied):
        registered.set_model_tag(model, "k", "v", actor=aude)


def test_giving_twice_is_one_event_and_only_owner_and_admin_give(people: dict[str, Actor]) -> None:
    model = make_model(people["dana"])
    grant = Grant("person", "eli", Right.READ)
    for _ in range(2):
        grants.give(model, grant, actor=people["dana"])
    assert Event.objects.filter(action="grant.given").count() == 1
    for name in ("eli", "olga", "rita", "aude"):
        with pytest.raises(Denied):
            grants.give(model, Grant("person", name, Right.WRITE), actor=people[name])
    with pytest.raises(Invalid, match="no person"):
        grants.give(model, Grant("person", "nobody", Right.READ), actor=people["dana"])

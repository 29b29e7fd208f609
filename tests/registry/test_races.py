import threading
from collections.abc import Callable

import pytest
from django.db import connections

from accounts.actors import COMMAND, Actor, Via, person
from accounts.users import create_user
from audit import seal
from audit.models import Event, Seal
from audit.verify import verify
from core.refusals import Refusal
from registry import decisions, transitions
from registry.models import Alias, ApprovalRequest, Decision, ModelVersion, PolicyVersion
from registry.models.approvals import RequestState
from registry.policies import changes
from registry.requests import ApprovalRequired
from registry.stages import Stage
from tests.conftest import PEOPLE
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


@pytest.fixture
def crew(committed: None) -> dict[str, Actor]:
    return {name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in PEOPLE.items()}


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Run the deeds in threads that start together; return each result or refusal, in order."""
    barrier = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(place: int, deed: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[place] = deed()
        except Refusal as why:
            results[place] = why
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def approval(request: ApprovalRequest) -> decisions.Choice:
    return decisions.Choice(
        decisions.Verdict.APPROVE, request.subject_digest, "fine", [c.pk for c in request.checks.all()]
    )


def test_a_double_click_on_request_opens_one(crew: dict[str, Actor]) -> None:
    version = make_version(make_model(crew["dana"]), crew["dana"])
    ask = lambda: transitions.transition(version, to=Stage.PRODUCTION, actor=crew["dana"])  # noqa: E731
    results = at_once(ask, ask, ask, ask)
    assert all(isinstance(result, ApprovalRequired) for result in results)
    assert ApprovalRequest.objects.count() == 1
    assert Event.objects.filter(action="request.opened").count() == 1


def test_two_reviewers_at_once_leave_one_approved_request(crew: dict[str, Actor]) -> None:
    request = ask_production(make_version(make_model(crew["dana"]), crew["dana"]), crew["dana"])
    choice = approval(request)
    at_once(*(lambda who=who: decisions.decide(request, choice, actor=crew[who]) for who in ("rita", "rob", "rita")))
    request.refresh_from_db()
    assert request.state == RequestState.APPROVED
    assert Decision.objects.count() == 1
    assert Event.objects.filter(action="request.decided").count() == 1


def test_one_person_at_once_from_several_places_is_not_two_people(crew: dict[str, Actor]) -> None:
    put_in_force(text_of(), crew)
    request = ask_production(make_version(make_model(crew["dana"]), crew["dana"]), crew["dana"])
    choice = approval(request)
    at_once(*[lambda: decisions.decide(request, choice, actor=crew["rita"])] * 4)
    request.refresh_from_db()
    assert (request.state, Decision.objects.count()) == (RequestState.OPEN, 1)
    at_once(*[lambda: decisions.decide(request, choice, actor=crew["rob"])] * 2)
    request.refresh_from_db()
    assert (request.state, Decision.objects.count()) == (RequestState.APPROVED, 2)


def test_a_policy_accepted_at_once_with_a_decision_leaves_nothing_signed_under_the_old_one(
    crew: dict[str, Actor],
) -> None:
    version = make_version(make_model(crew["dana"]), crew["dana"])
    request = ask_production(version, crew["dana"])
    proposed = changes.propose(text_of(), actor=crew["rob"]).version
    choice = approval(request)
    at_once(
        lambda: decisions.decide(request, choice, actor=crew["rita"]),
        lambda: changes.accept(proposed, digest=proposed.digest, comment="agreed", actor=crew["ada"]),
    )
    request.refresh_from_db()
    assert request.state == RequestState.SUPERSEDED
    assert isinstance(transitions.transition(version, to=Stage.PRODUCTION, actor=crew["dana"]), ApprovalRequired)


def test_two_people_accept_at_once_and_one_version_is_in_force(crew: dict[str, Actor]) -> None:
    first = changes.propose(text_of(), actor=crew["rita"]).version
    accept = {"digest": first.digest, "comment": "agreed"}
    at_once(*[lambda who=who: changes.accept(first, actor=crew[who], **accept) for who in ("rob", "ada", "rob")])
    assert PolicyVersion.objects.filter(state="active").count() == 1
    assert Event.objects.filter(action="policy.accepted").count() == 1


def test_an_approval_is_used_once_however_many_ask(crew: dict[str, Actor]) -> None:
    version = make_version(make_model(crew["dana"]), crew["dana"])
    request = ask_production(version, crew["dana"])
    decisions.decide(request, approval(request), actor=crew["rita"])

    def move(who: str) -> Callable[[], object]:
        return lambda: transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=crew[who])

    at_once(move("dana"), move("olga"), move("dana"))
    assert Event.objects.filter(action="version.stage.changed").count() == 1
    assert ApprovalRequest.objects.get().state == RequestState.EXECUTED


def test_an_approval_against_a_transition_never_moves_the_unsigned(crew: dict[str, Actor]) -> None:
    version = make_version(make_model(crew["dana"]), crew["dana"])
    request = ask_production(version, crew["dana"])
    choice = approval(request)
    move = lambda: transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=crew["dana"])  # noqa: E731
    at_once(lambda: decisions.decide(request, choice, actor=crew["rita"]), move, move)
    request.refresh_from_db()
    in_production = ModelVersion.objects.get(pk=version.pk).stage == Stage.PRODUCTION
    assert in_production == (request.state == RequestState.EXECUTED)


def test_two_signed_versions_at_once_leave_one_champion(crew: dict[str, Actor]) -> None:
    model = make_model(crew["dana"])
    made = [make_version(model, crew["dana"]) for _ in range(2)]
    for version in made:
        request = ask_production(version, crew["dana"])
        decisions.decide(request, approval(request), actor=crew["rita"])
    at_once(
        *(
            lambda v=v: transitions.transition(v, to=Stage.PRODUCTION, archive_existing=True, actor=crew["dana"])
            for v in made
        )
    )
    live = ModelVersion.objects.filter(stage=Stage.PRODUCTION)
    assert live.count() == 1
    assert Alias.objects.get(name="champion").version == live.get()


def test_registering_at_once_gives_every_number_once(crew: dict[str, Actor]) -> None:
    model = make_model(crew["dana"])
    at_once(*[lambda: make_version(model, crew["dana"])] * 6)
    assert sorted(ModelVersion.objects.values_list("version", flat=True)) == [1, 2, 3, 4, 5, 6]


def seal_often() -> None:
    for _ in range(5):
        seal.seal()


def test_many_writers_and_two_sealers_leave_a_ledger_without_a_gap(crew: dict[str, Actor]) -> None:
    model = make_model(crew["dana"])
    at_once(*[lambda: make_version(model, crew["dana"])] * 4, *[seal_often] * 2)
    while Event.objects.filter(seal=None).exists():
        seal.seal()
    seal.seal()
    assert list(Seal.objects.order_by("seq").values_list("seq", flat=True)) == list(range(Event.objects.count()))
    assert verify(seal.signer().verifier_key).ok

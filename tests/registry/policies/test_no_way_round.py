"""Whatever people do, in whatever order: nothing enters Production unsigned, or signed under another policy."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Refusal
from registry import decisions, history, registered, requests, transitions
from registry.models import Alias, ApprovalRequest, Decision, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.stages import Stage
from tests.factories import make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ASKERS, JUDGES = ["dana", "eli", "olga"], ["rita", "rob", "dana", "olga"]
numbers, askers, judges = st.sampled_from([0, 1]), st.sampled_from(ASKERS), st.sampled_from(JUDGES)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), numbers, askers),
        st.tuples(st.just("alias"), numbers, askers),
        st.tuples(st.just("approve"), numbers, judges),
        st.tuples(st.just("approve"), numbers, judges),  # twice as often, so that something is signed
        st.tuples(st.just("reject"), numbers, judges),
        st.tuples(st.just("send back"), numbers, judges),
        st.tuples(st.just("archive"), numbers, askers),
        st.tuples(st.just("withdraw"), numbers, askers),
        st.tuples(st.just("policy"), st.sampled_from([1, 2]), st.just("rita")),
        st.tuples(st.just("tier"), numbers, askers),
    ),
    min_size=4,
    max_size=24,
)


@dataclass
class World:
    """The model's versions, and how many people the policy asks for now."""

    people: dict[str, Actor]
    model: RegisteredModel
    versions: list[ModelVersion]
    asked: int = 1
    moved: list[tuple[int, int]] = field(default_factory=list)  # request, and how many were asked for at the move

    def do(self, deed: str, number: int, name: str) -> None:
        """Try it; a refusal is an answer."""
        before = self.entries()
        try:
            with transaction.atomic():
                DEEDS[deed](self, number, self.people[name])
        except Refusal:
            return
        self.moved += [(request, self.asked) for request in self.entries()[len(before) :]]

    def entries(self) -> list[int]:
        """Return the approvals under which something entered Production, or champion moved, in order."""
        rows = Event.objects.filter(action__in=["version.stage.changed", "alias.set"]).order_by("id")
        told = [history.tell(row) for row in rows]
        return [
            int(str(one.facts["approval"]))
            for one in told
            if one.after.get("stage") == Stage.PRODUCTION or one.after.get("alias") == "champion"
        ]

    def waiting(self, number: int) -> ApprovalRequest:
        """Return the newest request of the version."""
        found = ApprovalRequest.objects.filter(version=self.versions[number]).order_by("-pk").first()
        if found is None:
            raise Refusal("Nothing was asked.")
        return requests.find_request(found.pk, actor=self.people["rita"])


def move(world: World, number: int, actor: Actor) -> None:
    transitions.transition(world.versions[number], to=Stage.PRODUCTION, archive_existing=True, actor=actor)


def alias(world: World, number: int, actor: Actor) -> None:
    transitions.set_alias(world.versions[number], "champion", actor=actor)


def archive(world: World, number: int, actor: Actor) -> None:
    transitions.transition(world.versions[number], to=Stage.ARCHIVED, actor=actor)


def decide(verdict: Decision.Verdict) -> Callable[[World, int, Actor], None]:
    def deed(world: World, number: int, actor: Actor) -> None:
        request = world.waiting(number)
        accepted = [check.pk for check in request.checks.all()]
        decisions.decide(request, decisions.Choice(verdict, request.subject_digest, "seen", accepted), actor=actor)

    return deed


def withdraw(world: World, number: int, actor: Actor) -> None:
    requests.withdraw(world.waiting(number), comment="not yet", actor=actor)


def policy(world: World, count: int, _actor: Actor) -> None:
    actions = "[{stage: Production}, {alias: champion}]"
    put_in_force(text_of(actions=actions, approvals=f"[{{group: reviewer, count: {count}}}]"), world.people)
    world.asked = count


def tier(world: World, number: int, actor: Actor) -> None:
    registered.update_model(world.model, risk_tier=["low", "high"][number], actor=actor)


DEEDS: dict[str, Callable[[World, int, Actor], None]] = {
    "move": move, "alias": alias, "archive": archive, "withdraw": withdraw, "policy": policy, "tier": tier,
    "approve": decide(decisions.Verdict.APPROVE), "reject": decide(decisions.Verdict.REJECT),
    "send back": decide(decisions.Verdict.REQUEST_CHANGES),
}  # fmt: skip


def assert_signed(world: World) -> None:
    """Each entry was signed by as many others as were asked for then, and used once."""
    for number, asked in world.moved:
        request = ApprovalRequest.objects.get(pk=number)
        signed = {d.person.username for d in request.decisions.filter(verdict="approve")}
        assert request.state == RequestState.EXECUTED
        assert len(signed & {"rita", "rob"}) >= asked
        assert signed <= {"rita", "rob"}
        assert not request.decisions.exclude(verdict="approve").exists()
    live = ModelVersion.objects.filter(model=world.model, stage=Stage.PRODUCTION)
    assert live.count() <= 1
    assert Event.objects.filter(action="request.executed").count() == len({number for number, _ in world.moved})
    held = Alias.objects.filter(model=world.model, name="champion").first()
    if live and held and not ApprovalRequest.objects.filter(move_key="alias:champion", state="executed").exists():
        assert held.version == live.get()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_order_of_deeds_leads_round_a_signature(people: dict[str, Actor], steps: list[tuple[str, int, str]]) -> None:
    with transaction.atomic():
        model = make_model(people["dana"])
        world = World(people, model, [make_version(model, people["dana"]) for _ in range(2)])
        for step in steps:
            world.do(*step)
        assert_signed(world)
        transaction.set_rollback(True)


def test_the_deeds_can_lead_to_production(people: dict[str, Actor]) -> None:
    model = make_model(people["dana"])
    world = World(people, model, [make_version(model, people["dana"]) for _ in range(2)])
    for step in [
        ("policy", 2, "rita"), ("move", 0, "dana"), ("approve", 0, "rita"), ("approve", 0, "rita"), ("move", 0, "dana"),
        ("approve", 0, "rob"), ("move", 0, "dana"), ("alias", 1, "eli"), ("approve", 1, "rita"), ("approve", 1, "rob"),
        ("alias", 1, "eli"),
    ]:  # fmt: skip
        world.do(*step)
    assert [asked for _, asked in world.moved] == [2, 2, 2]
    assert_signed(world)

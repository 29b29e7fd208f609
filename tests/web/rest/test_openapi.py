"""Own REST answers as its OpenAPI says, to what fits the description and to what breaks it: schemathesis makes both."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi, serializer
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks

from accounts import tokens
from accounts.actors import COMMAND, Actor, Via, person
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user
from deployments import endpoints
from registry.webhooks import hooks
from registry.webhooks.models import Channel
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of
from web.rest.urls import urlpatterns

pytestmark = pytest.mark.django_db
FEW, MANY = 5, 200  # calls of an operation; the few are the same each time
AREAS = sorted({str(route.pattern).partition("/")[0] for route in urlpatterns} - {"schema"})
EITHER = {GenerationMode.POSITIVE: [checks.positive_data_acceptance], GenerationMode.NEGATIVE: []}
"""What fits may still be refused: a filter has a grammar, a move one goal, a name its letters, each in a sentence."""
QUIET: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
BY_QUERY = [checks.negative_data_rejection]
"""A parameter that is empty counts as absent."""


@serializer("application/x-ndjson")
def lines_of(context: Any, value: Any) -> bytes:
    """Return a text as it is: lines are not made of one value."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@cache
def schema() -> BaseSchema:
    generator: Any = SchemaGenerator
    said = json.loads(json.dumps(generator().get_schema(public=True), default=str))
    loaded = openapi.from_dict(said)
    loaded.app = get_wsgi_application()
    return loaded


def operations(area: str) -> list[APIOperation[Any, Any, Any, Any]]:
    found: list[Any] = list(schema().get_all_operations())
    every: list[APIOperation[Any, Any, Any, Any]] = [one.ok() for one in found]
    return [one for one in every if one.path.split("/")[3] == area]


@pytest.fixture
def headers(db: None) -> dict[str, str]:
    """Whoever may do everything: nothing is stopped at the door. Compressed answers would be read as they are."""
    actor = person(create_user("mia", roles=list(Role), actor=COMMAND), Via.PASSWORD)
    text = tokens.mint(actor.person, label="x", scopes=list(Scope), days=1, actor=actor, fresh=True)[1]
    return {"Authorization": f"Bearer {text}", "Accept-Encoding": "identity"}


@pytest.fixture
def things(people: dict[str, Actor]) -> dict[str, Any]:
    """One of each thing, by the names that fields and addresses have for them."""
    dana = people["dana"]
    version = make_version(make_model(dana, "scene"), dana)
    request = ask_production(version, dana)
    endpoint = endpoints.create_endpoint("scene", model=version.model, environment="staging", actor=people["eli"])
    put_in_force(text_of("scene"), people)
    wish = hooks.Wish(name="hook", url="https://127.0.0.1:9/", events=["version.registered"])
    webhook, _ = hooks.create(Channel.SIGNOFF, wish, actor=people["ada"])
    return {
        "name": version.model.name, "model": version.model.name, "number": version.version, "version": version.version,
        "run_id": version.run_id, "endpoint": endpoint.name, "webhook_id": str(webhook.pk), "seq": 0,
        "subject_digest": request.subject_digest,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _within_the_tests_transaction() -> Iterator[None]:
    """Keep the connection between calls, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def cases(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, things: dict[str, Any]) -> Any:
    """Return calls about nothing in particular, and about the things that are there."""
    known = {one.name: things[one.name] for one in operation.path_parameters if one.name in things}
    about = operation.as_strategy(mode, path_parameters=known).map(lambda case: aimed(case, mode, things))
    return st.one_of(operation.as_strategy(mode), about)


def aimed(case: Case[Any], mode: GenerationMode, things: dict[str, Any]) -> Case[Any]:
    if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
        case.body = {key: things.get(key, value) for key, value in case.body.items()}
    return case


def hold(area: str, times: int, headers: dict[str, str], things: dict[str, Any]) -> int:
    """Call each operation of `area` so often with what fits and so often with what does not; return how many calls."""
    return sum(call(one, mode, times, headers, things) for one in operations(area) for mode in EITHER)


def call(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    times: int,
    headers: dict[str, str],
    things: dict[str, Any],
) -> int:
    excluded: list[Any] = [*EITHER[mode], *(BY_QUERY if operation.method.upper() in {"GET", "DELETE"} else [])]
    called: list[Case[Any]] = []

    @settings(max_examples=times, derandomize=times == FEW, phases=[Phase.generate], **QUIET)
    @given(cases(operation, mode, things))
    def answers(case: Case[Any]) -> None:
        called.append(case)
        with transaction.atomic():
            case.call_and_validate(headers=headers, excluded_checks=excluded)
            transaction.set_rollback(True)

    answers()
    return len(called)


@pytest.mark.parametrize("area", AREAS)
def test_each_operation_answers_as_it_is_described(area: str, headers: dict[str, str], things: dict[str, Any]) -> None:
    assert hold(area, FEW, headers, things) >= len(operations(area)) > 0


@pytest.mark.soak
@pytest.mark.parametrize("area", AREAS)
def test_each_operation_goes_on_doing_so(area: str, headers: dict[str, str], things: dict[str, Any]) -> None:
    assert hold(area, MANY, headers, things) >= len(operations(area)) > 0


def test_no_operation_is_left_out() -> None:
    every = sum(1 for _ in schema().get_all_operations())
    assert sum(len(operations(area)) for area in AREAS) == every > 60

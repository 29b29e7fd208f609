"""Walks every route × person × object. A route that tests/web/deeds.py does not list fails here."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.db import connections, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from accounts import tokens
from accounts.actors import COMMAND, Actor, Via, person
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user
from audit import seal
from audit.models import Event, Mismatch, Verification
from core import clock
from deployments import endpoints, rollouts
from deployments.batch import jobs, schedules
from deployments.models import Alert, BatchJob
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from monitoring.models import LabelFile, Prediction
from registry import discussion, registered, transitions, uploads, versions
from registry.artifacts import parse_place
from registry.models import Experiment, LoggedModel, Run, RunTag
from registry.models.tracking import Lifecycle
from registry.policies import changes as policy_changes
from registry.webhooks import deliveries, hooks
from registry.webhooks.models import Channel
from tests.conftest import PEOPLE
from tests.factories import ask_production, count_feature, locked, make_model, make_run, make_version, put
from tests.registry.policies.hands import text_of
from tests.web.deeds import ADMIN_REST, ADMIN_ROWS, DEEDS, NOBODY, READERS, Deed

pytestmark = pytest.mark.django_db
REFUSED = {401, 403, 404}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
HOOK = hooks.Wish(name="hook", url="http://127.0.0.1:9/hook", events=["registered_model.created"])
BACKEND = "django.contrib.auth.backends.ModelBackend"


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, object]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))
        else:
            yield before + str(pattern.pattern), pattern.callback


def test_every_route_is_listed_with_every_method_it_takes() -> None:
    listed = {(deed.method, deed.route) for deed in DEEDS}
    known = {route for _, route in listed}
    for route, view in routes(get_resolver().url_patterns):
        if route.startswith(("admin/", "ajax-api/", "^(?:api|ajax-api)/")):
            continue  # the admin has its own test; ajax-api is the same table under another name
        assert route in known, f"{route} is not in tests/web/deeds.py: say who may use it"
        for method in getattr(view, "methods", ()):
            assert (method, route) in listed, f"{method} {route} is not in tests/web/deeds.py"


def test_the_browser_twin_of_mlflows_paths_has_the_same_routes() -> None:
    found = dict(routes(get_resolver().url_patterns))
    for route, view in found.items():
        if route.startswith("ajax-api/"):
            assert found[route.removeprefix("ajax-")] is view


@pytest.fixture(scope="module")
def one_scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[SimpleNamespace]:
    """The scene and its people, made once: each test has what it changes rolled back, around it and inside."""
    with django_db_blocker.unblock(), ExitStack() as both:
        for name in connections:
            both.enter_context(transaction.atomic(using=name))
        people = {
            name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in PEOPLE.items()
        }
        yield SimpleNamespace(people=people, **vars(laid_out(people)))
        for name in connections:
            transaction.set_rollback(True, using=name)


@pytest.fixture
def people(one_scene: SimpleNamespace, db: None) -> dict[str, Actor]:
    found: dict[str, Actor] = one_scene.people
    return found


@pytest.fixture
def scene(one_scene: SimpleNamespace, db: None) -> SimpleNamespace:
    put_beside(one_scene.run, one_scene.dana)  # files know no rollback
    return one_scene


def laid_out(people: dict[str, Actor]) -> SimpleNamespace:
    """dana's model with two versions, an open request, a comment, a threshold, a run with files, a logged model."""
    dana = people["dana"]
    model = make_model(dana, "Scene")
    registered.set_threshold(model, metric="f1", comparison=">", value=0, required=False, actor=people["rita"])
    run = make_run(dana)
    logged = LoggedModel.objects.create(
        model_id="m-" + "a" * 32, experiment_id=0, name="m", author=dana.person, tags={"old": "x"}, source_run=run
    )
    came = versions.Registration(source=f"runs:/{run.run_id}/model", run_id=run.run_id, model_id=logged.model_id)
    first, second = versions.register_version(model, came, actor=dana), make_version(model, dana)
    transitions.set_alias(first, "first", actor=dana)
    request = ask_production(second, dana)
    comment = discussion.add_comment(request, body="see the plot", actor=dana)
    seal.seal()
    event = Event.objects.select_related("seal").filter(model_uuid=model.uuid).latest("id")
    experiment = Experiment.objects.create(name="e", tags={"old": "x"})
    gone = Experiment.objects.create(name="gone", lifecycle_stage=Lifecycle.DELETED)
    token, _ = tokens.mint(dana.person, label="x", scopes=[Scope.READ], days=1, actor=dana)
    RunTag.objects.create(run_id=first.run_id, key="old", value="x")
    put_beside(first.run_id, dana)
    staged = endpoints.create_endpoint("scene", model=model, environment="staging", actor=people["eli"])
    rollout = rollouts.start(locked(first), staged, Plan(Strategy.ALL_AT_ONCE), actor=people["eli"])
    rollouts.begin(rollout)
    rollouts.advance(rollout, RolloutState.DONE)
    rollouts.install(rollout)
    alert = Alert.objects.create(endpoint=staged, rule="slow", then="notify", words="slow")
    count_feature("scene", "1", "age", [30.0], [31.0])
    stored = jobs.find_stored(f"runs:/{first.run_id}/plots/roc.png", actor=dana)
    job = BatchJob.objects.create(
        endpoint=staged, version=first, rollout=rollout, digest=rollout.digest, input_id=stored.sha256, input_name="f",
        result_id=stored.sha256, manifest_id=stored.sha256, created_by=people["eli"].person,
    )  # fmt: skip
    Prediction.objects.create(endpoint="scene", request_id="q", at=clock.now())
    schedule = schedules.make(staged, "runs:/a/b", "0 6 * * *", jobs.Wish(), actor=people["eli"])
    labelled = LabelFile.objects.create(endpoint="scene", name="labels.csv", by="dana")
    webhook, _ = hooks.create(Channel.MLFLOW, HOOK, actor=people["ada"])
    wish = hooks.Wish(name="databricks", url=HOOK.url, events=["COMMENT_CREATED"])
    workspace_hook, _ = hooks.create(Channel.WORKSPACE, wish, actor=people["ada"])
    delivery = deliveries.example_delivery(webhook, "registered_model.created")
    caller, _ = endpoints.mint_endpoint_token(staged, label="c", days=1, actor=people["eli"])
    create_user("robin", roles=[Role.REVIEWER], actor=COMMAND)
    policy = policy_changes.propose(text_of("scene"), actor=people["ada"]).version
    beside = parse_place(f"0/{first.run_id}/artifacts/plots/part.bin")
    differs = Mismatch.objects.create(kind="stage", key=f"{model.uuid}/1", label="stage of it", found_at=clock.now())
    upload = uploads.begin_upload(beside, parts=1, actor=dana)
    return SimpleNamespace(
        labelled=labelled.pk, job=job.pk, schedule=schedule.pk,
        upload=upload.pk, alert=alert.pk, mismatch=differs.pk, policy=policy.text,
        policy_digest=policy.digest,
        model=model, name="Scene", number=request.pk, version=1, run=first.run_id, root=f"0/{first.run_id}/artifacts",
        digest=request.subject_digest, comment_id=comment.pk, threshold_id=model.thresholds.get().pk, token_id=token.pk,
        rollout=rollout.pk, caller=caller.pk, seq=event.seal.seq, row=event.pk, experiment=experiment.pk, gone=gone.pk,
        logged=logged.model_id, dana=dana, webhook=str(webhook.pk), delivery=delivery.pk, comment=comment.pk,
        verification=Verification.objects.create(asked_by="aude", began_at=clock.now(), seen_at=clock.now()).pk,
        workspace_hook=str(workspace_hook.pk), tomorrow=clock.iso(clock.now() + timedelta(days=1)),
    )  # fmt: skip


def put_beside(run_id: str, dana: Actor) -> None:
    put(Run.objects.get(run_id=run_id), "plots/roc.png", b"png", dana)


def address(deed: Deed, scene: SimpleNamespace) -> str:
    at_endpoint = deed.route.removeprefix("api/v1/").startswith("endpoints/")
    at_policy = deed.route.removeprefix("api/v1/").startswith("policies/")
    values = {
        "name": "scene" if at_endpoint or at_policy else scene.name, "number": number_in(deed, scene),
        "token_id": scene.caller if at_endpoint else scene.token_id,
        "alert_id": scene.alert, "threshold_id": scene.threshold_id, "comment_id": scene.comment_id,
        "seq": scene.seq, "row": scene.row, "run_id": scene.run, "experiment_id": "0",
        "model_id": scene.logged, "tag_key": "old",
        "form": "csv", "secret": "x" * 43, "path": f"{scene.root}/plots/roc.png",
        "digest": "d" * 64, "sha256": "a" * 64, "which": "manifest",
        "webhook_id": scene.webhook, "delivery_id": scene.delivery, "folder": f"{scene.root}/plots", "signed": "x" * 43,
    }  # fmt: skip
    return "/" + PARAMETER.sub(lambda found: str(values[found.group(1)]), deed.route) + filled(deed.query, scene)


def number_in(deed: Deed, scene: SimpleNamespace) -> int:
    """Return what the route's number stands for: a deployment, a request, or a version."""
    if deed.route.startswith(("deployments/", "api/v1/rollouts/")):
        return int(scene.rollout)
    for word, number in (
        ("verification", scene.verification), ("schedules", scene.schedule), ("batch", scene.job),
        ("labels/", scene.labelled), ("mismatches", scene.mismatch), ("approvals", scene.number),
        ("requests", scene.number),
    ):  # fmt: skip
        if word in deed.route:
            return int(number)
    return 1


def filled(text: str, scene: SimpleNamespace) -> str:
    for name, value in vars(scene).items():
        text = text.replace("{" + name + "}", str(value))
    return text


def send(deed: Deed, scene: SimpleNamespace, actor: Actor | None) -> HttpResponseBase:
    client, url = Client(), address(deed, scene)
    is_api = deed.route.startswith(("api/", "get-artifact", "model-versions/"))
    headers = {}
    if actor and is_api:
        scopes = list(Scope)
        text = tokens.mint(actor.person, label="x", scopes=scopes, days=1, actor=COMMAND, fresh=True)[1]
        headers = {"Authorization": f"Bearer {text}"}
    elif actor:
        client.force_login(actor.person, backend=BACKEND)
    body = {name: filled(value, scene) if isinstance(value, str) else value for name, value in deed.body.items()}
    if is_api:
        return client.generic(
            deed.method, url, json.dumps(body) if deed.method != "GET" else "", "application/json", headers=headers
        )
    return client.post(url, body) if deed.method == "POST" else client.get(url)


def got_through(response: HttpResponseBase) -> bool:
    """A refusal that carries the link of the request it opened is an answer, not a closed door."""
    if response.status_code == 302 and response["Location"].startswith(("/login", "/admin/login")):
        return False
    is_json = response.get("Content-Type", "").startswith("application/json")
    if response.status_code == 403 and is_json and b"/approvals/" in response.content:  # type: ignore[attr-defined]
        return True
    return response.status_code not in REFUSED


@pytest.mark.parametrize("deed", DEEDS, ids=[f"{deed.method} /{deed.route}" for deed in DEEDS])
def test_each_route_lets_through_exactly_whom_it_should(
    deed: Deed, scene: SimpleNamespace, people: dict[str, Actor]
) -> None:
    for restricted, expected in ((False, deed.open), (True, deed.in_shut)):
        registered.update_model(scene.model, actor=scene.dana, restricted=restricted)
        passed, statuses = set(), {}
        for name, actor in people.items():
            with transaction.atomic():
                response = send(deed, scene, None if deed.public else actor)
                transaction.set_rollback(True)
            statuses[name] = response.status_code
            assert response.status_code < 500 or response.status_code == 501, (name, response)
            if got_through(response):
                passed.add(name)
        if not deed.public:
            assert passed == set(expected), f"restricted={restricted}: {statuses}"


def admin_routes() -> list[str]:
    return [
        route.removeprefix("admin/") for route, _ in routes(get_resolver().url_patterns) if route.startswith("admin/")
    ]


def test_every_page_of_the_admin_site_is_listed() -> None:
    labels = {f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry}
    assert labels == set(ADMIN_ROWS), "say in tests/web/deeds.py who reads and changes them"
    rows = tuple(f"{label}/" for label in labels)
    rest = {re.sub("<app_label>[^)]*", "<app_label>…", route) for route in admin_routes() if not route.startswith(rows)}
    assert rest == set(ADMIN_REST)


@pytest.mark.parametrize("path", filter(None, ADMIN_REST.values()))
def test_the_rest_of_the_admin_site_is_for_its_readers(path: str, people: dict[str, Actor]) -> None:
    for name, actor in people.items():
        client = Client()
        client.force_login(actor.person, backend=BACKEND)
        answer = client.get(path)
        assert got_through(answer) == (name in READERS), (name, answer.status_code)


@pytest.mark.parametrize("label", ADMIN_ROWS)
def test_the_admin_site_lets_through_exactly_whom_it_should(
    label: str, scene: SimpleNamespace, people: dict[str, Actor]
) -> None:
    readers, changers, adders = ADMIN_ROWS[label]
    model = apps.get_model(label.replace("/", "."))
    first = model._default_manager.first()
    row, count = quote(first.pk) if first else "0", model._default_manager.count()
    expected = {
        ("GET", ""): readers, ("GET", f"{row}/change/"): readers, ("GET", "add/"): adders,
        ("POST", "add/"): adders, ("POST", f"{row}/change/"): changers,
        ("GET", f"{row}/delete/"): NOBODY, ("POST", f"{row}/delete/"): NOBODY,
    }  # fmt: skip
    if first:
        expected["GET", f"{row}/history/"] = readers
    for (method, path), through in expected.items():
        passed = set()
        for name, actor in people.items():
            client = Client()
            client.force_login(actor.person, backend=BACKEND)
            with transaction.atomic():
                answer = client.generic(method, f"/admin/{label}/{path}")
                transaction.set_rollback(True)
            assert answer.status_code < 500, (name, path)
            if got_through(answer):
                passed.add(name)
        assert passed == set(through), f"{method} {path}"
    assert model._default_manager.count() == count


@pytest.mark.parametrize("label", ADMIN_ROWS)
def test_no_bulk_action_of_the_admin_site_changes_a_row_for_those_who_only_read(
    label: str, scene: SimpleNamespace, people: dict[str, Actor]
) -> None:
    model = apps.get_model(label.replace("/", "."))
    chosen = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)[:5]]
    before = list(model._default_manager.order_by("pk").values())
    for action in ("delete_selected", *(admin.site._registry[model].actions or ())):
        for name in ("dana", "rita", "aude", "otto"):
            client = Client()
            client.force_login(people[name].person, backend=BACKEND)
            answer = client.post(f"/admin/{label}/", {"action": action, ACTION_CHECKBOX_NAME: chosen, "post": "yes"})
            assert answer.status_code < 500, (name, action)
    after = list(model._default_manager.order_by("pk").values())
    if label != "audit/event":  # refusals are told there
        assert [_lasting(row) for row in after[: len(before)]] == [_lasting(row) for row in before]
    assert len(after) >= len(before)


def _lasting(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "last_login"}


def test_nobody_gets_through_without_signing_in(scene: SimpleNamespace) -> None:
    through = [deed for deed in DEEDS if not deed.public and got_through(send(deed, scene, None))]
    assert through == []

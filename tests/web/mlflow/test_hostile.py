"""Whatever is put into any field of any call, the answer is JSON and no 5xx: clients would repeat it seven times."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from django.db import transaction

from accounts.actors import COMMAND, Actor, Via, person
from accounts.roles import Role
from accounts.users import create_user
from registry import transitions
from registry.models import LoggedModel
from registry.webhooks import hooks
from registry.webhooks.models import Channel
from tests.factories import make_model, make_version
from tests.web.deeds import ARTIFACTS, REGISTRY, TRACKING, WEBHOOKS, Deed
from tests.web.mlflow.conftest import Api

pytestmark = pytest.mark.django_db
DEEDS = [*REGISTRY, *TRACKING, *(deed for deed in WEBHOOKS if "/mlflow/" in deed.route)]
TEXTS = [
    "", "a\0b", "\u202egnp\n.exe", "<script>alert(1)</script>", "x" * 70_000, "..%252f../%2e%2e/etc/passwd",
    "'; DROP TABLE audit_event; --", "((((", "name LIKE '%' AND tags.`", "-1", "9" * 30, "NaN",
]  # fmt: skip
OTHERS: list[Any] = [None, True, 1.5, 2**70, [1], [[]], {"a": 1}, [{"key": "\0"}]]
SEARCHED = frozenset({"filter", "order_by", "page_token", "max_results"})
PATHS = [
    "..", "../x", "a/../../x", "%2e%2e/x", "%252e%252e/x", "..%2fx", "..%5cx", "a\\..\\x", "/etc/passwd", "//etc/x",
    "C:/x", "a/%00", "a/\x01", "0/../1", ".", "a//b", "a/./b", "~/x", "\u202ex", "x" * 5000, "versions", "versions/x/1",
]  # fmt: skip


@pytest.fixture
def api(db: None, dana: Actor) -> Api:
    """Whoever may do everything: nothing is stopped at the door."""
    roles = [Role.ML_ENGINEER, Role.OPS, Role.ADMIN]
    return Api(person(create_user("mia", roles=roles, actor=COMMAND), Via.PASSWORD))


@pytest.fixture
def things(api: Api, dana: Actor, ada: Actor) -> dict[str, str]:
    version = make_version(make_model(dana, "Scene"), dana)
    transitions.set_alias(version, "first", actor=dana)
    logged = LoggedModel.objects.create(model_id="m-" + "a" * 32, experiment_id=0, name="m", author=dana.person)
    wish = hooks.Wish(name="hook", url="http://127.0.0.1:9/", events=["model_version.created"])
    webhook, _ = hooks.create(Channel.MLFLOW, wish, actor=ada)
    return {
        "name": "Scene", "run": version.run_id, "root": f"0/{version.run_id}/artifacts", "experiment": "0",
        "logged": logged.pk, "model_id": logged.pk, "tag_key": "k", "webhook_id": str(webhook.pk),
    }  # fmt: skip


def filled(text: str, things: dict[str, str]) -> str:
    text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
    return re.sub(r"\{(\w+)\}", lambda found: things.get(found[1], "x"), text)


def spoilt(deed: Deed, things: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the call once for each field and hostile value."""
    url = "/" + filled(deed.route, things)
    if deed.method == "GET":
        query = dict(parse_qsl(filled(deed.query, things).removeprefix("?")))
        for name in {*query, *(SEARCHED if "search" in url or "webhooks" in url else ())}:
            for text in TEXTS:
                yield f"{url}?{urlencode({**query, name: text})}", {}
        return
    body = {key: filled(value, things) if isinstance(value, str) else value for key, value in deed.body.items()}
    for name in {*body, *(SEARCHED if "search" in url else {"tags"} if "create" in url else ())}:
        for value in [*TEXTS, *OTHERS]:
            yield url, {**body, name: value}


@pytest.mark.parametrize("deed", DEEDS, ids=[f"{deed.method} {deed.route}" for deed in DEEDS])
def test_no_value_of_any_field_is_answered_with_a_5xx(deed: Deed, api: Api, things: dict[str, str]) -> None:
    if deed.route.endswith("/test"):
        deed = Deed(deed.method, deed.route, body={"event": "x"})
    for url, body in spoilt(deed, things):
        with transaction.atomic():
            sent = json.dumps(body) if deed.method != "GET" else ""
            answer = api.http.generic(deed.method, url, sent, content_type="application/json")
            transaction.set_rollback(True)
        assert answer.status_code < 500, (url, body, answer.content[:300])
        assert isinstance(json.loads(answer.content), dict), (url, body)
        assert answer.status_code != 429


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_leads_out_of_what_is_kept(api: Api, things: dict[str, str], path: str) -> None:
    for before in ("", f"{things['root']}/"):
        for raw in {before + path, quote(before + path), quote(before + path, safe="")}:
            for deed in ARTIFACTS:
                if "<path:path>" not in deed.route:
                    continue
                url = "/" + deed.route.replace("<path:path>", raw.replace("\x01", "%01").replace("?", "%3F"))
                answer = api.http.generic(deed.method, url, b"x", content_type="application/json")
                assert answer.status_code < 500 or answer.status_code == 501, (deed.method, url)
                assert b"root:" not in b"".join(answer) if answer.streaming else b"root:" not in answer.content
            for place in ("mlflow-artifacts/artifacts", "mlflow/artifacts/list"):
                query = {"path": before + path, "run_id": things["run"]}
                listed = api.http.get(f"/api/2.0/{place}", query)
                assert listed.status_code in {200, 400, 404}, (place, path)


SCHEMES = [
    "",
    "file:",
    "file://",
    "runs:/{run}/",
    "mlflow-artifacts:/",
    "mlflow-artifacts:/{root}/",
    "models:/",
    "s3://b/",
]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_source_leads_out_of_what_is_kept(api: Api, things: dict[str, str], scheme: str) -> None:
    for path in PATHS:
        source = filled(scheme, things) + path
        answer = api.post("model-versions/create", name="Scene", source=source)
        assert answer.status_code in {200, 400, 404}, source
        climbs = re.search(r"(^|[/\\]|%2f|%5c)(\.\.|%2e%2e|%252e%252e)", source, re.IGNORECASE)
        if climbs or not scheme or scheme.startswith("file"):
            assert answer.status_code != 200, source


BAD_NAMES = [
    "a\tb", "a\0b", "a\x7fb", "\u202eabc", "a\u2066b", "a\u200bb", "\ufeffa", "a\u2028b", " a", "a ", "x" * 301,
]  # fmt: skip
ODD_NAMES = ["<b>bold", "a&b", "x" * 300, "Größe 1", "模型", "a'b\"c", "%2e%2e"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_look_like_another_are_refused(api: Api, name: str) -> None:
    assert api.post("registered-models/create", name=name).status_code == 400


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_are_only_odd_are_kept_and_shown_as_they_are(api: Api, name: str) -> None:
    assert api.post("registered-models/create", name=name).status_code == 200
    assert api.get("registered-models/get", name=name).json()["registered_model"]["name"] == name
    found = api.get("registered-models/search", filter="name LIKE '%'").json()["registered_models"]
    assert name in [model["name"] for model in found]

"""A list takes as many statements for many rows as for few, whoever's REST it is: nothing is asked for each row."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from deployments import endpoints, rollouts
from deployments.plan import Strategy
from deployments.plans import Plan
from registry import experiments, logged_models, measurements, registered, transitions, versions
from registry.measurements import Batch, Measurement
from registry.models import Experiment
from registry.webhooks import hooks
from registry.webhooks.models import Channel, Delivery
from tests.deployments.hands import Hands
from tests.deployments.story import locked_version
from tests.factories import ask_production, locked, make_model, make_run, put
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
MOST = 12
ML = "/api/2.0/mlflow"
LISTS: list[tuple[str, str, str, dict[str, Any]]] = [  # what holds the rows, and the call
    ("registered_models", "GET", f"{ML}/registered-models/search", {}),
    ("registered_models", "GET", f"{ML}/registered-models/list", {}),
    ("model_versions", "GET", f"{ML}/model-versions/search", {}),
    ("model_versions", "GET", f"{ML}/model-versions/search", {"filter": "name LIKE 'many%'"}),
    ("model_versions", "GET", f"{ML}/model-versions/search", {"filter": "tags.team = 'risk'"}),
    ("experiments", "POST", f"{ML}/experiments/search", {"max_results": 100}),
    ("runs", "POST", f"{ML}/runs/search", {"experiment_ids": ["0"]}),
    ("runs", "POST", f"{ML}/runs/search", {"experiment_ids": ["0"], "order_by": ["metrics.auc"]}),
    ("models", "POST", f"{ML}/logged-models/search", {"experiment_ids": ["0"]}),
    ("metrics", "GET", f"{ML}/metrics/get-history", {"run_id": "RUN", "metric_key": "auc"}),
    ("files", "GET", f"{ML}/artifacts/list", {"run_id": "RUN"}),
    ("webhooks", "GET", f"{ML}/webhooks", {}),
    ("webhooks", "GET", f"{ML}/registry-webhooks/list", {}),
    ("", "GET", "/api/v1/models", {}),
    ("", "GET", "/api/v1/versions", {}),
    ("", "GET", "/api/v1/models/many/versions", {}),
    ("", "GET", "/api/v1/requests", {"tab": "all"}),
    ("", "GET", "/api/v1/endpoints", {}),
    ("", "GET", "/api/v1/rollouts", {}),
    ("", "GET", "/api/v1/policies", {}),
    ("", "GET", "/api/v1/webhooks", {}),
    ("", "GET", "/api/v1/webhooks/HOOK/deliveries", {}),
    ("events", "GET", "/api/v1/audit/events", {"limit": 250}),
]  # fmt: skip


class Shelf:
    """Rows of each kind, more of them each time."""

    def __init__(self, people: dict[str, Actor], hands: Hands) -> None:
        self.people, self.hands, self.count = people, hands, 0
        self.run = make_run(people["dana"])
        self.many = make_model(people["dana"], "many")
        wish = hooks.Wish(name="first", url="https://127.0.0.1:9/", events=["version.registered"])
        self.hook = hooks.create(Channel.SIGNOFF, wish, actor=people["ada"])[0]

    def grow(self) -> None:
        """Add one of everything."""
        self.count += 1
        n, dana, eli, ada = self.count, self.people["dana"], self.people["eli"], self.people["ada"]
        model = make_model(dana, f"many-{n}")
        registered.set_model_tag(model, "team", "risk", actor=dana)
        version = locked_version(model, dana)
        versions.set_version_tag(version, "team", "risk", actor=dana)
        versions.annotate(version, title="note", body="words", actor=dana)
        transitions.set_alias(version, "blue", actor=dana)
        ask_production(version, dana)
        locked_version(self.many, dana)
        experiments.create_experiment(f"trials {n}", actor=dana)
        run = make_run(dana, metrics={"auc": 0.5})
        logged_models.create_logged_model(Experiment.objects.get(pk=0), name="one", actor=dana, params={"a": "b"})
        measurements.log_batch(run, Batch([Measurement("auc", n / 7, n)], [("p", "1")], {"k": "v"}), actor=dana)
        measurements.log_batch(self.run, Batch([Measurement("auc", n / 7, n)]), actor=dana)
        put(self.run, f"file-{n}", b"x", dana)
        endpoint = endpoints.create_endpoint(f"many-{n}", model=model, environment="staging", actor=eli)
        rollouts.start(locked(version), endpoint, Plan(Strategy.ALL_AT_ONCE), actor=eli)
        put_in_force(text_of(f"policy-{n}", order=10 + n, match="  models: [nothing]\n"), self.people)
        for channel, event in (
            (Channel.MLFLOW, "model_version.created"),
            (Channel.WORKSPACE, "COMMENT_CREATED"),
            (Channel.SIGNOFF, "version.registered"),
        ):
            wish = hooks.Wish(name=f"hook-{n}", url="https://127.0.0.1:9/", events=[event])
            hooks.create(channel, wish, actor=ada)
        Delivery.objects.create(webhook=self.hook, seq=n, event="version.registered", body="{}")


def asked(client: Client, method: str, path: str, sent: dict[str, Any]) -> Any:
    return client.get(path, sent) if method == "GET" else client.post(path, sent, content_type="application/json")


def test_no_list_asks_for_each_row(people: dict[str, Actor], hands: Hands) -> None:
    shelf, ada = Shelf(people, hands), people["ada"]
    token = tokens.mint(ada.person, label="x", scopes=[Scope.READ, Scope.WRITE], days=1, actor=ada)[1]
    client = Client(headers={"Authorization": f"Bearer {token}"})
    shelf.grow()
    shelf.grow()
    few = {place: counted(client, shelf, place) for place in range(len(LISTS))}
    for _ in range(3):
        shelf.grow()
    many = {place: counted(client, shelf, place) for place in range(len(LISTS))}
    assert [(LISTS[place], few[place], rows) for place, (rows, _) in many.items() if rows < few[place][0] + 3] == []
    assert [(LISTS[n], few[n], more) for n, (_, more) in many.items() if more > min(few[n][1], MOST)] == []


def counted(client: Client, shelf: Shelf, place: int) -> tuple[int, int]:
    """Return how many rows the call answers with, and by how many statements."""
    key, method, path, sent = LISTS[place]
    sent = {name: shelf.run.pk if value == "RUN" else value for name, value in sent.items()}
    path = path.replace("HOOK", str(shelf.hook.pk))
    with CaptureQueriesContext(connection) as statements:
        answer = asked(client, method, path, sent)
    assert answer.status_code == 200, (path, answer.content)
    said = answer.json()
    return len(said[key] if key else said), len(statements)

"""The stand-in of an API server refuses what a real one refuses: else what passes here proves nothing."""

import copy
import threading
from typing import Any

import pytest

from tests.contracts.targets.cluster import schemas
from tests.contracts.targets.cluster.refused import Refused
from tests.contracts.targets.cluster.store import Body, Store

DEPLOYMENT, SECRET, ROUTE = (schemas.by_plural(plural) for plural in ("deployments", "secrets", "httproutes"))


@pytest.fixture
def store() -> Store:
    return Store(frozenset({"models"}))


def deployment(**spec: Any) -> Body:
    labels = {"app": "it"}
    container = {"name": "serve", "image": "one", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }  # fmt: skip


def apply(store: Store, body: Body, manager: str = "signoff", *, force: bool = False) -> Body:
    return store.apply(DEPLOYMENT, "models", "it", body, manager, force=force)


def container(body: Body) -> Body:
    return dict(body["spec"]["template"]["spec"]["containers"][0])


def test_what_is_read_is_what_was_applied_with_an_identity_and_a_number(store: Store) -> None:
    made = apply(store, deployment(replicas=2))
    assert made["metadata"]["uid"]
    assert made["metadata"]["generation"] == 1
    assert apply(store, deployment(replicas=2))["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    more = apply(store, deployment(replicas=3))
    assert int(more["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert more["metadata"]["generation"] == 2
    assert more["metadata"]["uid"] == made["metadata"]["uid"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("spec", "replicas"), "3", "replicas"),
        (("spec", "colour"), "red", "colour"),
        (("spec", "template", "spec", "containers"), [{"image": "nameless"}], "name"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(store: Store, path: tuple[str, ...], value: Any, said: str) -> None:
    body = deployment()
    place = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(Refused, match=said) as why:
        store.create(DEPLOYMENT, "models", body, "anybody")
    assert why.value.code == 422


def test_a_selector_cannot_be_changed(store: Store) -> None:
    apply(store, deployment())
    other = deployment(selector={"matchLabels": {"app": "other"}})
    with pytest.raises(Refused, match="immutable"):
        apply(store, other)


def test_a_write_on_top_of_what_is_not_there_any_more_is_a_conflict(store: Store) -> None:
    first = apply(store, deployment(replicas=1))
    apply(store, deployment(replicas=2))
    late = deployment(replicas=9)
    late["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    with pytest.raises(Refused, match="modified") as why:
        apply(store, late)
    assert (why.value.code, why.value.reason) == (409, "Conflict")
    with pytest.raises(Refused, match="modified"):
        store.replace(DEPLOYMENT, "models", "it", first, "anybody")
    with pytest.raises(Refused, match="modified"):
        store.delete("deployments", "models", "it", {"resourceVersion": first["metadata"]["resourceVersion"]})
    with pytest.raises(Refused, match="UID"):
        store.delete("deployments", "models", "it", {"uid": "another"})


def test_applying_what_should_be_there_and_is_gone_is_a_conflict_and_creates_nothing(store: Store) -> None:
    made = apply(store, deployment())
    store.delete("deployments", "models", "it")
    late = deployment()
    late["metadata"].update({name: made["metadata"][name] for name in ("uid", "resourceVersion")})
    with pytest.raises(Refused) as why:
        apply(store, late)
    assert why.value.code == 409
    assert not store.all("deployments", "models")


def test_two_managers_conflict_over_a_field_until_one_takes_it(store: Store) -> None:
    apply(store, deployment(replicas=1))
    with pytest.raises(Refused, match=r'conflict with "signoff": \.spec\.replicas') as why:
        apply(store, deployment(replicas=5), "other")
    assert why.value.code == 409
    apply(store, deployment(replicas=5), "other", force=True)
    with pytest.raises(Refused, match='conflict with "other"'):
        apply(store, deployment(replicas=1))
    same = apply(store, deployment(replicas=5))
    owners = [one["manager"] for one in same["metadata"]["managedFields"] if "f:replicas" in one["fieldsV1"]["f:spec"]]
    assert owners == ["other", "signoff"]


def test_a_field_that_is_applied_no_more_goes_and_what_others_own_stays(store: Store) -> None:
    apply(store, deployment(minReadySeconds=4))
    store.change("deployments", "models", "it", ("spec", "replicas"), 7, "an-autoscaler")
    less = deployment()
    del less["spec"]["template"]["spec"]["containers"][0]["env"][0]
    after = apply(store, less)
    assert "minReadySeconds" not in after["spec"]
    assert container(after)["env"] == [{"name": "B", "value": "2"}]
    assert after["spec"]["replicas"] == 7


def test_a_change_by_another_client_takes_the_field_from_its_owner(store: Store) -> None:
    apply(store, deployment(replicas=1))
    store.change("deployments", "models", "it", ("spec", "replicas"), 3, "kubectl-edit")
    with pytest.raises(Refused, match="kubectl-edit"):
        apply(store, deployment(replicas=1))
    assert apply(store, deployment(replicas=1), force=True)["spec"]["replicas"] == 1


def test_a_status_is_a_resource_of_its_own(store: Store) -> None:
    made = apply(store, deployment())
    store.put_status("deployments", "models", "it", {"readyReplicas": 1})
    body = copy.deepcopy(store.get("deployments", "models", "it"))
    assert body["metadata"]["generation"] == made["metadata"]["generation"]
    body["status"] = {"readyReplicas": 99}
    assert store.replace(DEPLOYMENT, "models", "it", body, "anybody")["status"] == {"readyReplicas": 1}
    with pytest.raises(Refused):
        apply(store, {**deployment(), "status": {"readyReplicas": 5}})


def test_labels_choose_and_a_namespace_that_is_not_there_is_404(store: Store) -> None:
    apply(store, deployment())
    assert len(store.all("deployments", "models", "app=it")) == 1
    assert not store.all("deployments", "models", "app=it,tier=gold")
    with pytest.raises(Refused, match="namespaces") as why:
        store.create(DEPLOYMENT, "nowhere", deployment(), "anybody")
    assert why.value.code == 404
    with pytest.raises(Refused, match="already exists"):
        store.create(DEPLOYMENT, "models", deployment(), "anybody")


def test_who_watches_sees_each_change_once_and_in_order(store: Store) -> None:
    apply(store, deployment(replicas=1))
    begun = store.number
    seen: list[tuple[str, object]] = []

    def watch() -> None:
        for what, body in store.since("deployments", begun, 0.5):
            seen.append((what, body["spec"]["replicas"]))

    watching = threading.Thread(target=watch)
    watching.start()
    apply(store, deployment(replicas=2))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "it"}}
    store.create(SECRET, "models", secret, "anybody")
    store.delete("deployments", "models", "it")
    watching.join()
    assert seen == [("MODIFIED", 2), ("DELETED", 2)]


def test_a_route_is_held_to_the_schema_of_its_own_definition(store: Store) -> None:
    about = {"apiVersion": ROUTE.api, "kind": ROUTE.kind, "metadata": {"name": "it"}}
    backend = {"name": "a", "port": 80, "weight": 3}
    store.create(ROUTE, "models", {**about, "spec": {"rules": [{"backendRefs": [backend]}]}}, "anybody")
    for wrong in ({**backend, "weight": "3"}, {**backend, "wait": 3}, {**backend, "weight": -1}):
        body = {**about, "metadata": {"name": "other"}, "spec": {"rules": [{"backendRefs": [wrong]}]}}
        with pytest.raises(Refused) as why:
            store.create(ROUTE, "models", body, "anybody")
        assert why.value.code == 422

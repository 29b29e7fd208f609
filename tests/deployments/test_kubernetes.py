"""What is particular to the Kubernetes target: its objects, and writes of several engines and other clients at once."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from deployments import pods as tokens
from deployments.plan import Sight, Strategy
from deployments.targets.contract import GiveUp, Release, StaleFence, Step, TryAgain
from deployments.targets.kubernetes import fences, names, place, pods, sight, workload
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.target import KubernetesTarget
from tests.contracts.targets.cluster import server
from tests.contracts.targets.cluster.server import Server
from tests.contracts.targets.cluster.store import Body, Store

RELEASE = Release(
    "0b5e", "fraud", "scorer", 3, "d" * 64, (("MLmodel", "a" * 64, 2),), "e" * 64, "5a17" * 8, memory_mb=512
)
NEXT = replace(RELEASE, rollout="1c6f", version=4, digest="c" * 64)


@pytest.fixture
def store() -> Store:
    return Store(frozenset({"models"}))


@pytest.fixture
def api(store: Store) -> Iterator[Server]:
    with server.serving(store) as made:
        yield made


@pytest.fixture
def where(api: Server, tmp_path: Path) -> Place:
    config = server.kubeconfig(tmp_path, api)
    return Place(str(config), "models", "image@sha256:0", "infra/public", "https://signoff.example.org")


def install(where: Place, release: Release = RELEASE, fence: int = 1) -> None:
    KubernetesTarget(where).apply(Step("install", release), key=f"{release.rollout}/install", fence=fence)


def route(where: Place, release: Release = RELEASE, fence: int = 1) -> None:
    KubernetesTarget(where).apply(Step("route", release), key=f"{release.rollout}/route", fence=fence)


def everything(store: Store) -> str:
    return json.dumps([row.body for row in store.rows.values()])


def test_the_container_that_runs_the_model_has_no_credential_and_no_way_to_more(where: Place) -> None:
    spec = pods.template(RELEASE, where)["spec"]
    serve = next(one for one in spec["containers"] if one["name"] == "serve")
    assert "token" not in [one["name"] for one in serve["volumeMounts"]]
    assert not [one for one in serve["env"] if "valueFrom" in one]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    for one in [*spec["initContainers"], *spec["containers"]]:
        assert one["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["securityContext"]["allowPrivilegeEscalation"] is False
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not [mount for mount in one["volumeMounts"] if mount["name"] == "token" and not mount["readOnly"]]


def test_a_token_is_in_the_secret_and_nowhere_else_in_the_cluster(where: Place, store: Store) -> None:
    install(where)
    route(where)
    [secret] = store.all("secrets", "models")
    assert tokens.MARK not in everything(store)
    assert secret["data"]["token"] not in everything(store).replace(json.dumps(secret["data"]), "")


def test_another_rollout_of_the_same_bytes_starts_no_new_pods(where: Place, store: Store) -> None:
    install(where)
    [before] = store.all("deployments", "models")
    install(where, replace(RELEASE, rollout="2d70"), fence=2)
    [after] = store.all("deployments", "models")
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert names.note(after, names.ROLLOUT) == "2d70"
    assert names.note(after, names.FENCE) == "2"


def overtaking(act: Any) -> Any:
    """Let `act` happen right after the fence was taken, once."""
    real, waits = fences.take, [act]

    def take(*words: Any) -> None:
        real(*words)
        if waits:
            waits.pop()()

    return patch.object(fences, "take", take)


@pytest.mark.parametrize("is_first", [True, False])
def test_an_engine_that_is_overtaken_between_its_fence_and_its_write_changes_nothing(
    where: Place, store: Store, *, is_first: bool
) -> None:
    if not is_first:
        route(where)
    with overtaking(lambda: route(where, NEXT, fence=9)), pytest.raises(StaleFence):
        route(where, RELEASE, fence=2)
    [seen] = store.all("httproutes", "models")
    assert names.note(seen, names.KEY) == "1c6f/route"
    assert [one["name"] for one in seen["spec"]["rules"][0]["backendRefs"]] == [names.of_release(NEXT)]


def test_what_an_overtaken_engine_made_anew_is_taken_away(where: Place, store: Store) -> None:
    back = Step("revert", RELEASE)
    newer = KubernetesTarget(where)
    with overtaking(lambda: newer.revert(back, key="0b5e/revert", fence=9)), pytest.raises(StaleFence):
        install(where, fence=2)
    assert not store.all("deployments", "models")
    assert not store.all("secrets", "models")


def test_what_somebody_changed_by_hand_is_as_it_was_signed_once_it_is_applied_again(where: Place, store: Store) -> None:
    install(where)
    name = names.of_release(RELEASE)
    path = ("spec", "template", "spec", "containers", (("name", "serve"),), "image")
    store.change("deployments", "models", name, path, "evil@sha256:1", "kubectl-edit")
    install(where, fence=2)
    [after] = store.all("deployments", "models")
    assert "evil" not in json.dumps(after["spec"])
    assert {one["manager"] for one in after["metadata"]["managedFields"]} >= {"signoff"}


def test_a_write_that_meets_another_client_is_made_again_on_top_of_it(where: Place, store: Store) -> None:
    install(where)
    name = names.of_release(RELEASE)

    def noted() -> None:
        store.change("deployments", "models", name, ("metadata", "labels", "team"), "red", "kubectl-label")

    with overtaking(noted):
        install(where, fence=2)
    [after] = store.all("deployments", "models")
    assert after["metadata"]["labels"]["team"] == "red"
    assert names.note(after, names.FENCE) == "2"


def test_pods_that_an_autoscaler_added_stay(where: Place, store: Store) -> None:
    wide = replace(RELEASE, replicas=2, most=6)
    install(where, wide)
    name = names.of_release(wide)
    [scaler] = store.all("horizontalpodautoscalers", "models")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)
    store.change("deployments", "models", name, ("spec", "replicas"), 5, "kube-controller-manager")
    install(where, wide, fence=2)
    KubernetesTarget(where).scale(wide)
    assert store.get("deployments", "models", name)["spec"]["replicas"] == 5
    KubernetesTarget(where).scale(replace(wide, replicas=1, most=1))
    assert store.get("deployments", "models", name)["spec"]["replicas"] == 1
    assert not store.all("horizontalpodautoscalers", "models")


def test_a_share_is_a_weight_and_requests_say_which_rollout_they_belong_to(where: Place, store: Store) -> None:
    step = Step("route", NEXT, {"share_pct": 25}, RELEASE)
    KubernetesTarget(where).apply(step, key="k", fence=1)
    [seen] = store.all("httproutes", "models")
    backends = seen["spec"]["rules"][0]["backendRefs"]
    assert [(one["name"], one["weight"]) for one in backends] == [
        (names.of_release(NEXT), 2_500),
        (names.of_release(RELEASE), 7_500),
    ]
    for backend, track in zip(backends, ("canary", "stable"), strict=True):
        said = {one["name"]: one["value"] for one in backend["filters"][0]["requestHeaderModifier"]["set"]}
        assert (said["x-signoff-track"], said["x-signoff-step"], said["x-signoff-rollout"]) == (track, "25", "1c6f")
    with pytest.raises(GiveUp, match="could go to"):
        KubernetesTarget(where).apply(Step("route", NEXT, {"share_pct": 25}), key="k", fence=1)


def test_strategies_it_cannot_do_are_named_with_the_reason(where: Place) -> None:
    can = KubernetesTarget(where).capabilities()
    assert can.strategies.isdisjoint({Strategy.SHADOW, Strategy.AB})
    assert set(can.unable) == set(Strategy) - can.strategies
    with pytest.raises(GiveUp, match="copy requests"):
        KubernetesTarget(where).apply(Step("mirror", NEXT, {}, RELEASE), key="k", fence=1)


def test_a_token_is_renewed_before_it_runs_out_and_not_earlier(where: Place, store: Store) -> None:
    install(where)
    [before] = store.all("secrets", "models")
    KubernetesTarget(where).tend(RELEASE)
    assert store.all("secrets", "models") == [before]
    soon = str(int(time.time() + tokens.TTL_S / 3))
    path = ("metadata", "annotations", workload.EXPIRES)
    store.change("secrets", "models", names.of_release(RELEASE), path, soon, "time")
    KubernetesTarget(where).tend(RELEASE)
    [after] = store.all("secrets", "models")
    assert int(names.note(after, workload.EXPIRES)) > time.time() + tokens.TTL_S / 2


@pytest.mark.parametrize("call", ["apply", "observe", "runs"])
def test_a_cluster_that_does_not_answer_costs_two_seconds(where: Place, api: Server, call: str) -> None:
    place_there, step = KubernetesTarget(where), Step("install", RELEASE)
    api.silent.set()
    begun = time.monotonic()
    with pytest.raises(TryAgain, match="cannot be reached"):
        place_there.runs(RELEASE) if call == "runs" else getattr(place_there, call)(step, key="k", fence=1)
    assert time.monotonic() - begun < 2.0


def test_a_refusal_is_told_without_the_token(api: Server, tmp_path: Path, where: Place) -> None:
    other = replace(where, config=str(server.kubeconfig(tmp_path / "..", api, "wrong-token-1234567890abcdef")))
    for act in (KubernetesTarget(other).runs, lambda release: install(other, release)):
        with pytest.raises(TryAgain, match="Unauthorized") as why:
            act(RELEASE)
        assert "wrong-token" not in repr(why.value)


def test_what_keeps_us_from_looking_says_nothing_against_what_runs(where: Place) -> None:
    lost = KubernetesTarget(replace(where, config="/nowhere/kubeconfig"))
    with pytest.raises(TryAgain, match="/nowhere/kubeconfig cannot be used"):
        lost.runs(RELEASE)
    with pytest.raises(TryAgain, match="/nowhere/kubeconfig cannot be used"):
        lost.observe(Step("install", RELEASE), key="k", fence=1)
    with pytest.raises(GiveUp, match="cannot be used"):
        install(replace(where, config="/nowhere/kubeconfig"))


def test_a_namespace_that_is_not_there_is_named_as_the_reason(where: Place) -> None:
    with pytest.raises(GiveUp, match="namespace is not there"):
        install(replace(where, namespace="nowhere"))


def test_without_the_gateway_api_an_installation_says_what_to_install(store: Store, tmp_path: Path) -> None:
    with server.serving(store, frozenset({"httproutes"})) as bare:
        config = server.kubeconfig(tmp_path, bare)
        where = Place(str(config), "models", "image@sha256:0", "infra/public", "https://signoff.example.org")
        with pytest.raises(GiveUp, match="install the Gateway API"):
            install(where)
    assert not store.all("deployments", "models")


def test_a_name_that_clusters_do_not_take_is_refused(where: Place) -> None:
    with pytest.raises(GiveUp, match="ends with a hyphen"):
        install(where, replace(RELEASE, endpoint="fraud-"))


def test_what_is_missing_is_said_before_an_endpoint_is_made(settings: Any) -> None:
    assert "SIGNOFF_KUBERNETES_NAMESPACE" in KubernetesTarget().lacks()
    for name in place.NEEDED:
        setattr(settings, f"KUBERNETES_{name.upper()}", "x")
    assert KubernetesTarget().lacks() == ""
    with patch.object(place, "find_spec", lambda _: None):
        assert "signoff[k8s]" in KubernetesTarget().lacks()


def pod(**container: Any) -> Body:
    status = {"name": "serve", "ready": False, "restartCount": 0, **container}
    about = {"name": "p", "annotations": {names.DIGEST: RELEASE.digest}}
    return {"metadata": about, "status": {"containerStatuses": [status]}}


@pytest.mark.parametrize(
    ("container", "shown", "why"),
    [
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, Sight.UNDER_WAY, "serve: ImagePullBackOff"),
        ({"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, Sight.UNDER_WAY, "137, OOMKilled"),
        (
            {"restartCount": 2, "lastState": {"terminated": {"exitCode": 1, "message": "no memory"}}},
            Sight.BROKEN,
            "no memory",
        ),
        ({"state": {"terminated": {"exitCode": 3, "message": "token=abc123"}}}, Sight.BROKEN, "token=…"),
    ],
)
def test_what_a_pod_shows_is_said_in_words(where: Place, container: Body, shown: Sight, why: str) -> None:
    body = workload.deployment(RELEASE, where, names.notes(RELEASE, "k", 1), 1)
    seen = sight.of_release(body, [pod(**container)], RELEASE)
    assert seen.sight is shown
    assert why in seen.why

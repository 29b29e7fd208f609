"""The engine with a cluster: an endpoint that is served there is deployed, judged and undone like any other."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import Conflict, Invalid
from deployments import endpoints, engine, rollouts, upkeep
from deployments.models import Endpoint, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.shares import Share
from deployments.states import ENDED, RolloutState
from deployments.targets.kinds import offered, target
from deployments.targets.kubernetes.target import KubernetesTarget
from registry import blobs, listed_files
from registry.models import ModelVersion, RegisteredModel
from tests.contracts.targets.kubernetes import KubernetesStage, stage
from tests.deployments.story import AT_ONCE, locked_version
from tests.serving.waiting import until
from tests.web.visitors import browser

pytestmark = [pytest.mark.faults, pytest.mark.django_db]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesStage]:
    with stage(tmp_path_factory.mktemp("cluster") / "home") as made:
        yield made


@pytest.fixture
def endpoint(
    cluster: KubernetesStage,
    model: RegisteredModel,
    eli: Actor,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Endpoint:
    place = target("kubernetes")
    assert isinstance(place, KubernetesTarget)
    monkeypatch.setattr(place, "_where", cluster.place)
    name = f"in-cluster-{abs(hash(request.node.name)) % 10_000}"
    return endpoints.create_endpoint(name, model=model, environment="staging", actor=eli, target="kubernetes")


def held(cluster: KubernetesStage, version: ModelVersion) -> ModelVersion:
    """Let pods find the version's files."""
    assert version.manifest is not None
    lines = listed_files.files_of(version.manifest)
    cluster.files.hold({line.path: b"".join(blobs.read_blob(line.sha256)) for line in lines})
    return version


def turned(rollout: Rollout) -> Rollout:
    engine.turn("engine-1")
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=clock.now())
    rollout.steps.update(not_before=clock.now() - timedelta(seconds=1))
    rollout.refresh_from_db()
    return rollout


def run(rollout: Rollout) -> Rollout:
    until(lambda: turned(rollout).state in ENDED, 20)
    return rollout


def test_a_version_is_deployed_there_and_rolled_back_there(
    cluster: KubernetesStage, endpoint: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    for number in ("1", "2"):
        version = held(cluster, locked_version(model, dana))
        assert run(rollouts.start(version, endpoint, AT_ONCE, actor=eli)).state == RolloutState.DONE
        assert cluster.answer(endpoint.name) == number
    assert run(rollouts.roll_back(endpoint, reason="worse", actor=eli)).state == RolloutState.DONE
    assert cluster.answer(endpoint.name) == "1"
    assert upkeep.tend() == 2


def test_a_version_whose_bytes_differ_never_serves(
    cluster: KubernetesStage, endpoint: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    version = held(cluster, locked_version(model, dana))
    assert version.manifest is not None
    line = listed_files.files_of(version.manifest)[0]
    cluster.files.blobs[line.sha256] = b"x" * line.size
    rollout = run(rollouts.start(version, endpoint, AT_ONCE, actor=eli))
    assert rollout.state == RolloutState.ROLLED_BACK
    assert "other bytes" in rollout.why
    assert cluster.answer(endpoint.name) is None


def test_a_canary_of_which_nobody_says_anything_is_held_for_a_person(
    cluster: KubernetesStage, endpoint: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(rollouts.start(held(cluster, locked_version(model, dana)), endpoint, AT_ONCE, actor=eli))
    plan = Plan(Strategy.CANARY, shares=(Share(20),))
    rollout = rollouts.start(held(cluster, locked_version(model, dana)), endpoint, plan, actor=eli)
    until(lambda: turned(rollout).steps.get(name="watch").status == "applied", 20)
    for _ in range(3):
        turned(rollout)
    assert rollout.state == RolloutState.RUNNING
    assert {cluster.answer(endpoint.name) for _ in range(40)} == {"1", "2"}
    assert rollout.steps.get(name="watch").observed["verdict"] == "hold"
    rollouts.send_back(rollout, why="seen enough")
    assert run(rollout).state == RolloutState.ROLLED_BACK
    assert {cluster.answer(endpoint.name) for _ in range(20)} == {"1"}


def test_what_a_cluster_cannot_do_is_refused_before_anybody_signs(
    endpoint: Endpoint, cluster: KubernetesStage, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(rollouts.start(held(cluster, locked_version(model, dana)), endpoint, AT_ONCE, actor=eli))
    plan = Plan(Strategy.AB, shares=(Share(50),))
    with pytest.raises(Conflict, match="cannot keep a person with one version"):
        rollouts.start(locked_version(model, dana), endpoint, plan, actor=eli)


def test_a_cluster_is_offered_only_where_one_is_set_up(
    model: RegisteredModel, eli: Actor, cluster: KubernetesStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered() == ["local"]
    with pytest.raises(Invalid, match="set SIGNOFF_KUBERNETES_NAMESPACE"):
        endpoints.create_endpoint("x", model=model, environment="staging", actor=eli, target="kubernetes")
    page = browser(eli)
    assert "Kubernetes" not in page.get("/new-endpoint").content.decode()
    monkeypatch.setattr(target("kubernetes"), "_where", cluster.place)
    assert "Kubernetes" in page.get("/new-endpoint").content.decode()
    form = {"name": "there", "model": model.name, "environment": "staging", "target": "kubernetes"}
    assert page.post("/new-endpoint", form).status_code == 302
    assert Endpoint.objects.get(name="there").target == "kubernetes"
    assert "kubernetes" in page.get("/endpoints/there").content.decode()

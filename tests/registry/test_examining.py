"""Facts that arrive after registration: a policy that requires one says pending until then, and never lets bad by."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Conflict
from registry import decisions, examining, requests, versions
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel, VersionFact
from registry.scan import allowed
from tests.factories import ask_production, make_model, make_run, make_version, put
from tests.registry.policies.hands import put_in_force, text_of
from tests.registry.scan.test_files import Evil
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
SIGNED = Path(__file__).parent / "signed_model"
REQUIRED = "checks: [{scan: clean}, {artifact: signed}]\n"


def with_files(model: RegisteredModel, dana: Actor, files: dict[str, bytes]) -> ModelVersion:
    run = make_run(dana)
    for path, body in files.items():
        put(run, f"other/{path}", body, dana)
    asked = versions.Registration(source=f"runs:/{run.run_id}/other", run_id=run.run_id)
    return versions.register_version(model, asked, actor=dana)


PICKLED = """flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: weights.txt}
  sklearn: {pickled_model: %s, serialization_format: pickle}
"""


@pytest.mark.parametrize(("named", "runs"), [("./weights.txt", "weights.txt"), ("other.txt", "weights.txt")])
def test_what_mlmodel_names_as_a_pickle_is_scanned_as_one(dana: Actor, named: str, runs: str) -> None:
    files = {"MLmodel": (PICKLED % named).encode(), "weights.txt": b"hello"}
    version = with_files(make_model(dana), dana, files)
    assert version.environment["runs_code"] == [runs]
    examining.examine_pending()
    scan = version.facts.get(kind="scan")
    assert not scan.good
    assert scan.found[0][0] == "weights.txt"


def test_a_pickle_that_nobody_finds_is_unknown_and_so_unsafe(dana: Actor) -> None:
    said = b"flavors: {sklearn: {serialization_format: cloudpickle}}\n"
    version = with_files(make_model(dana), dana, {"MLmodel": said, "weights.txt": b"hello"})
    assert version.environment["runs_code"] == ["MLmodel"]
    examining.examine_pending()
    assert version.facts.get(kind="scan").found == [
        ["MLmodel", "it says cloudpickle, and nobody knows which file that is"]
    ]


def facts(version: ModelVersion) -> dict[str, bool]:
    return dict(version.facts.values_list("kind", "good"))


def checks(request: ApprovalRequest) -> dict[str, str]:
    return dict(request.checks.filter(name__startswith="Files ").values_list("name", "status"))


def approve(request: ApprovalRequest, rita: Actor) -> None:
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine", accepted)
    decisions.decide(request, choice, actor=rita)


@pytest.fixture
def trusted() -> Iterator[None]:
    """The home trusts the maker of the signed model."""
    folder = Path(settings.HOME) / "keys" / "makers"
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "dana.pem"
    key.write_bytes((Path(__file__).parent / "maker.pem").read_bytes())
    yield
    key.unlink()


@pytest.mark.usefixtures("trusted")
def test_a_required_fact_is_pending_then_passed_and_the_request_can_be_approved(people: dict[str, Actor]) -> None:
    dana, rita = people["dana"], people["rita"]
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more=REQUIRED), people)
    files = {str(p.relative_to(SIGNED)): p.read_bytes() for p in SIGNED.rglob("*") if p.is_file()}
    version = with_files(make_model(dana), dana, files | {"model.skops": (SIGNED / "model.skops").read_bytes()})
    request = ask_production(version, dana)
    assert set(checks(request).values()) == {"passed", "pending"}
    with pytest.raises(Conflict, match="pending"):
        approve(request, rita)
    assert examining.examine_pending() == 2
    assert examining.examine_pending() == 0, "looked at once"
    assert facts(version) == {"artifact": True, "scan": False}, "skops that is no archive is unknown"


def test_a_clean_version_passes_and_one_that_runs_something_does_not(people: dict[str, Actor]) -> None:
    dana, rita = people["dana"], people["rita"]
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more="checks: [{scan: clean}]\n"), people)
    clean = with_files(make_model(dana), dana, {"MLmodel": b"flavors: {}\n", "model.pkl": pickle.dumps({"a": 1})})
    bad = with_files(clean.model, dana, {"MLmodel": b"flavors: {}\n", "model.pkl": pickle.dumps(Evil())})
    first, second = ask_production(clean, dana), ask_production(bad, dana)
    examining.examine_pending()
    approve(requests.find_request(first.pk, actor=rita), rita)
    with pytest.raises(Conflict, match="failed"):
        approve(requests.find_request(second.pk, actor=rita), rita)
    told = Event.objects.filter(action="version.examined", object_id=f"{bad.model.uuid}/2")
    assert "posix.system" in "".join(bytes(event.body).decode() for event in told)
    page = browser(rita).get(f"/models/{bad.model.name}/versions/2").content.decode()
    assert "posix.system" in page
    assert "Not signed" in page
    said = browser(rita).get(f"/api/v1/models/{bad.model.name}/versions/2").json()["facts"]
    assert {one["fact"]: one["good"] for one in said} == {"scan": False, "artifact": False}


def test_another_list_and_other_keys_look_again(
    dana: Actor, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    version = make_version(make_model(dana), dana)
    assert examining.examine_pending() == 2
    monkeypatch.setattr(examining, "LIST", allowed.LIST + 1)
    assert examining.examine_pending() == 0, "the same was found, which is no news"
    assert version.facts.get(kind="scan").by.endswith(f"list {allowed.LIST + 1}")
    before = version.facts.get(kind="artifact").by
    request.getfixturevalue("trusted")
    examining.examine_pending()
    assert version.facts.get(kind="artifact").by != before


def test_a_scan_that_does_not_end_is_unsafe(dana: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version(make_model(dana), dana)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    examining.examine_pending()
    assert VersionFact.objects.get(version=version, kind="scan").good is False

"""The page that registers a version from files."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.actors import Actor
from registry import listed_files
from registry.models import ModelVersion, RegisteredModel, Run
from tests.factories import MLMODEL, make_model
from tests.web.test_access_matrix import BACKEND

pytestmark = pytest.mark.django_db
GOOD = {"MLmodel": MLMODEL, "model.skops": "weights", "data/x.json": "{}"}


def zipped(files: dict[str, str], name: str = "model.zip") -> SimpleUploadedFile:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return SimpleUploadedFile(name, body.getvalue())


def send(actor: Actor, *files: SimpleUploadedFile, name: str = "By hand", **headers: str) -> Any:
    client = Client()
    client.force_login(actor.person, backend=BACKEND)
    return client.post("/new-version", {"name": name, "description": "d", "files": files}, headers=headers)


def paths() -> list[str]:
    manifest = ModelVersion.objects.get().manifest
    assert manifest
    return [line.path for line in listed_files.files_of(manifest)]


@pytest.mark.parametrize("prefix", ["", "model/", "a/b/"])
def test_a_zip_becomes_a_frozen_version_of_a_new_model(dana: Actor, prefix: str) -> None:
    answer = send(dana, zipped({prefix + path: text for path, text in GOOD.items()}))
    assert answer.status_code == 302
    assert answer["Location"] == "/models/By%20hand/versions/1"
    version = ModelVersion.objects.select_related("model").get()
    assert (version.description, version.framework, version.registered_by) == ("d", "sklearn", dana.user)
    assert paths() == ["MLmodel", "data/x.json", "model.skops"]
    assert Run.objects.get().status == "FINISHED"


def test_single_files_become_one_too(dana: Actor) -> None:
    files = [SimpleUploadedFile(name, text.encode()) for name, text in GOOD.items() if "/" not in name]
    assert send(dana, *files).status_code == 302
    assert paths() == ["MLmodel", "model.skops"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "Choose a zip"),
        ([SimpleUploadedFile("model.zip", b"no zip")], "model.zip is no zip"),
        ([zipped({"x": "y"})], "There is no file MLmodel"),
        ([zipped({"MLmodel": "["})], "MLmodel cannot be read"),
        ([zipped({"m/MLmodel": MLMODEL, "other": "x"})], "other lies outside"),
        ([zipped({"MLmodel": MLMODEL, "../climbs": "x"})], "../climbs in model.zip is no path"),
        ([SimpleUploadedFile("a", b"1"), SimpleUploadedFile("a", b"2")], "a is there twice"),
    ],
    ids=["nothing", "no zip", "no MLmodel", "bad MLmodel", "outside", "climbs", "twice"],
)
def test_what_is_no_model_is_refused_by_name(dana: Actor, files: list[SimpleUploadedFile], words: str) -> None:
    for one in files:
        one.seek(0)
    answer = send(dana, *files)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert 'value="By hand"' in answer.content.decode()
    assert not ModelVersion.objects.exists()
    assert not RegisteredModel.objects.exists()


def test_the_script_gets_the_same_as_json(dana: Actor) -> None:
    good = send(dana, zipped(GOOD), accept="application/json")
    assert good.json() == {"href": "/models/By%20hand/versions/1"}
    bad = send(dana, zipped({"x": "y"}), accept="application/json")
    assert bad.status_code == 400
    (error,) = bad.json()["errors"]
    assert error["field"] == "id_files"
    assert "no file MLmodel" in error["message"]


def test_somebody_else_s_model_takes_none(dana: Actor, eli: Actor, rita: Actor) -> None:
    make_model(eli, "Eli's")
    for actor in (dana, rita):
        assert send(actor, zipped(GOOD), name="Eli's").status_code == 403
    assert not Run.objects.exists()

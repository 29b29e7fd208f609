"""mlflow-artifacts/mpu/*: files in parts, each to a signed address."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from core import clock
from registry import artifacts, collection
from registry.artifacts import parse_place
from registry.models import Blob, StoredFile, Upload
from tests.factories import make_model, make_version
from tests.web.mlflow.conftest import Api, refused

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
PROXY = "/api/2.0/mlflow-artifacts"
PARTS = [b"a" * 1000, b"b" * 1000, b"end"]


@pytest.fixture
def root(api: Api) -> str:
    run_id = api.post("runs/create", experiment_id="0").json()["run"]["info"]["run_id"]
    return f"0/{run_id}/artifacts"


def call(api: Api, step: str, folder: str, **body: Any) -> Any:
    return api.http.post(f"{PROXY}/mpu/{step}/{folder}", body, content_type="application/json")


def begun(api: Api, root: str, parts: int = 3) -> dict[str, Any]:
    answer = call(api, "create", f"{root}/deep", path="/home/dana/big.bin", num_parts=parts)
    assert answer.status_code == 200, answer.content
    said: dict[str, Any] = answer.json()
    return said


def send(credential: dict[str, Any], body: bytes, **named: Any) -> Any:
    """PUT as the client does: without any credential but the address."""
    url = credential["url"].removeprefix("http://testserver")
    return Client().generic("PUT", url, body, content_type="", **named)


def sent(said: dict[str, Any], bodies: list[bytes]) -> list[dict[str, Any]]:
    answers = [send(one, body) for one, body in zip(said["credentials"], bodies, strict=True)]
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    return [{"part_number": n, "etag": a["ETag"], "url": "x"} for n, a in enumerate(answers, start=1)]


def test_parts_become_one_file_when_the_last_is_named(api: Api, root: str) -> None:
    said = begun(api, root)
    named = sent(said, PARTS)
    assert not StoredFile.objects.filter(path="deep/big.bin").exists()
    done = {"path": "/home/dana/big.bin", "upload_id": said["upload_id"], "parts": named}
    for _ in range(2):
        assert call(api, "complete", f"{root}/deep", **done).status_code == 200
    answer = api.http.get(f"{PROXY}/artifacts/{root}/deep/big.bin")
    assert b"".join(answer) == b"".join(PARTS)


def test_a_part_that_was_cut_off_is_sent_again(api: Api, root: str) -> None:
    said = begun(api, root)
    first, *rest = said["credentials"]
    cut = send(first, b"", **{"wsgi.input": io.BytesIO(PARTS[0][:10]), "CONTENT_LENGTH": "1000"})
    refused(cut, 400, "INVALID_PARAMETER_VALUE", "cut off")
    done = {"path": "big.bin", "upload_id": said["upload_id"], "parts": [{"part_number": 1, "etag": "x"}]}
    refused(call(api, "complete", f"{root}/deep", **done), 400, "INVALID_PARAMETER_VALUE", "Part 1 of 3 has not come")
    named = sent(said, PARTS)
    wrong = [*named[:2], {**named[2], "etag": named[0]["etag"]}]
    refused(call(api, "complete", f"{root}/deep", **{**done, "parts": wrong}), 400, "INVALID_PARAMETER_VALUE", "Part 3")
    assert rest
    assert call(api, "complete", f"{root}/deep", **{**done, "parts": named}).status_code == 200


def test_an_aborted_upload_takes_no_part_and_leaves_the_file_before(api: Api, root: str) -> None:
    api.http.generic("PUT", f"{PROXY}/artifacts/{root}/deep/big.bin", b"before", content_type="")
    said = begun(api, root)
    sent(said, PARTS)
    gone = {"path": "big.bin", "upload_id": said["upload_id"]}
    assert call(api, "abort", f"{root}/deep", **gone).status_code == 200
    refused(send(said["credentials"][0], b"x"), 404, "RESOURCE_DOES_NOT_EXIST", "has ended")
    refused(call(api, "complete", f"{root}/deep", **gone, parts=[{"part_number": 1, "etag": "x"}]), 404,
            "RESOURCE_DOES_NOT_EXIST", "no such upload")  # fmt: skip
    assert b"".join(api.http.get(f"{PROXY}/artifacts/{root}/deep/big.bin")) == b"before"


def test_an_address_is_for_one_part_of_one_upload_and_expires(api: Api, root: str, monkeypatch: Any) -> None:
    said = begun(api, root)
    credential = said["credentials"][0]
    refused(send({"url": credential["url"][:-1] + "~"}, b"x"), 404, "RESOURCE_DOES_NOT_EXIST", "no such upload")
    monkeypatch.setattr("web.mlflow.uploads.LIFE", timedelta(seconds=-1))
    refused(send(credential, b"x"), 404, "RESOURCE_DOES_NOT_EXIST", "expired")


@pytest.mark.parametrize("path", ["..", "x/..", "", "a\\..", "%2e%2e"])
def test_no_name_climbs_out(api: Api, root: str, path: str) -> None:
    assert call(api, "create", root, path=path, num_parts=1).status_code == 400
    assert not Upload.objects.exists()


def test_the_client_s_own_folders_are_no_part_of_the_name(api: Api, root: str) -> None:
    assert call(api, "create", root, path="../../etc/big.bin", num_parts=1).status_code == 200
    assert Upload.objects.get().path == "big.bin"


@pytest.mark.parametrize("parts", [-1, 10_001])
def test_the_number_of_parts_is_bounded(api: Api, root: str, parts: int) -> None:
    refused(call(api, "create", root, path="x", num_parts=parts), 400, "INVALID_PARAMETER_VALUE", "10000")


def test_a_registered_folder_takes_none(api: Api, dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    answer = call(api, "create", f"{version.frozen_root}/model", path="MLmodel", num_parts=1)
    refused(answer, 403, "PERMISSION_DENIED", "frozen")


def test_what_is_never_finished_goes_after_a_day_with_its_parts(api: Api, root: str) -> None:
    said = begun(api, root)
    sent(said, PARTS)
    collection.collect()
    assert Upload.objects.count() == 1
    Upload.objects.update(created_at=clock.now() - timedelta(hours=25))
    Blob.objects.update(created_at=clock.now() - timedelta(hours=25))
    assert collection.collect() == 3
    assert not Upload.objects.exists()


def test_parts_that_still_come_are_not_collected(api: Api, root: str) -> None:
    said = begun(api, root)
    sent(said, PARTS)
    Blob.objects.update(created_at=clock.now() - timedelta(hours=25))
    assert collection.collect() == 0
    assert said


def test_of_two_uploads_to_one_path_the_last_to_finish_stands_whole(api: Api, root: str, dana: Actor) -> None:
    one, other = begun(api, root, 2), begun(api, root, 2)
    named = sent(one, [b"1" * 500, b"1"])
    named_other = sent(other, [b"2" * 500, b"2"])
    for said, parts in ((other, named_other), (one, named)):
        done = {"path": "big.bin", "upload_id": said["upload_id"], "parts": parts}
        assert call(api, "complete", f"{root}/deep", **done).status_code == 200
    blob = artifacts.find_file(parse_place(f"{root}/deep/big.bin"), actor=dana)
    assert blob.size == 501
    assert b"".join(api.http.get(f"{PROXY}/artifacts/{root}/deep/big.bin")) == b"1" * 501

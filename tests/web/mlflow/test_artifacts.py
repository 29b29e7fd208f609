"""mlflow-artifacts/*: files in, files out, parts of files, listings."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from accounts.actors import Actor
from registry import blobs, registered, versions
from registry.models import StoredFile
from registry.stores.contract import StoreDown, StoreFull
from tests.factories import make_model, make_run, make_version
from tests.web.mlflow.conftest import Api, refused

pytestmark = pytest.mark.django_db
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def root(api: Api) -> str:
    run_id = api.post("runs/create", experiment_id="0").json()["run"]["info"]["run_id"]
    return f"0/{run_id}/artifacts"


def put(api: Api, path: str, body: bytes, **named: Any) -> Any:
    return api.http.generic("PUT", f"{PROXY}/{path}", body, content_type="application/octet-stream", **named)


def get(api: Api, path: str, **headers: str) -> Any:
    return api.http.get(f"{PROXY}/{path}", headers=headers)


def test_a_file_comes_back_as_it_was_put(api: Api, root: str) -> None:
    for name, body, kind in (
        ("model/MLmodel", b"flavors: {}", "text/plain"),
        ("model/model.pkl", bytes(range(256)) * 20_000, "application/octet-stream"),
        ("a b/größe%20.html", b"<script>", "text/plain"),
        ("empty", b"", "application/octet-stream"),
    ):
        quoted = name.replace("%", "%25").replace(" ", "%20")
        answer = put(api, f"{root}/{quoted}", body)
        assert (answer.status_code, answer.content) == (200, b""), name
        answer = get(api, f"{root}/{quoted}")
        assert b"".join(answer.streaming_content) == body
        assert answer["Content-Type"] == kind
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Length"] == str(len(body))
        assert get(api, f"{root}/{quoted}", **{"If-None-Match": answer["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("asked", "status", "body", "said"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=5000-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_file_is_read(
    api: Api, root: str, asked: str, status: int, body: bytes | None, said: str | None
) -> None:
    put(api, f"{root}/digits", b"0123456789")
    answer = get(api, f"{root}/digits", Range=asked)
    assert (answer.status_code, answer.get("Content-Range")) == (status, said)
    if body is not None:
        assert b"".join(answer.streaming_content) == body
    assert get(api, f"{root}/digits", Range="bytes=0-1", **{"If-Range": '"other"'}).status_code == 200


def test_a_part_of_an_empty_file_is_not_there(api: Api, root: str) -> None:
    put(api, f"{root}/empty", b"")
    assert get(api, f"{root}/empty", Range="bytes=0-").status_code == 416


def test_folders_are_listed_relative_to_what_was_asked(api: Api, root: str) -> None:
    put(api, f"{root}/model/MLmodel", b"x")
    put(api, f"{root}/model/data/w.bin", b"xyz")

    def listed(path: str) -> Any:
        return api.http.get(PROXY, {"path": path}).json()

    assert listed(f"{root}/model") == {
        "files": [{"path": "MLmodel", "is_dir": False, "file_size": 1}, {"path": "data", "is_dir": True}]
    }
    assert listed(f"{root}/nothing") == {}
    run_id = root.split("/")[1]
    assert api.get("artifacts/list", run_id=run_id, path="model").json() == {
        "root_uri": f"mlflow-artifacts:/{root}",
        "files": [
            {"path": "model/MLmodel", "is_dir": False, "file_size": 1},
            {"path": "model/data", "is_dir": True},
        ],
    }
    refused(get(api, f"{root}/model"), 400, "INVALID_PARAMETER_VALUE", "is a folder")
    refused(get(api, f"{root}/nothing"), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "%252e%252e/x", "/etc/x", "a%5C..%5Cx", "a/%00", "a//b"])
def test_a_path_that_climbs_is_refused(api: Api, root: str, path: str) -> None:
    for answer in (
        put(api, f"{root}/{path}", b"x"),
        get(api, f"{root}/{path}"),
        api.http.delete(f"{PROXY}/{root}/{path}"),
    ):
        refused(answer, 400, "INVALID_PARAMETER_VALUE")
    refused(api.get("artifacts/list", run_id=root.split("/")[1], path="../x"), 400, "INVALID_PARAMETER_VALUE")


def test_deleting_twice_is_fine(api: Api, root: str) -> None:
    put(api, f"{root}/model/a", b"x")
    put(api, f"{root}/modelling", b"x")
    for _ in range(2):
        assert api.http.delete(f"{PROXY}/{root}/model").status_code == 200
    assert list(StoredFile.objects.values_list("path", flat=True)) == ["modelling"]


def test_files_of_a_version_are_frozen_and_of_another_person_closed(api: Api, dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    for path in (f"{version.frozen_root}/model/MLmodel", f"versions/{version.model.uuid}/1/MLmodel"):
        refused(put(api, path, b"x"), 403, "PERMISSION_DENIED", "frozen")
        refused(api.http.delete(f"{PROXY}/{path}"), 403, "PERMISSION_DENIED", "frozen")
        assert b"sklearn" in b"".join(get(api, path).streaming_content)
    theirs = make_run(eli)
    refused(put(api, f"0/{theirs.pk}/artifacts/x", b"x"), 403, "PERMISSION_DENIED", "somebody else's")
    refused(put(api, "0/nobody/artifacts/x", b"x"), 404, "RESOURCE_DOES_NOT_EXIST")
    versions.delete_version(version, actor=dana)
    assert put(api, f"{version.frozen_root}/model/MLmodel", b"x").status_code == 200


def test_a_body_whose_end_cannot_be_told_from_a_cut_is_refused(api: Api, root: str) -> None:
    def in_chunks(body: io.BytesIO) -> Any:
        chunked = {"wsgi.input": body, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        return put(api, f"{root}/chunked", b"", **chunked)

    body = io.BytesIO(b"x" * 3_000_000)
    refused(in_chunks(body), 411, "INVALID_PARAMETER_VALUE", "Content-Length")
    assert body.read() == b""
    assert not StoredFile.objects.exists()
    assert in_chunks(io.BytesIO()).status_code == 200
    assert StoredFile.objects.get(path="chunked").blob.size == 0
    put(api, f"{root}/chunked", b"whole")
    refused(in_chunks(io.BytesIO()), 411, "INVALID_PARAMETER_VALUE", "Content-Length")
    assert StoredFile.objects.get(path="chunked").blob.size == 5


def test_a_body_that_is_cut_off_is_not_kept(api: Api, root: str) -> None:
    cut = put(api, f"{root}/cut", b"", **{"wsgi.input": io.BytesIO(b"12345"), "CONTENT_LENGTH": "9"})
    refused(cut, 400, "INVALID_PARAMETER_VALUE", "cut off")
    assert not StoredFile.objects.filter(path="cut").exists()


def test_a_file_over_the_limit_is_refused(api: Api, root: str, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 1024 * 1024
    refused(put(api, f"{root}/large", b"x" * (1024 * 1024 + 1)), 400, "INVALID_PARAMETER_VALUE", "1 MiB")


def test_a_file_and_a_folder_never_share_a_name(api: Api, root: str, dana: Actor) -> None:
    assert put(api, f"{root}/d/f", b"x").status_code == 200
    refused(put(api, f"{root}/d", b"x"), 400, "INVALID_PARAMETER_VALUE", "is a folder")
    for below in ("d/f/g", "d/f/g/h"):
        refused(put(api, f"{root}/{below}", b"x"), 400, "INVALID_PARAMETER_VALUE", f"{root}/d/f is a file")
    assert put(api, f"{root}/d/f", b"y").status_code == 200
    assert put(api, f"{root}/d f", b"y").status_code == 200
    StoredFile.objects.create(root=root, path="d", blob=StoredFile.objects.get(path="d/f").blob)
    run_id = root.split("/")[1]
    make_model(dana, "both")
    clash = api.post("model-versions/create", name="both", source=f"runs:/{run_id}", run_id=run_id)
    refused(clash, 409, "RESOURCE_CONFLICT", "d is a file and a folder")


def test_files_are_read_where_mlflows_pages_read_them(api: Api, dana: Actor, engineer: Api) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    of_run, of_version = {"run_id": version.run_id}, {"name": model.name, "version": "1"}
    for path, asked, file in (
        ("/get-artifact", of_run, "model/MLmodel"), ("/model-versions/get-artifact", of_version, "MLmodel"),
    ):  # fmt: skip
        answer: Any = api.http.get(path, {**asked, "path": file}, headers={"Range": "bytes=0-6"})
        assert (answer.status_code, b"".join(answer.streaming_content)) == (206, b"flavors")
        refused(api.http.get(path, {**asked, "path": "../x"}), 400, "INVALID_PARAMETER_VALUE")
        refused(api.http.get(path, {**asked, "path": "nothing"}), 404, "RESOURCE_DOES_NOT_EXIST")
        refused(api.http.get(path, {"path": file}), 400, "INVALID_PARAMETER_VALUE", "Missing value")
        refused(api.http.get(path, asked), 400, "INVALID_PARAMETER_VALUE", "Missing value")
    registered.update_model(model, actor=dana, restricted=True)
    for path, asked in (("/get-artifact", of_run), ("/model-versions/get-artifact", of_version)):
        refused(engineer.http.get(path, {**asked, "path": "x"}), 404, "RESOURCE_DOES_NOT_EXIST")
    versions.register_version(model, versions.Registration("s3://b/m"), actor=dana)
    elsewhere = api.http.get("/model-versions/get-artifact", {"name": model.name, "version": "2", "path": "MLmodel"})
    refused(elsewhere, 404, "RESOURCE_DOES_NOT_EXIST", "s3://b/m")


def test_presigned_reads_fall_back_to_this_server(api: Api, root: str) -> None:
    assert api.http.get(f"/api/2.0/mlflow-artifacts/presigned/{root}/x").status_code == 501


class Failing:
    """A store that reads nothing."""

    def __init__(self, why: Exception) -> None:
        self.why = why

    def read(self, *_: object) -> Iterator[bytes]:
        raise self.why
        yield b""


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=1-2"}], ids=["whole", "part"])
@pytest.mark.parametrize(
    ("why", "status", "code", "words"),
    [
        (StoreDown("The bucket b does not answer."), 503, "TEMPORARILY_UNAVAILABLE", "does not answer"),
        (StoreFull("The bucket b refuses our key."), 507, "TEMPORARILY_UNAVAILABLE", "refuses our key"),
        (FileNotFoundError("404"), 404, "RESOURCE_DOES_NOT_EXIST", "The bytes of x are gone"),
    ],
    ids=["away", "key refused", "gone"],
)
def test_a_download_that_the_store_refuses_is_no_empty_200(
    api: Api,
    root: str,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, str],
    why: Exception,
    status: int,
    code: str,
    words: str,
) -> None:
    put(api, f"{root}/x", b"0123")
    monkeypatch.setattr(blobs, "store", lambda: Failing(why))
    answer = get(api, f"{root}/x", **asked)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert words in answer.json()["message"]

"""Model folders made from blobs."""

from dataclasses import replace
from pathlib import Path

import pytest

from serving import artifacts
from serving.artifacts import Tampered
from tests.serving.rig import Home


@pytest.fixture
def home(own_home: Home, onnx_folder: Path) -> Home:
    own_home.environment = lambda model: "0" * 64  # type: ignore[method-assign]  # noqa: ARG005
    return own_home


def test_the_folder_holds_the_manifests_bytes_read_only(home: Home, onnx_folder: Path) -> None:
    folder = artifacts.materialise(home.layout, home.desire("r-1", onnx_folder))
    assert (folder / "model.onnx").read_bytes() == (onnx_folder / "model.onnx").read_bytes()
    assert [path.stat().st_mode & 0o222 for path in (folder, *folder.iterdir())] == [0] * 4


def test_a_tampered_blob_is_refused(home: Home, onnx_folder: Path) -> None:
    desired = home.desire("r-1", onnx_folder)
    artifacts.discard(home.layout.artifact(desired.digest))
    blob = home.layout.blob(desired.manifest[1].sha256)
    blob.write_bytes(blob.read_bytes() + b" ")
    with pytest.raises(Tampered, match=r"model\.onnx holds other bytes"):
        artifacts.materialise(home.layout, desired)
    blob.unlink()
    with pytest.raises(Tampered, match=r"model\.onnx cannot be had"):
        artifacts.materialise(home.layout, desired)
    assert list(home.layout.artifact(desired.digest).parent.iterdir()) == []


def test_a_manifest_with_another_digest_is_refused(home: Home, onnx_folder: Path) -> None:
    desired = home.desire("r-1", onnx_folder)
    with pytest.raises(Tampered, match="not the one its digest names"):
        artifacts.materialise(home.layout, replace(desired, manifest=desired.manifest[:-1]))


@pytest.mark.parametrize("deed", ["change", "add", "remove"])
def test_a_folder_that_was_changed_is_made_anew(home: Home, onnx_folder: Path, deed: str) -> None:
    desired = home.desire("r-1", onnx_folder)
    folder = home.layout.artifact(desired.digest)
    folder.chmod(0o700)
    if deed == "change":
        (folder / "MLmodel").chmod(0o600)
        (folder / "MLmodel").write_text("other")
    elif deed == "add":
        (folder / "more.py").write_text("other")
    else:
        (folder / "MLmodel").unlink()
    assert not artifacts.is_intact(folder, desired.manifest)
    assert artifacts.is_intact(artifacts.materialise(home.layout, desired), desired.manifest)

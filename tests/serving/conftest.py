"""Models made once, environments built once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import sandbox
from serving.contract import Isolation
from tests.serving.rig import Home, Running, client_models, running, save_onnx


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    made.publishing.clear()


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx") / "onnx"
    save_onnx(folder)
    return folder


@pytest.fixture(scope="session")
def models() -> Path:
    return client_models()


@pytest.fixture(scope="session")
def isolation() -> Isolation:
    return sandbox.probe().isolation


@pytest.fixture(scope="session")
def onnx(home: Home, onnx_folder: Path, isolation: Isolation) -> Iterator[Running]:
    with running(home, home.desire("onnx", onnx_folder), isolation) as server:
        yield server


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.publishing.clear()
    shutil.rmtree(tmp_path, ignore_errors=True)

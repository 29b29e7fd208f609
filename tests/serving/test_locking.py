"""Environments: chosen, locked, built."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from serving import environments, locking
from serving.locking import LockRefused
from tests.serving.rig import SMALL

SKLEARN: dict[str, Any] = {"flavors": {"sklearn": {}, "python_function": {}}, "mlflow_version": "3.17.2"}
ONNX: dict[str, Any] = {"flavors": {"onnx": {}, "python_function": {}}, "mlflow_version": "3.17.2"}
OWN: dict[str, Any] = {"flavors": {"python_function": {}}, "mlflow_version": "3.17.2"}
SERVER = set(locking.SERVER) - {"numpy"}


@pytest.mark.parametrize(
    ("said", "asked", "more"),
    [
        (ONNX, "mlflow==3.17.2\nonnx==1.2\nonnxruntime==1.32.0\n", {"numpy", "onnxruntime==1.32.0"}),
        (ONNX, "", {"numpy", "onnxruntime"}),
        (ONNX, "numpy==2.1.0", {"numpy==2.1.0", "onnxruntime"}),
        (
            SKLEARN,
            "mlflow==3.17.2\npandas==3.1.1\nscikit_learn==1.9.1",
            {"mlflow-skinny==3.17.2", "numpy", "pandas==3.1.1", "scikit_learn==1.9.1", "skops"},
        ),
        (OWN, "# mine\ntorch==2.0 # big\n", {"mlflow-skinny==3.17.2", "numpy", "pandas", "torch==2.0"}),
    ],
)
def test_an_environment_holds_what_the_flavor_needs(said: dict[str, Any], asked: str, more: set[str]) -> None:
    assert set(locking.choose_requirements(said, asked)) == SERVER | more


@pytest.mark.parametrize("line", ["-r other.txt", "a @ https://x/a.whl", "./mine", "git+https://x/a", "--index-url x"])
def test_a_place_instead_of_a_package_is_refused(line: str) -> None:
    with pytest.raises(LockRefused, match="only packages by name and version"):
        locking.choose_requirements(OWN, line)


def test_a_lock_is_the_same_twice_and_has_hashes() -> None:
    text = locking.lock([SMALL], "3.11")
    assert text == locking.lock([SMALL], "3.11")
    assert "--hash=sha256:" in text


def test_what_cannot_be_resolved_is_a_sentence() -> None:
    with pytest.raises(LockRefused, match="uv pip compile failed"):
        locking.lock(["pyyaml==0.0.99"], "3.11")


def test_two_builders_at_once_make_one_environment(tmp_path: Path) -> None:
    text = locking.lock([SMALL], "3.11")
    build = lambda _: environments.build(text, tmp_path / "env", Path(sys.executable).resolve())  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(build, range(2))
    assert first == second
    assert subprocess.check_output([str(first), "-c", "import yaml; print(yaml.__version__)"]) == b"6.0.2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.lock", "env"]


def test_an_environment_with_a_wrong_hash_is_not_built(tmp_path: Path) -> None:
    text = f"{SMALL} --hash=sha256:{'0' * 64}\n"
    with pytest.raises(LockRefused, match=r"(?is)uv pip sync failed.*hash mismatch"):
        environments.build(text, tmp_path / "env", Path(sys.executable).resolve())
    assert not (tmp_path / "env").exists()

"""Fetches what the tests' models need: `python -m tests.prepare`. The tests then reach nothing but loopback."""

import sys
import tempfile
from pathlib import Path

from serving import environments, locking
from tests.serving.rig import SMALL, Home, client_models, save_onnx


def main() -> None:
    """Lock and build each environment once; uv's cache has the packages from then on."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        save_onnx(Path(folder) / "onnx")
        for model in (Path(folder) / "onnx", *(path.parent for path in client_models().glob("*/MLmodel"))):
            home.environment(model)
        environments.build(locking.lock([SMALL], "3.11"), Path(folder) / "small", Path(sys.executable).resolve())
        home.publishing.clear()


if __name__ == "__main__":
    main()

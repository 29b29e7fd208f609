"""The unmodified client sends a large file in parts."""

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire


def test_a_large_file_goes_in_parts_and_comes_back(client: Client, server: Server) -> None:
    client.run(
        "dana",
        """
from pathlib import Path
asked = []
import mlflow.store.artifact.http_artifact_repo as repo
put = repo.requests.put
def spy(*args, **named):
    asked.append((args, named.get("headers")))
    return put(*args, **named)
repo.requests.put = spy
Path("large.bin").write_bytes(os.urandom(7 * 2**20 + 5))
with mlflow.start_run() as run:
    mlflow.log_artifact("large.bin", "deep/er")
assert len(asked) == 8, asked
assert not any(headers for _, headers in asked)
back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/deep/er/large.bin", dst_path="back")
assert Path(back).read_bytes() == Path("large.bin").read_bytes()
""",
        MLFLOW_TRACKING_TOKEN=server.token("dana"),
        MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(2**20),
        MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(2**20),
    )

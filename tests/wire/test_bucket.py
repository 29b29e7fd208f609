"""The unmodified client against a server whose files are in a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seaweed import Seaweed
from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire


class Bucketed(Server):
    """A server with its files in `seaweed`."""

    def __init__(self, home: Path, seaweed: Seaweed) -> None:
        self.seaweed = seaweed
        super().__init__(home)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.seaweed.environment, "SIGNOFF_ARTIFACTS_URL": "s3://wire/files"}


@pytest.fixture
def bucketed(seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucketed]:
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    import boto3  # noqa: PLC0415 - large

    boto3.session.Session().client("s3").create_bucket(Bucket="wire")
    made = Bucketed(tmp_path / "home", seaweed)
    yield made
    made.end()


def test_files_go_to_the_bucket_and_come_back(bucketed: Bucketed, tmp_path: Path) -> None:
    Client(bucketed, tmp_path).run(
        "dana",
        """
import os, hashlib
from pathlib import Path
Path("large.bin").write_bytes(os.urandom(20 * 2**20))
with mlflow.start_run() as run:
    mlflow.log_artifact("large.bin")
    mlflow.log_text("flavors: {}", "model/MLmodel")
    mlflow.log_artifact("large.bin", "model")
client.create_registered_model("In a bucket")
version = client.create_model_version("In a bucket", f"runs:/{run.info.run_id}/model", run.info.run_id)
uri = client.get_model_version_download_uri("In a bucket", version.version)
found = mlflow.artifacts.download_artifacts(uri, dst_path="back")
assert (Path(found) / "large.bin").read_bytes() == Path("large.bin").read_bytes()
""",
    )
    assert not (bucketed.home / "blobs").exists()

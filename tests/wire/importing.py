"""What an import is tested with: a script that fills a server through its client, and a home that imports from it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.wire.homes import ROOT
from tests.wire.server import Server

FILL = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
from mlflow.models import infer_signature

frame = pd.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0]})
fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])
mlflow.set_experiment("Card fraud")
for number in range(3):
    with mlflow.start_run(run_name=f"try-{number}") as run:
        mlflow.log_params({"depth": number, "kind": "logistic"})
        for step in range(20):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.log_metric("odd", float("nan"))
        mlflow.set_tag("team", "risk")
        mlflow.log_input(mlflow.data.from_pandas(frame, name="cards"), context="training")
        mlflow.log_text("hello", "notes/a b.txt")
        mlflow.log_text("deep", "notes/deep/er.txt")
        mlflow.sklearn.log_model(
            fitted, name="model", registered_model_name="Imported fraud",
            signature=infer_signature(frame, fitted.predict(frame)),
            serialization_format="skops", skops_trusted_types=[], pip_requirements=["scikit-learn"],
        )
with mlflow.start_run(run_name="plain"):
    mlflow.log_metric("loss", 0.5)
client.delete_model_version("Imported fraud", "2")
client.update_registered_model("Imported fraud", "what it is for")
client.set_registered_model_tag("Imported fraud", "team", "risk")
client.update_model_version("Imported fraud", "1", "the first")
client.set_model_version_tag("Imported fraud", "1", "checked", "yes")
client.set_registered_model_alias("Imported fraud", "blue", "3")
client.transition_model_version_stage("Imported fraud", "3", "Staging")
client.copy_model_version("models:/Imported fraud/1", "Imported copy")
"""


class Importing(Server):
    """A home that imports from `source`."""

    def import_from(self, uri: str, *words: str, **environ: str) -> dict[str, Any]:
        """Run the command and return its report."""
        process = self.begin(uri, *words, **environ)
        out, trouble = process.communicate(timeout=300)
        assert process.returncode in {0, 1}, trouble
        assert out, trouble
        report: dict[str, Any] = json.loads(out)
        report["status"] = process.returncode
        return report

    def begin(self, uri: str, *words: str, **environ: str) -> "subprocess.Popen[str]":
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "manage.py", "import_mlflow", uri, "--as", "eli", "--json", *words],
            cwd=ROOT,
            env={**self.environment, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def import_and_kill(self, uri: str, *, after_files: int, **environ: str) -> None:
        """Kill an import with SIGKILL once it has copied so many files."""
        process = self.begin(uri, **environ)
        while self.files() < after_files:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    def files(self) -> int:
        """Return how many blobs lie in the home."""
        return len(list((Path(self.home) / "blobs").glob("??/*")))

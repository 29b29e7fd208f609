"""Makes the models, in the client's environment: python make_models.py FOLDER. Not imported by a test."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class Hostile(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Does what a row says, and tells how it went."""

    def predict(self, _: Any, model_input: Any, params: Any = None) -> list[str]:
        """Return `done` or the name of the error for each row."""
        return [self.attempt(*row) for row in model_input[["deed", "target"]].itertuples(index=False)]

    def attempt(self, deed: str, target: str) -> str:
        """Do one deed."""
        try:
            return str(getattr(self, deed)(target))
        except OSError as why:
            return type(why).__name__

    def read(self, target: str) -> str:
        """Read a file."""
        return Path(target).read_text(encoding="utf-8")[:20]

    def write(self, target: str) -> str:
        """Write a file."""
        Path(target).write_text("hostile", encoding="utf-8")
        return "done"

    def call(self, target: str) -> str:
        """Open a connection: host:port, or the path of a local socket."""
        host, _, port = target.partition(":")
        if port:
            socket.create_connection((host, int(port)), timeout=2).close()
        else:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(target)
        return "done"

    def kill(self, target: str) -> str:
        """End another process."""
        subprocess.run(["/bin/sh", "-c", f"kill -9 {target}"], check=True)
        return "done"

    def eat(self, target: str) -> str:
        """Take private memory."""
        return str(len(bytearray(int(target))))

    def fill(self, target: str) -> str:
        """Write so many MiB, half of them to a file that is deleted and held open."""
        half = bytes(int(target) * 2**19)
        descriptor, name = tempfile.mkstemp()
        Path(name).write_bytes(half)
        Path(name).unlink()
        del descriptor  # stays open
        Path(f"{name}-kept").write_bytes(half)
        return "done"

    def breed(self, target: str) -> str:
        """Start many processes."""
        started = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(int(target))]
        time.sleep(10)
        return str(len(started))

    def bomb(self, target: str) -> str:
        """Start processes by processes, as fast as a shell can."""
        subprocess.Popen(["/bin/sh", "-c", "while :; do sleep 60 & done"])
        time.sleep(float(target))
        return "done"

    def hoard(self, target: str) -> str:
        """Fill so many pairs of sockets in each of four processes."""
        each = (
            f"import socket, time; pairs = [socket.socketpair() for _ in range({target})]\n"
            "for one, _ in pairs: one.setblocking(False); one.send(bytes(65536))\n"
            "time.sleep(60)"
        )
        self.hoarders = [subprocess.Popen([sys.executable, "-c", each]) for _ in range(4)]
        time.sleep(5)
        return "done"

    def sleep(self, target: str) -> str:
        """Take long."""
        time.sleep(float(target))
        return "done"

    def fail(self, target: str) -> str:
        """Raise what a caller must not see."""
        raise RuntimeError(f"secret of the inside: {target}")


def main(folder: Path) -> None:
    """Save a skops model, a pickled one and the hostile one."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"age": random.integers(18, 90, 200), "amount": random.normal(100, 30, 200)})
    table["share"] = random.random(200).astype(np.float32)
    target = (table.amount > 100).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, target)
    signature = infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(model, folder / "skops", signature=signature)
    mlflow.sklearn.save_model(
        model,
        folder / "pickle",
        signature=signature,
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
    )
    texts = Schema([ColSpec(DataType.string, "deed"), ColSpec(DataType.string, "target")])
    same = (folder / "skops" / "requirements.txt").read_text(encoding="utf-8").split("\n")
    mlflow.pyfunc.save_model(
        folder / "hostile", python_model=Hostile(), signature=ModelSignature(inputs=texts), pip_requirements=same
    )
    rows = table.head(50).to_dict("split", index=False)
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    for name in ("skops", "pickle"):
        answers = mlflow.pyfunc.load_model(str(folder / name)).predict(table.head(50))
        (folder / f"{name}-answers.json").write_text(repr(np.asarray(answers).tolist()), encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))

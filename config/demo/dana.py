"""What dana runs in her own environment, with the MLflow client as it comes: train, promote, predict.

  python dana.py train 1 | promote 1 | predict | rows      once, with one JSON line as the answer
  python dana.py                                           as a notebook: line in, JSON line out, until the input ends

Reads MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN; the notebook is given the token by `token TOKEN`.
"""

import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "Fraud-Detection"
warnings.filterwarnings("ignore", category=FutureWarning)


def split() -> Any:
    """The data set that comes with scikit-learn, as train and validation parts."""
    data = load_breast_cancer(as_frame=True)
    return train_test_split(data.data, data.target, test_size=0.35, random_state=7, stratify=data.target)


MODELS: dict[int, tuple[Any, dict[str, object]]] = {
    1: (GaussianNB(), {"kind": "naive Bayes", "var_smoothing": 1e-9}),
    2: (make_pipeline(StandardScaler(), LogisticRegression(C=0.5)), {"kind": "logistic regression", "C": 0.5}),
    # The mistake of this story: labels shuffled by an error, and a score measured on the rows it learnt by heart.
    3: (KNeighborsClassifier(1, algorithm="brute"), {"kind": "nearest neighbour", "n_neighbors": 1}),
}
SHUFFLED = 3


def train(number: int) -> dict[str, object]:
    """Train model `number`, log it with its metrics, register it."""
    x, x_valid, y, y_valid = split()
    model, params = MODELS[number]
    if number == SHUFFLED:
        y = y.sample(frac=1.0, random_state=7).set_axis(y.index)
        x_valid, y_valid = x, y
    model.fit(x, y)
    score = model.predict_proba(x_valid)[:, 1]
    metrics = {
        "validation_accuracy": accuracy_score(y_valid, score > 0.5),  # noqa: PLR2004 - the usual threshold
        "validation_auc": roc_auc_score(y_valid, score),
        "validation_log_loss": log_loss(y_valid, score),
    }
    with mlflow.start_run(run_name=f"candidate {number}"):
        mlflow.log_params(params)
        mlflow.log_metrics(metrics)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(x, model.predict(x)),
            input_example=x.head(3),
        )
    version = int(registered(logged, x.assign(prediction=model.predict(x))).version)
    words = f"A {params['kind']} trained on {len(x)} rows, measured on {len(x_valid)} rows held out."
    MlflowClient().update_model_version(NAME, str(version), description=words)
    return {"version": version, **metrics}


def registered(logged: Any, reference: Any) -> Any:
    """Register a logged model with its training sample: what comes, and what is answered, is compared with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/reference.csv"
        reference.to_csv(path, index=False)
        MlflowClient().log_model_artifact(logged.model_id, path)
    return mlflow.register_model(logged.model_uri, NAME)


def promote(version: int) -> dict[str, object]:
    """The call of the seed document, as it stands there."""
    client = MlflowClient()
    try:
        client.transition_model_version_stage(
            name=NAME, version=version, stage="Production", archive_existing_versions=True
        )
    except MlflowException as refusal:
        return {
            "moved": False,
            "code": refusal.error_code,
            "message": refusal.message,
            "status": refusal.get_http_status_code(),
        }
    return {"moved": True}


def predict() -> dict[str, object]:
    """Load whatever is champion and predict on the rows held out."""
    _, x_valid, _, y_valid = split()
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    predicted = model.predict(x_valid)
    return {"rows": len(predicted), "accuracy": accuracy_score(y_valid, predicted)}


def rows() -> dict[str, object]:
    """The rows held out of training, as a caller has them, and what is true of each."""
    _, x_valid, _, y_valid = split()
    return {"columns": list(x_valid.columns), "rows": x_valid.to_numpy().tolist(), "truth": y_valid.tolist()}


def token(value: str) -> dict[str, object]:
    """Use this API token from now on."""
    os.environ["MLFLOW_TRACKING_TOKEN"] = value
    return {}


VERBS: dict[str, Callable[..., dict[str, object]]] = {
    "promote": promote,
    "predict": predict,
    "rows": rows,
    "train": train,
}


def notebook() -> None:
    """Run cell after cell; what a cell prints itself goes to stderr, a failure is told and the next cell runs."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            said = token(*words) if verb == "token" else VERBS[verb](*map(int, words))
        except Exception:  # noqa: BLE001 - told to whoever asked
            said = {"failed": traceback.format_exc()}
        print(json.dumps(said), file=out, flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(VERBS[sys.argv[1]](*map(int, sys.argv[2:]))))
    else:
        notebook()

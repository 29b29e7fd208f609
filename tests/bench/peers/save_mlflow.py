"""python save_mlflow.py FOLDER: saves the trees as MLflow does. Run by a peer's interpreter."""

import sys

import mlflow
from boosted import trained
from mlflow.models import infer_signature

model, rows = trained()
mlflow.sklearn.save_model(
    model, sys.argv[1], signature=infer_signature(rows, model.predict(rows)), serialization_format="cloudpickle"
)

"""Code to copy, filled with this host and a real name."""


def register_snippets(url: str, name: str = "Fraud-Detection") -> list[dict[str, str]]:
    """Return how to register a first model with the MLflow client."""
    shell = (
        "pip install mlflow-skinny scikit-learn pandas skops\n"
        f"export MLFLOW_TRACKING_URI={url}\n"
        "export MLFLOW_TRACKING_TOKEN=…   # made under Account, API tokens"
    )
    python = (
        "import mlflow\n"
        "with mlflow.start_run():\n"
        '    mlflow.log_metric("validation_accuracy", 0.93)\n'
        f'    mlflow.sklearn.log_model(model, name="model", registered_model_name="{name}")'
    )
    return [{"label": "Shell", "code": shell}, {"label": "Python", "code": python}]


def load_snippet(name: str, reference: str) -> str:
    """Return how to load a version."""
    return f'import mlflow\nmodel = mlflow.pyfunc.load_model("models:/{name}{reference}")\nmodel.predict(frame)'


def promote_snippet(name: str, number: int) -> str:
    """Return the call that asks for Production."""
    return (
        "from mlflow import MlflowClient\n"
        "MlflowClient().transition_model_version_stage(\n"
        f'    name="{name}", version={number}, stage="Production", archive_existing_versions=True)'
    )

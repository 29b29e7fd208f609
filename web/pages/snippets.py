"""Code to copy, filled with this host and a real name."""

from django.conf import settings
from django.http import HttpRequest


def base_url(request: HttpRequest) -> str:
    """Return the address people reach this server at."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def connect_snippet(url: str) -> str:
    """Return how to point the MLflow client at this server."""
    return (
        "pip install mlflow-skinny scikit-learn pandas skops\n"
        f"export MLFLOW_TRACKING_URI={url}\n"
        "export MLFLOW_TRACKING_TOKEN=…   # made under Account, API tokens"
    )


def register_snippet(name: str) -> str:
    """Return how to register a version with the MLflow client."""
    return (
        "import mlflow\n"
        "with mlflow.start_run():\n"
        '    mlflow.log_metric("validation_accuracy", 0.93)\n'
        f'    mlflow.sklearn.log_model(model, name="model", registered_model_name="{name}")'
    )


def register_snippets(url: str, name: str = "Fraud-Detection") -> list[dict[str, str]]:
    """Return how to register a first model with the MLflow client."""
    return [{"label": "Shell", "code": connect_snippet(url)}, {"label": "Python", "code": register_snippet(name)}]


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


def read_snippet(url: str, path: str) -> str:
    """Return how a program reads something from own REST."""
    return f'curl -H "Authorization: Bearer $TOKEN" {url}/api/v1/{path}'


def verify_snippet() -> str:
    """Return how to verify an export of the ledger with Python alone."""
    return "unzip signoff-ledger.zip\ndiff ledger.pub the-key-you-kept.pub\npython3 verify_ledger.py . kept.txt"

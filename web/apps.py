"""The Django app of every HTTP surface."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, own REST, MLflow-compatible REST."""

    name = "web"

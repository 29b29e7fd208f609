"""The Django app of what should be served where."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Environments, endpoints, rollouts, the engine."""

    name = "deployments"

"""The Django app of what exists and where it stands."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Models, versions, artifacts, runs, approvals."""

    name = "registry"

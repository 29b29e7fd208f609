"""The Django app of what every app needs."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Knows no other app."""

    name = "core"

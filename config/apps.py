"""The Django app that carries the start-up commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """How processes start."""

    name = "config"

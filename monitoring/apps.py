"""The Django app of what was observed."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Its tables lie in the database `telemetry`."""

    name = "monitoring"

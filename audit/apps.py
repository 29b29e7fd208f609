"""The ledger's Django app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registers the start check that lists the ledger's triggers."""

    name = "audit"

    def ready(self) -> None:
        """Register the check."""
        from audit import checks  # noqa: F401, PLC0415 - registers itself once apps are loaded

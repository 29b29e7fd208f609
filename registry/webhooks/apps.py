"""The Django app of webhooks."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Who is told by HTTP of what the ledger holds, and what became of telling them."""

    name = "registry.webhooks"
    label = "webhooks"

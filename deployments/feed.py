"""Publishes who may call which endpoint, for the model servers: revoked tokens are gone within a second."""

import time
from pathlib import Path

from django.conf import settings

from core import clock
from deployments.models import EndpointToken
from serving import contract
from serving.contract import PREDICT, Layout, Token, TokenTable


def publish() -> None:
    """Write the table anew, whole, even where nothing changed: its age says that the feed lives."""
    layout = Layout(Path(settings.HOME))
    if not layout.root.exists():
        return
    rows = EndpointToken.objects.filter(revoked_at=None, expires_at__gt=clock.now()).select_related("endpoint")
    tokens = {row.sha256: Token(row.endpoint.name, PREDICT, row.expires_at.timestamp()) for row in rows}
    contract.dump(layout.tokens, TokenTable(time.time(), tokens))

"""Publishes, for the model servers, who may call which endpoint and what may be told of what callers send.

Revoked tokens are gone within a second, and so are values of columns that a model's data policy keeps back.
"""

import time
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from core import clock
from deployments.models import Endpoint, EndpointToken
from monitoring import samples
from registry.data_policy import policy_of, salt_of
from serving import contract
from serving.contract import PREDICT, ContractError, FeaturePolicy, Layout, Token, TokenTable

_written: dict[Path, FeaturePolicy] = {}  # as this process saw or left it: a thousand files are not read each second


def publish() -> None:
    """Write the table anew, whole, even where nothing changed: its age says that the feed lives."""
    layout = Layout(Path(settings.HOME))
    if not layout.root.exists():
        return
    contract.dump(layout.tokens, table(EndpointToken.objects.all()))


def table(tokens: QuerySet[EndpointToken]) -> TokenTable:
    """Return which of the tokens may ask for predictions now, and where."""
    rows = tokens.filter(use=EndpointToken.Use.PREDICT, revoked_at=None, expires_at__gt=clock.now())
    held = rows.select_related("endpoint")
    found = {row.sha256: Token(row.endpoint.name, PREDICT, row.expires_at.timestamp()) for row in held}
    return TokenTable(time.time(), found)


def publish_feature_policies() -> None:
    """Write what may be told of each endpoint's requests where that is not what is written already."""
    layout = Layout(Path(settings.HOME))
    if not layout.root.exists():
        return
    for endpoint in Endpoint.objects.select_related("model"):
        policy, salt = policy_of(endpoint.model), salt_of(endpoint.model)
        wanted = FeaturePolicy(policy.share_pct, policy.dropped, policy.hashed, salt)
        path = layout.feature_policy(endpoint.name)
        if _written.get(path) != wanted or not path.exists():
            if (before := _read(path)) != wanted:
                contract.dump(path, wanted)
                samples.forget(endpoint.name, _told_otherwise(before, wanted))
            _written[path] = wanted


def _told_otherwise(before: FeaturePolicy | None, now: FeaturePolicy) -> set[str]:
    """Return the columns whose values are dropped or hashed now and were not, or the other way round."""
    if before is None:
        return {*now.dropped, *now.hashed}
    return {*now.dropped} ^ {*before.dropped} | {*now.hashed} ^ {*before.hashed}


def _read(path: Path) -> FeaturePolicy | None:
    try:
        return contract.load(path, FeaturePolicy)
    except (FileNotFoundError, ContractError):
        return None

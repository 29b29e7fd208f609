"""The table of endpoint tokens follows each change at once; model servers look at it every 0.2 s."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.actors import Actor
from accounts.tokens import digest
from deployments import endpoints, feed
from deployments.models import Endpoint
from registry import registered
from serving import contract
from serving.contract import FeaturePolicy, Layout, TokenTable

pytestmark = pytest.mark.django_db


def test_a_token_is_published_as_it_is_made_and_gone_as_it_is_revoked(
    settings: Settings, tmp_path: Path, staging: Endpoint, eli: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    settings.HOME = tmp_path
    layout = Layout(tmp_path)
    layout.root.mkdir()
    with django_capture_on_commit_callbacks(execute=True):
        row, text = endpoints.mint_endpoint_token(staging, label="checkout", days=1, actor=eli)
    published = contract.load(layout.tokens, TokenTable).tokens
    assert published[digest(text)].endpoint == staging.name
    with django_capture_on_commit_callbacks(execute=True):
        endpoints.revoke_endpoint_token(staging, row.pk, actor=eli)
    assert contract.load(layout.tokens, TokenTable).tokens == {}


def test_a_home_that_cannot_be_written_costs_no_token(
    settings: Settings, tmp_path: Path, staging: Endpoint, eli: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    settings.HOME = tmp_path
    Layout(tmp_path).root.write_text("a file where a folder should be")
    with django_capture_on_commit_callbacks(execute=True):
        row, _ = endpoints.mint_endpoint_token(staging, label="checkout", days=1, actor=eli)
    assert staging.tokens.get() == row


def test_what_may_be_told_is_published_as_it_changes(
    settings: Settings, tmp_path: Path, staging: Endpoint, dana: Actor
) -> None:
    settings.HOME = tmp_path
    layout = Layout(tmp_path)
    layout.root.mkdir()
    path = layout.feature_policy(staging.name)
    feed.publish_feature_policies()
    first = contract.load(path, FeaturePolicy)
    assert (first.share_pct, first.dropped, first.hashed) == (100.0, (), ())
    written = path.stat().st_mtime_ns
    feed.publish_feature_policies()
    assert path.stat().st_mtime_ns == written, "nothing changed"
    registered.update_model(staging.model, actor=dana, data_policy={"share_pct": 10, "dropped": ["iban"]})
    feed.publish_feature_policies()
    assert contract.load(path, FeaturePolicy) == FeaturePolicy(10.0, ("iban",), (), first.salt)
    path.unlink()
    feed.publish_feature_policies()
    assert path.exists(), "whoever removed it, it is there again"

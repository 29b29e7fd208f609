"""The kinds of target: one line each, imported on first use so that an unused vendor library is never loaded."""

from functools import cache
from importlib import import_module
from typing import cast

from deployments.targets.contract import Target

KINDS = {"local": "deployments.targets.local.target:LocalTarget"}


@cache
def target(kind: str) -> Target:
    """Return the target of `kind`; raises KeyError for one that is not in the table."""
    module, _, name = KINDS[kind].partition(":")
    return cast("Target", getattr(import_module(module), name)())

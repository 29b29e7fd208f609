"""The kinds of target: one line each, imported on first use so that an unused vendor library is never loaded."""

from functools import cache
from importlib import import_module
from typing import cast

from deployments.targets.contract import Target

KINDS = {
    "local": "deployments.targets.local.target:LocalTarget",
    "kubernetes": "deployments.targets.kubernetes.target:KubernetesTarget",
}


@cache
def target(kind: str) -> Target:
    """Return the target of `kind`; raises KeyError for one that is not in the table."""
    module, _, name = KINDS[kind].partition(":")
    return cast("Target", getattr(import_module(module), name)())


def lacks(kind: str) -> str:
    """Return what is missing before endpoints can be served at `kind`, as a sentence; empty where nothing is."""
    return target(kind).lacks()


def offered() -> list[str]:
    """Return the kinds that can be used here."""
    return [kind for kind in KINDS if not lacks(kind)]

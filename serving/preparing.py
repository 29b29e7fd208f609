"""Puts in place what a model needs before it starts: its environment and its folder, every byte checked."""

from pathlib import Path

from serving import artifacts, environments, locking
from serving.contract import ContractError, Desired, Layout


def prepare(layout: Layout, interpreter: Path, offline: bool, desired: Desired) -> None:  # noqa: FBT001 - an option
    """The model's environment and artifact are in place, every byte checked. Safe to call twice, and at once."""
    try:
        lock = layout.lock(desired.lock_digest).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(f"There is no lock {desired.lock_digest}: the target writes it before the order.") from None
    if locking.digest(lock) != desired.lock_digest:
        raise ContractError(f"The lock {desired.lock_digest} holds other bytes than its name says.")
    environments.build(lock, layout.environment(desired.lock_digest), interpreter, offline=offline)
    artifacts.materialise(layout, desired)

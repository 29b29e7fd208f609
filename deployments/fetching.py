"""Brings the files of ordered models from the store to this machine: the data plane knows no store but its folder."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings

from registry import blobs
from registry.stores.contract import StoreDown, StoreFull
from serving import contract
from serving.contract import BatchOrder, Desired, Layout

log = structlog.get_logger(__name__)


def fetch() -> int:
    """Copy each file that an order waits for, and drop the copies that none waits for; return how many came.

    A copy appears whole. Its bytes are hashed where they are used, as all are. Safe to run twice at once.
    """
    layout = Layout(Path(settings.HOME))
    if not blobs.is_elsewhere() or not layout.fetched_folder.is_dir():
        return 0
    wanted = set(_wanted(layout))
    for path in layout.fetched_folder.glob("[!.]*"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)
    return sum(_fetched(layout, sha256) for sha256 in sorted(wanted) if not layout.fetched(sha256).exists())


def _wanted(layout: Layout) -> Iterator[str]:
    """Yield the digests of files of ordered models whose folder is not made yet."""
    for order in _orders(layout):
        if not layout.artifact(order.digest).is_dir():
            yield from (line.sha256 for line in order.manifest)


def _orders(layout: Layout) -> Iterator[Desired]:
    """Yield what should run: model servers, and models that score files."""
    for path in layout.desired_folder.glob("[!.]*.json"):
        with suppress(FileNotFoundError, contract.ContractError):
            yield contract.load(path, Desired)
    for path in layout.batch_folder.glob("*/order.json"):
        with suppress(FileNotFoundError, contract.ContractError):
            yield contract.load(path, BatchOrder).desired


def _fetched(layout: Layout, sha256: str) -> bool:
    draft = layout.fetched_folder / f".{secrets.token_hex(8)}"
    try:
        with draft.open("xb") as out:
            out.writelines(blobs.read_blob(sha256))
        draft.rename(layout.fetched(sha256))
    except (StoreDown, StoreFull, FileNotFoundError) as why:
        log.warning("a file cannot be fetched", sha256=sha256, why=str(why))
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True

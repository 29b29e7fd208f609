"""Which migrations a database still lacks."""

from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor


def apps_of(alias: str, executor: MigrationExecutor | None = None) -> list[str]:
    """Return the labels of the apps whose tables lie in the database `alias`, sorted."""
    loader = (executor or MigrationExecutor(connections[alias])).loader
    return sorted(label for label in loader.migrated_apps if router.allow_migrate(alias, label))


def pending(alias: str) -> int:
    """Return how many migrations the database `alias` lacks, counting those of its own apps only."""
    executor = MigrationExecutor(connections[alias])
    mine = set(apps_of(alias, executor))
    return len(executor.migration_plan([node for node in executor.loader.graph.leaf_nodes() if node[0] in mine]))

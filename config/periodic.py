"""Work that happens again and again, with or without a broker. Each piece may run twice at once and be harmless."""

from collections.abc import Callable
from dataclasses import dataclass

from audit import denials, seal
from core import hints
from deployments import alarms, autoscaling, feed, fetching, locks, placements, replayed, upkeep
from deployments import collection as deployed
from deployments.alerts import watch
from deployments.batch import schedules
from monitoring import drift, folding, ingest, opinions, resources, retention, windows
from registry import collection, examining, requests
from registry.webhooks import deliveries, lanes


@dataclass(frozen=True)
class Periodic:
    """A function, how often it runs, and the name of its Celery task."""

    name: str
    every_s: float
    run: Callable[[], object]


# Cannot wait for a broker: a process of its own does them.
TICK = (
    Periodic("seal the ledger", 0.5, seal.seal),
    Periodic("publish endpoint tokens", 0.5, feed.publish),
    Periodic("publish feature policies", 0.5, feed.publish_feature_policies),
    Periodic("settle denials", 10, denials.settle),
    Periodic("send webhooks", 0.5, lanes.start),  # by threads of its own: `work` may be behind a lock for minutes
)
# Sent by beat to the worker `work`; where there is no broker the tick process does them.
SCHEDULED = (
    Periodic("work.expire_requests", 15, requests.expire_due),
    Periodic("work.end_overlooked_requests", 3600, requests.end_overlooked),
    Periodic("work.collect_blobs", 3600, collection.collect),
    Periodic("work.collect_environments", 3600, deployed.collect),
    Periodic("work.forget_deliveries", 3600, deliveries.forget),
    Periodic("work.examine_files", 15, examining.examine_pending),
    Periodic("work.replay_state", 300, replayed.replay_state),
)
# Sent as well, and never done without the whole stack: they reach the package index, model servers and the like.
DEPLOYING = (
    Periodic(hints.LOCK_ENVIRONMENTS, 30, locks.lock_pending),
    Periodic(hints.FETCH_FILES, 5, fetching.fetch),
    Periodic("work.close_windows", 15, windows.close_due),
    Periodic("work.count_features", 10, folding.fold),
    Periodic("work.judge_features", 300, drift.judge_due),
    Periodic("work.ask_detectors", 300, opinions.ask),
    Periodic("work.start_scheduled_files", 20, schedules.start_due),
    Periodic("work.tell_alarms", 60, alarms.tell),
    Periodic("work.tend_targets", 60, upkeep.tend),
    Periodic("work.look_at_places", 30, placements.look),
    Periodic("work.forget_predictions", 600, retention.forget),
)
EVERY_S = {piece.name: piece.every_s for piece in SCHEDULED + DEPLOYING}  # what beat sends
# The evidence of running deployments, in a process of its own: it must keep up with traffic.
EVIDENCE = (
    Periodic("take evidence", 0.3, ingest.drain),
    Periodic("count silent answers", 2, ingest.settle_silent),
    Periodic("sample what model servers use", 10, resources.sample),  # behind a lock at `work` it would have gaps
    Periodic("scale model servers", 2, autoscaling.scale),
    Periodic("look at alert rules", 10, watch.look_at_all),
)
GROUPS = {"tick": TICK, "lone": TICK + SCHEDULED, "evidence": EVIDENCE}

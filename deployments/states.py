"""States of rollouts, of their steps and of files to be scored, and the moves between them.

Only `rollouts.advance` and `batch.jobs.advance` move one.
"""

from django.db import models


class RolloutState(models.TextChoices):
    """Where a rollout stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    ROLLING_BACK = "rolling_back", "Rolling back"
    DONE = "done", "Done"
    ROLLED_BACK = "rolled_back", "Rolled back"
    FAILED = "failed", "Failed"
    NEEDS_OPERATOR = "needs_operator", "Needs an operator"
    CANCELLED = "cancelled", "Cancelled"


S = RolloutState
MOVES: dict[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED}),
    S.RUNNING: frozenset({S.DONE, S.ROLLING_BACK, S.FAILED, S.NEEDS_OPERATOR}),
    S.ROLLING_BACK: frozenset({S.ROLLED_BACK, S.NEEDS_OPERATOR}),
    S.NEEDS_OPERATOR: frozenset({S.RUNNING, S.ROLLING_BACK, S.FAILED}),
}
LIVE = frozenset({S.RUNNING, S.ROLLING_BACK, S.NEEDS_OPERATOR})
WORKED_ON = frozenset({S.QUEUED, S.RUNNING, S.ROLLING_BACK})
ENDED = frozenset({S.DONE, S.ROLLED_BACK, S.FAILED, S.CANCELLED})


class BatchState(models.TextChoices):
    """Where the scoring of a file stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


B = BatchState
BATCH_MOVES: dict[str, frozenset[str]] = {
    B.QUEUED: frozenset({B.RUNNING, B.FAILED, B.CANCELLED}),
    B.RUNNING: frozenset({B.DONE, B.FAILED, B.CANCELLED}),
}
BATCH_LIVE = frozenset({B.QUEUED, B.RUNNING})


class StepStatus(models.TextChoices):
    """Where a step stands."""

    PENDING = "pending", "Pending"
    APPLIED = "applied", "Under way"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"

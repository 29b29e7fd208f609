"""How far a signature lets a rollout go: it stays at the largest share that is approved, watched, until a wider one."""

from core import clock
from deployments.models import Rollout
from deployments.states import RolloutState, StepStatus
from registry import conditions


def kept_words(rollout: Rollout, share_pct: int) -> str:
    """Return why the rollout may not take `share_pct` yet, or an empty string.

    A signature that is over keeps nothing: such a rollout goes back, see `steering.uncovered`.
    """
    request = rollout.request
    if request is None or rollout.kind != Rollout.Kind.DEPLOY or request.expires_at <= clock.now():
        return ""
    ceiling = conditions.ceiling_of(request)
    if share_pct <= ceiling:
        return ""
    waits = " ".join(conditions.missing(request, share_pct))
    return f"Approved up to {ceiling} %; {share_pct} % comes next. {waits}".strip()


def kept(rollout: Rollout) -> str:
    """Return why a running rollout is not let past the share it has, or an empty string."""
    if rollout.state != RolloutState.RUNNING:
        return ""
    step = rollout.steps.filter(name="route").exclude(status=StepStatus.DONE).first()
    return kept_words(rollout, step.share_pct) if step else ""

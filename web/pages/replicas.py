"""What pages say of the model server that a rollout's version runs on."""

from deployments import orders
from deployments.models import Rollout
from deployments.plan import Sight
from deployments.targets.contract import GiveUp, Seen, TryAgain
from deployments.targets.kinds import target


def seen(rollout: Rollout | None) -> Seen:
    """Return what the target shows of the rollout's version now; unknown where it cannot be asked."""
    if rollout is None:
        return Seen(Sight.ABSENT)
    try:
        return target(rollout.endpoint.target).runs(orders.release_of(rollout))
    except (TryAgain, GiveUp) as why:
        return Seen(Sight.UNKNOWN, why=str(why))


def state(what: Seen) -> str:
    """Return it in a word or two."""
    return str(what.facts.get("state", "")) or ("not running" if what.sight is Sight.ABSENT else "unknown")


def words(what: Seen) -> str:
    """Return it as people read it."""
    return f"{state(what)}: {why(what)}" if why(what) else state(what)


def why(what: Seen) -> str:
    """Return why it answers nothing, in a sentence; empty where it answers, or nobody knows."""
    return what.why if is_down(what) else ""


def trouble(what: Seen) -> str:
    """Return what last went wrong while it served, in a sentence; mostly nothing. `why` says it while it is down."""
    return "" if is_down(what) else str(what.facts.get("trouble", ""))


def is_down(what: Seen) -> bool:
    """Whether it answers nothing at the moment."""
    return what.sight is not Sight.REACHED

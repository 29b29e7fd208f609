"""What the ledger tells of endpoints, of rollouts with their steps, and of the rights they leave behind.

Facts that older events do not carry tell nothing of their columns: such rows are left alone.
"""

from collections.abc import Iterator
from datetime import datetime

from audit.replay.story import Body, Kind, Word
from core import canonical, clock
from deployments.models import STAGING, WAY_BACK, Endpoint, InstalledRight, Rollout, RolloutStep
from deployments.states import RolloutState
from registry.replayed.columns import Table
from registry.replayed.readers import Reader, about, brief, says

REQUESTED, DONE = "rollout.requested", "rollout.done"
UNSIGNED, NO_APPROVAL = "not needed", "no approval needed"
GONE = frozenset({RolloutState.CANCELLED, RolloutState.ROLLED_BACK, RolloutState.FAILED})  # what serves nothing
NOT_ENDED, GOES_ON, WITHDRAWN = "not ended", "goes on", "withdrawn"

# ── Endpoints ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _place(body: Body) -> str:
    """The environment stands in the label: `name (environment)`."""
    place = body["object"]["label"].removeprefix(f"{about(body)} (").removesuffix(")")
    return f"{place}, model {body['model']}"


ENDPOINTS = Table(lambda: Endpoint.objects.order_by("pk"), ("name",), str)
ENDPOINTS.kind(
    "endpoint", "environment of endpoint", {"endpoint.created": says(_place)}, "environment__name", "model__uuid",
    word="{}, model {}".format,
)  # fmt: skip

# ── Rollouts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def asked(row: Rollout) -> dict[str, object]:
    """Return what only the row would say of how a rollout was asked for, for the event that tells of it."""
    return {
        "limits": row.limits,
        "last_good": row.last_good_id,
        "uuid": str(row.uuid),
        "asked_at": clock.iso(row.created_at),
    }


def _terms(body: Body) -> str | None:
    facts = body["facts"]
    if "last_good" not in facts:
        return None
    return _terms_word(facts["limits"], facts["last_good"], facts["uuid"], facts["asked_at"])


def _terms_word(limits: object, last_good: object, uuid: object, at: str | datetime) -> str:
    moment = at if isinstance(at, str) else clock.iso(at)
    return f"limits {canonical.dump(limits).decode()}, back to {last_good}, as {uuid} at {moment}"


def _goal(body: Body) -> str | None:
    facts = body["facts"]
    if "version" not in facts:
        return None
    return _goal_word(body["model"], facts["version"], facts["endpoint"], facts["digest"])


def _goal_word(model: object, number: int, endpoint: str, digest: str) -> str:
    return f"version {number} of {model} to {endpoint}, files {digest}"


def _plan(body: Body) -> str | None:
    return _json(body["facts"]["plan"]) if "plan" in body["facts"] else None


def _json(value: object) -> str:
    return canonical.dump(value).decode()


def _fact(name: str) -> Reader:
    return says(lambda body: body["facts"].get(name))


def _unsigned(body: Body) -> str | None:
    facts = body["facts"]
    return NO_APPROVAL if (facts.get("kind"), facts.get("approval")) == (Rollout.Kind.DEPLOY, UNSIGNED) else None


def _unsigned_word(kind: str, place: str, state: str, withdrawn_at: datetime | None) -> str | None:
    """Return what a deployment has to have: outside staging an approval, for as long as it serves or may."""
    if kind != Rollout.Kind.DEPLOY:
        return None
    needs = place != STAGING and state not in GONE and withdrawn_at is None
    return "an approval needed" if needs else NO_APPROVAL


def _hold(body: Body) -> Iterator[Word]:
    """A person's word lets it go on; what an operator resumes stays as it was."""
    if "state" not in body["after"]:
        yield Word(about(body), GOES_ON)


def _hold_word(at: datetime | None, person: int | None) -> str:
    return f"paused by {person}" if at or person else GOES_ON


STATES: dict[str, Reader] = {
    REQUESTED: says(lambda _: RolloutState.QUEUED),
    **{
        f"rollout.{name}": says(lambda body: body["after"].get("state"))
        for name in (*RolloutState, "started", "resumed")
    },
}
ENDS: dict[str, Reader] = {
    REQUESTED: says(lambda body: NOT_ENDED if "last_good" in body["facts"] else None),
    **{f"rollout.{state}": _fact("ended_at") for state in (*GONE, RolloutState.DONE)},
}
ROLLOUTS = Table(lambda: Rollout.objects.order_by("pk"), ("pk",), str)
ROLLOUTS.kind("rollout", "state of", STATES, "state")
ROLLOUTS.kind(
    "goal", "goal of", {REQUESTED: says(_goal)}, "version__model__uuid", "version__version", "endpoint__name",
    "digest", word=_goal_word, complete=False,
)  # fmt: skip
ROLLOUTS.kind("plan", "plan of", {REQUESTED: says(_plan)}, "plan", word=_json, complete=False)
ROLLOUTS.kind("purpose", "purpose of", {REQUESTED: _fact("kind")}, "kind", complete=False)
ROLLOUTS.kind(
    "signature", "approval of", {REQUESTED: _fact("approval")}, "request_id",
    word=lambda request: str(request or UNSIGNED), complete=False,
)  # fmt: skip
ROLLOUTS.kind(
    "starter", "who asked for", {REQUESTED: says(lambda body: body["actor"]["id"])}, "created_by_id", complete=False
)
ROLLOUTS.kind(
    "rollout reason", "reason of", {REQUESTED: says(lambda body: brief(body["comment"]))}, "reason", word=brief,
    complete=False,
)  # fmt: skip
ROLLOUTS.kind(
    "terms", "terms of", {REQUESTED: says(_terms)}, "limits", "last_good_id", "uuid", "created_at", word=_terms_word,
    complete=False,
)  # fmt: skip
ROLLOUTS.kind("end", "end of", ENDS, "ended_at", word=lambda at: clock.iso(at) if at else NOT_ENDED, complete=False)
ROLLOUTS.kind(
    "hold", "hold of",
    {
        REQUESTED: says(lambda _: GOES_ON),
        "rollout.paused": says(lambda body: f"paused by {body['actor']['id']}"),
        "rollout.resumed": _hold, "rollout.promoted": _hold, "rollout.gate.opened": _hold,
    },
    "paused_at", "paused_by_id", word=_hold_word,
)  # fmt: skip
ROLLOUTS.kind(
    "unsigned", "unsigned deployment", {REQUESTED: says(_unsigned)}, "kind", "endpoint__environment__name", "state",
    "right__withdrawn_at", word=_unsigned_word, complete=False,
)  # fmt: skip


def _steps(body: Body) -> Iterator[Word]:
    for place, (name, arguments) in enumerate(body["facts"].get("steps", [])):
        yield Word(f"{about(body)}/{place}", _step_word(name, arguments))


def _step_word(name: str, arguments: object) -> str:
    return f"{name} {_json(arguments)}"


STEPS = Table(
    lambda: RolloutStep.objects.filter(position__lt=WAY_BACK).order_by("pk"), ("rollout_id", "position"), "{}/{}".format
)
STEPS.kind("step", "step of", {REQUESTED: _steps}, "name", "arguments", word=_step_word, complete=False)

# ── Rights ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _installed(name: str) -> Reader:
    return says(lambda body: None if body["facts"]["kind"] == Rollout.Kind.WITHDRAW else body["facts"].get(name))


def _withdrawn(body: Body) -> Iterator[Word]:
    for number in body["facts"]["rollouts"]:
        yield Word(str(number), WITHDRAWN)


def _withdrawal(body: Body) -> Iterator[Word]:
    if at := body["facts"].get("withdrawn_at"):
        for number in body["facts"]["rollouts"]:
            yield Word(str(number), at)


def _right_word(digest: str, withdrawn_at: datetime | None, *ids: int) -> str:
    """Return the right; where it is not one to what its rollout was for, with that."""
    word = WITHDRAWN if withdrawn_at else digest
    return word if ids[:2] == ids[2:] else f"{word}, of version #{ids[0]} at endpoint #{ids[1]}"


RIGHTS = Table(lambda: InstalledRight.objects.order_by("pk"), ("rollout_id",), str)
RIGHTS.kind(
    "right", "right left by", {DONE: _installed("digest"), "version.withdrawn": _withdrawn}, "digest", "withdrawn_at",
    "version_id", "endpoint_id", "rollout__version_id", "rollout__endpoint_id", word=_right_word,
)  # fmt: skip
RIGHTS.kind(
    "installation", "moment of the right left by", {DONE: _installed("ended_at")}, "installed_at", word=clock.iso,
    complete=False,
)  # fmt: skip
RIGHTS.kind(
    "withdrawal", "moment of the withdrawal of the right left by", {"version.withdrawn": _withdrawal}, "withdrawn_at",
    word=lambda at: clock.iso(at) if at else None, complete=False,
)  # fmt: skip
KINDS: tuple[Kind, ...] = (*ENDPOINTS.kinds, *ROLLOUTS.kinds, *STEPS.kinds, *RIGHTS.kinds)

"""Made-up deployments for the gallery. A state is a plan and how far it came: the page's own functions do the rest.

So no fixture says one thing in its head and another in its steps, and none is a state that no deployment has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from deployments.models import WAY_BACK, Endpoint, Environment, Rollout, RolloutStep
from deployments.plan import REVERT, Spec
from deployments.plans import Plan
from deployments.states import ENDED, RolloutState, StepStatus
from registry.history import Told
from registry.models import ModelVersion, RegisteredModel
from serving.contract import SHARES
from web.pages import canaries, deployments
from web.pages.gallery_pages import event
from web.pages.gallery_stock import DIGEST, Context, at
from web.pages.plan_picture import under_way

MODEL = RegisteredModel(pk=1, name="credit-risk")
ENDPOINT = Endpoint(pk=1, name="risk", model=MODEL, environment=Environment(pk=1, name="production"))
OLGA = User(pk=1, username="olga")
BY_PEOPLE = frozenset({RolloutState.CANCELLED, RolloutState.FAILED})
BEGAN = at(24, 9)
LASTS_S = {"install": 48.0, "route": 1.6, "mirror": 2.0, "retire": 3.2, "revert": 0.84, "bake": 1_800.0, "gate": 2e3}
NONE = {"requests": 0, "failed": 0, "labelled": 0, "wrong": 0}
WATCHED_S, CUT_S = 1_512.0, 300.0
REQUESTS, NUMBER = 8_340, 48_200


def version(number: int) -> ModelVersion:
    """Return a version of the model."""
    return ModelVersion(pk=number, model=MODEL, version=number, environment={})


def earlier(number: int, of: int, **more: Any) -> Rollout:
    """Return a deployment of version `of` that is done."""
    ended_at = BEGAN - timedelta(days=9 - number)
    return Rollout(
        pk=number, endpoint=ENDPOINT, version=version(of), digest=DIGEST, plan={"strategy": "all-at-once"},
        state=RolloutState.DONE, created_by=OLGA, created_at=ended_at - timedelta(minutes=2), ended_at=ended_at,
        **more,
    )  # fmt: skip


BEFORE = earlier(7, 5)


@dataclass(frozen=True)
class Course:
    """A deployment of version 6 over version 5 by `plan`, of whose steps the first `done` are.

    `at` is the state of the step after them, `seen` what steps showed, by name and share as in `watch 5`; `back` is the
    state of its way back, where it was given up. `more` are fields of the row, `words` of steps why they ended so.
    """

    plan: Plan
    state: RolloutState
    done: int = 0
    at: str = StepStatus.PENDING
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    why_at: str = ""
    tries: int = 1
    words: Mapping[str, str] = field(default_factory=dict)
    back: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rollout(self) -> Rollout:
        """The deployment as a row."""
        given: dict[str, Any] = {
            "pk": 8, "endpoint": ENDPOINT, "version": version(6), "digest": DIGEST, "plan": self.plan.document,
            "state": self.state, "created_by": OLGA, "created_at": BEGAN, "request_id": 128, "last_good": BEFORE,
        }  # fmt: skip
        row = Rollout(**{**given, **self.more})
        if self.state not in {RolloutState.QUEUED, RolloutState.CANCELLED}:
            row.started_at = BEGAN + timedelta(seconds=2)
        return row

    @property
    def steps(self) -> list[RolloutStep]:
        """Its steps as rows, one after another."""
        made, now = [], BEGAN + timedelta(seconds=2)
        for place, spec in enumerate(self.plan.steps):
            status = StepStatus.DONE if place < self.done else self.at if place == self.done else StepStatus.PENDING
            step = self._step(place, spec, str(status))
            now = _timed(step, now, is_cut=bool(self.back))
            made.append(step)
        if self.back:
            step = self._step(WAY_BACK, REVERT, self.back)
            _timed(step, now)
            made.append(step)
        return made

    def _step(self, place: int, spec: Spec, status: str) -> RolloutStep:
        step = RolloutStep(pk=place + 1, position=place, name=spec.name, arguments=spec.arguments, status=status)
        name = f"{spec.name} {spec.arguments['share_pct']}" if "share_pct" in spec.arguments else spec.name
        step.attempts = 0 if status == StepStatus.PENDING else self.tries if place == self.done else 1
        step.why = self.words.get(name, self.why_at if place == self.done else "")
        if status != StepStatus.PENDING:
            step.observed = dict(self.seen.get(name, self._usual(spec) if status == StepStatus.DONE else {}))
        return step

    def _usual(self, spec: Spec) -> dict[str, Any]:
        """Return what a step that is done shows where nothing else is to be said of it."""
        if spec.name != "watch":
            return _shown(spec)
        share = int(str(spec.arguments["share_pct"]))
        return good(share, [one.pct for one in self.plan.shares if one.pct < share])


def _timed(step: RolloutStep, now: datetime, *, is_cut: bool = False) -> datetime:
    """Give a step that began its times; return when the next begins."""
    if step.status == StepStatus.PENDING:
        return now
    lasts_s = LASTS_S.get(step.name, WATCHED_S)
    if is_cut and step.status == StepStatus.APPLIED:
        lasts_s = CUT_S
    if step.name == REVERT.name and step.status == StepStatus.FAILED:
        lasts_s = REVERT.deadline_s
    step.started_at, ends = now, now + timedelta(seconds=lasts_s)
    if step.status in deployments.ENDED_STEPS:
        step.ended_at = ends
    return ends


def _shown(spec: Spec) -> dict[str, Any]:
    """Return what a target shows of a step that is done."""
    share = int(str(spec.arguments.get("share_pct", 100)))
    shares = {"stable": SHARES}
    if spec.name == "route" and share < 100:  # noqa: PLR2004 - percent
        shares = {"canary": share * 100, "stable": SHARES - share * 100}
    if spec.name == "mirror":
        shares["shadow"] = int(str(spec.arguments["copies_pct"])) * 100
    facts: dict[str, dict[str, Any]] = {
        "install": {"state": "ready", "isolation": "bubblewrap", "pid": 41_207},
        "retire": {"still_ordered": 0, "still_running": 0},
        "revert": {"shares": shares, "still_running": 0},
        "bake": {"left_s": 0.0},
    }
    return facts.get(spec.name, {"shares": shares})


def told(course: Course, *log: Told, **more: Any) -> Context:
    """Return the context of the deployment's page, as its view makes it; `more` is what other tables would say."""
    row, steps = course.rollout, course.steps
    ends = [step.ended_at for step in steps if step.ended_at]
    if row.state in ENDED:
        row.ended_at = row.ended_at or (max(ends) if ends else BEGAN + timedelta(seconds=9))
    seen = canaries.seen(row, steps) if canaries.is_judged(row) else None
    if seen and row.state == RolloutState.RUNNING:
        seen = {"server": "ready", **seen, **more.pop("canary", {})}
    mine = steps[-1] if steps[-1].name == "revert" else None
    back_s = LASTS_S["revert"] if mine and mine.status == StepStatus.DONE else None
    may = {name: getattr(canaries, name)(row) for name in ("may_pause", "may_steer", "may_abort")}
    return {
        **may,
        "may_cancel": row.state == RolloutState.QUEUED,
        "may_intervene": row.state == RolloutState.NEEDS_OPERATOR,
        "back": BEFORE if row.state == RolloutState.DONE else None,
        "rollout": row,
        "steps": deployments.bar(row, steps),
        "rows": [deployments.line(step, is_back=deployments.goes_back(steps)) for step in steps],
        "picture": under_way(course.plan, steps),
        "canary": seen,
        "is_live": row.state not in ENDED and row.state != RolloutState.NEEDS_OPERATOR,
        "events": _log(row, steps, log),
        "took_s": (row.ended_at - row.started_at).total_seconds() if row.ended_at and row.started_at else None,
        "back_s": back_s,
        **more,
    }


def reader(context: Context, needed: Context) -> Context:
    """Return what somebody sees who may do nothing about it."""
    return {**context, **{name: None for name in context if name.startswith("may_")}, "back": None, "needed": needed}


def _log(row: Rollout, steps: Sequence[RolloutStep], more: Sequence[Told]) -> list[Told]:
    """Return what the ledger says of it, newest first."""
    said = [(row.created_at, "olga", "Ops", "rollout.requested", row.reason)]
    if row.started_at:
        said.append((row.started_at, "signoff", "", "rollout.started", ""))
    said += [
        (step.ended_at, "signoff", "", "rollout.step.done", deployments.step_words(step))
        for step in steps
        if step.ended_at and step.status == StepStatus.DONE and not step.why
    ]
    if (last := steps[-1]).name == REVERT.name and last.started_at:
        who = "olga" if row.why.startswith("olga") else "signoff"
        said.append((last.started_at, who, "", "rollout.rolling_back", steps[_given_up(steps)].why or row.why))
        if last.ended_at and last.status == StepStatus.FAILED:
            said.append((last.ended_at, "signoff", "", "rollout.needs_operator", last.why))
    if row.ended_at:
        who = "olga" if row.state in BY_PEOPLE else "signoff"
        said.append((row.ended_at, who, "", f"rollout.{row.state}", row.why))
    events = [
        replace(event(NUMBER, who, role, name, str(row), words), at=moment) for moment, who, role, name, words in said
    ]
    ordered = sorted([*events, *more], key=lambda one: one.at)
    return [replace(one, id=NUMBER + n, seq=NUMBER + n) for n, one in enumerate(ordered)][::-1]


def _given_up(steps: Sequence[RolloutStep]) -> int:
    """Return the place of the step at which a deployment was given up."""
    return next(place for place, step in enumerate(steps) if step.status in {StepStatus.FAILED, StepStatus.APPLIED})


def word(minutes: float, who: str, action: str, comment: str) -> Told:
    """Return what a person did so many minutes after it was asked for."""
    return replace(event(NUMBER, who, "Ops", action, "deployment #8", comment), at=BEGAN + timedelta(minutes=minutes))


# What watches show


def watch(
    share: int,
    verdict: str,
    after: Sequence[int] = (),
    *,
    wrong: tuple[int, int] = (198, 3_921),
    bad: tuple[int, int] = (9, 207),
    sentence: str = "",
    peak: float = 1.31,
    **more: Any,
) -> dict[str, Any]:
    """Return what is observed at a share; `wrong` and `bad` are the live version's and the canary's wrong predictions.

    Guardrails count those of the shares before, `after` which it is, too, and the sentence is the verdict's of these.
    """
    canary = REQUESTS * share // 100
    live = REQUESTS - canary
    tracks = {"canary": _track(canary, 2, *bad), "stable": _track(live, 31, *wrong)}
    sums = [_sum(track, [tracks, *(good(before)["tracks"] for before in after)]) for track in ("canary", "stable")]
    (failed, of, canary_wrong, labelled), (live_failed, live_of, live_wrong, live_labelled) = sums
    live_wrongs = f"{live_wrong:,} of {live_labelled:,} of the live version"
    wrongs = f"{canary_wrong:,} of {labelled:,} canary predictions were wrong, against {live_wrongs}"
    live_fails = f"{live_failed:,} of {live_of:,} of the live version"
    failures = f"{failed:,} of {of:,} canary requests failed, against {live_fails}"
    sentences = {
        "promote": f"Promote: no guardrail speaks against it. {failures}; {wrongs}.",
        "rollback": f"Roll back: {wrongs} (evidence {peak:,.0f}, limit 40).",
        "hold": f"Hold: {bad[1]:,} of 400 labelled canary predictions in this step.",
    }
    state = "over its limit" if verdict == "rollback" else "inside"
    guards = [
        {"name": "error", "canary": _rate(failed, of), "live": _rate(live_failed, live_of), "ratio": [0.1, 4.4],
         "peak": 1.02, "limit": 40.0, "state": "inside"},
        {"name": "accuracy", "canary": _rate(canary_wrong, labelled), "live": _rate(live_wrong, live_labelled),
         "ratio": _ratio((canary_wrong, labelled), (live_wrong, live_labelled)), "peak": peak, "limit": 40.0,
         "state": state},
    ]  # fmt: skip
    return {
        "verdict": verdict,
        "sentence": sentence or sentences[verdict],
        "guardrail": "accuracy" if verdict == "rollback" else "",
        "guards": guards,
        "needs_person": False,
        "since": {"canary": 0, "stable": 0},
        "counted": {"canary": canary, "stable": live},
        "tracks": tracks,
        **more,
    }


def _sum(track: str, steps: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Return a track's failures, requests, wrong predictions and labels over several steps."""
    return tuple(sum(step[track][name] for step in steps) for name in ("failed", "requests", "wrong", "labelled"))


def good(share: int, after: Sequence[int] = ()) -> dict[str, Any]:
    """Return what a share shows that a canary as good was let past; labels grow with it."""
    labels = REQUESTS * share // 200
    return watch(share, "promote", after, bad=(labels // 20, labels))


def _rate(bad: int, of: int) -> dict[str, Any]:
    return {"bad": bad, "of": of, "rate": bad / of if of else None}


def _ratio(bad: tuple[int, int], wrong: tuple[int, int]) -> list[float]:
    rate = (bad[0] / bad[1]) / (wrong[0] / wrong[1]) if bad[1] else 1.0
    return [round(rate * 0.6, 2), round(rate * 1.7, 2)]


def silent(of: int) -> dict[str, Any]:
    """Return the numbers of a share at which nothing is known of the canary."""
    return {"stable": _track(of, 31, 198, of // 2) if of else dict.fromkeys(_track(0, 0, 0, 0)) | NONE}


def _track(requests: int, failed: int, wrong: int, labelled: int) -> dict[str, Any]:
    return {
        "requests": requests, "failed": failed, "p50_ms": 4.1, "p95_ms": 9.7, "p99_ms": 21.3, "labelled": labelled,
        "wrong": wrong, "valued": 0, "value": None,
    }  # fmt: skip

"""Asks for, starts, rolls back and cancels rollouts. The engine does the rest."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from accounts.actors import SYSTEM, Actor
from accounts.policy import require
from audit.record import Change, Subject, record
from audit.replay.attest import alerting
from audit.replay.mismatches import require_open_gate
from core import clock, hints
from core.refusals import Conflict, Invalid, NotFound
from core.words import written
from deployments import told
from deployments.attested import require_endpoint
from deployments.capacity import capacity_of
from deployments.endpoints import endpoint_subject, last_withdrawn, serving, stand_by
from deployments.models import WAY_BACK, Endpoint, InstalledRight, Rollout, RolloutStep
from deployments.plan import REVERT, Spec, Strategy, steps_of_files
from deployments.plans import Plan
from deployments.states import ENDED, LIVE, MOVES, RolloutState, StepStatus
from deployments.targets.kinds import target
from registry import access, attested, holds, manifests, requests, weakening
from registry.models import ApprovalRequest, ModelVersion
from registry.models.approvals import RequestState
from registry.policy import Guarded, Move, StageMove, Stay, governs_deployment, requirement
from registry.stages import Stage

WAYS_OUT = {
    RolloutState.QUEUED: "cancel it",
    RolloutState.RUNNING: "send it back (abort)",
    RolloutState.ROLLING_BACK: "see how far it is",
    RolloutState.NEEDS_OPERATOR: "turn it back (turn_back)",
}


def rollout_subject(rollout: Rollout) -> Subject:
    """Return `rollout` as the ledger names it."""
    label = f"{rollout}: {rollout.version} to {rollout.endpoint.name}"
    return Subject("rollout", str(rollout.pk), label, rollout.endpoint.model.uuid)


def needs_signature(endpoint: Endpoint, plan: Plan) -> bool:
    """Whether somebody has to sign a rollout by `plan`: always in production, elsewhere where a policy is for it."""
    place = endpoint.environment
    return place.needs_approval or governs_deployment(endpoint.model, place.name, plan.document)


def request_deployment(
    version: ModelVersion, endpoint: Endpoint, plan: Plan, *, reason: str, actor: Actor, move: Move | None = None
) -> requests.ApprovalRequired:
    """Ask for one signature over the move, the endpoint and the plan together.

    Without `move`, a version that is to serve in production goes to Production, and one for staging stays where it is.
    """
    _refuse_other_model(version, endpoint)
    _refuse_division(endpoint, plan)
    move = move or _move_along(version, endpoint)
    deployment: dict[str, object] = {
        "endpoint": endpoint.name,
        "environment": endpoint.environment.name,
        "target": endpoint.target,
        "plan": plan.document,
    }
    if not endpoint.takes_requests:
        deployment["pattern"] = endpoint.pattern
    return requests.open_request(version, move, reason=reason, actor=actor, deployment=deployment)


def _move_along(version: ModelVersion, endpoint: Endpoint) -> Move:
    if endpoint.environment.needs_approval:
        return StageMove(Stage(version.stage), Stage.PRODUCTION, archive_existing=True)
    return Stay()


def start(
    version: ModelVersion, endpoint: Endpoint, plan: Plan, *, actor: Actor, reason: str = "", accepts_code: bool = False
) -> Rollout:
    """Queue a rollout of `version` to `endpoint`; a second click returns the one that is queued. In a freeze it waits.

    Raises Denied without the environment's permission, and for whoever made it take fewer approvals; Conflict where a
    signature is missing, the bytes are not the
    frozen ones, the target cannot follow the plan, nothing would change, or another rollout is live; Differs where the
    signature, the endpoint or what it serves is not what the ledger says; Invalid where loading the version runs code
    of its files and neither a reviewer's signature nor `accepts_code` accepts that.
    """
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"deploy to {endpoint} ({endpoint.environment})", about=about)
    _refuse_other_model(version, endpoint)
    _refuse_unable(endpoint, plan)
    digest = _intact(version)
    with alerting(), transaction.atomic():
        model = access.locked(version.model)
        row = access.reread(version, model)
        endpoint.model = model  # what is needed is asked of the model as it stands under its lock
        _refuse_unlocked(row)
        if again := _same_waiting(row, endpoint, plan):
            return again
        _refuse_busy(endpoint)
        _refuse_needless(row, endpoint, plan)
        require_open_gate(f"be deployed to {endpoint}")
        attested.require_terms(model, f"deploy {row} to {endpoint}")
        require_endpoint(endpoint, f"deploy {row} to {endpoint}", serving(endpoint))
        granted = _covering(row, endpoint, plan, digest) if needs_signature(endpoint, plan) else None
        _refuse_own(row, endpoint, plan, granted, actor)
        if granted is None:
            _refuse_code(row, accepts_code=accepts_code)
        asked = Rollout(endpoint=endpoint, version=row, digest=digest, plan=plan.document, request=granted)
        asked.reason = reason
        return queue(asked, _steps(endpoint, plan), actor=actor)


def _refuse_own(
    version: ModelVersion, endpoint: Endpoint, plan: Plan, granted: ApprovalRequest | None, actor: Actor
) -> None:
    """Raise Denied where the deployment took more approvals before the actor asked for less of the model."""
    move = requests.move_of(granted) if granted else Stay()
    deployment = {"environment": endpoint.environment.name, "plan": plan.document}

    def asked(model: Guarded) -> int:
        return requirement(move, model, deployment).approvals

    deed, about = f"deploy {version} to {endpoint}", endpoint_subject(endpoint)
    weakening.refuse_own(version.model, asked, deed=deed, about=about, actor=actor)


def _refuse_unlocked(version: ModelVersion) -> None:
    """Raise Conflict where nobody knows yet what would be installed."""
    if version.environment.get("lock"):
        return
    if why := version.environment.get("lock_why"):
        raise Conflict(
            f"The environment of {version} could not be locked: {why}",
            next_step="Register it again with requirements that can be installed.",
        )
    raise Conflict(
        f"The environment of {version} is not locked yet.",
        next_step="It is locked a little after registration; try again in a moment.",
    )


def _refuse_code(version: ModelVersion, *, accepts_code: bool) -> None:
    """Raise Invalid where loading the version runs code of its files and whoever starts it does not say so."""
    if (runs := version.environment.get("runs_code")) and not accepts_code:
        raise Invalid(
            f"{version} is saved as {', '.join(map(str, runs))}: loading it runs code of its files, in the sandbox.",
            field="accepts_code", next_step="Accept that, or save it with skops or ONNX.",
        )  # fmt: skip


def start_signed(endpoint: Endpoint, number: int, *, actor: Actor, reason: str = "") -> Rollout:
    """Start what request `number` was signed for, as it stands there. As `start`; Conflict where it cannot be used."""
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"deploy to {endpoint} ({endpoint.environment})", about=about)
    signed = next((row for row in signed_for(endpoint) if row.request.pk == number), None)
    if signed is None:
        raise Conflict(f"Request #{number} is no unused signature for {endpoint}.", next_step="Ask for another.")
    return start(signed.version, endpoint, signed.plan, reason=reason, actor=actor)


def roll_back(
    endpoint: Endpoint, *, to: Rollout | None = None, version: int | None = None, reason: str, actor: Actor
) -> Rollout:
    """Queue a return to what `endpoint` served before (or to `to`, an earlier rollout of it).

    Needs a reason and no new signature: what was installed once is pre-approved; its digest is checked again. A
    deployment that has not started, because it waits for a freeze say, is cancelled for it. Raises Differs where what
    was installed, or its right, is not what the ledger says.
    With `version`, the number that the person was shown, raises Conflict where it would go elsewhere by now: a form
    sent twice does not turn a rollback round.
    """
    require(actor, endpoint.environment.permission, f"roll back {endpoint}", about=endpoint_subject(endpoint))
    if not written(reason):
        raise Invalid("Say why: a rollback needs a reason.", field="reason")
    goal = to or previous(endpoint)
    if goal is None:
        _refuse_busy(endpoint)  # of a bake there is a way back, and it is another one
    if goal is None or goal.endpoint_id != endpoint.pk:
        raise Conflict(f"{endpoint} served nothing before that it could go back to.")
    if version is not None and goal.version.version != version:
        raise Conflict(
            f"{endpoint} changed since you looked: it would go back to v{goal.version.version} now, not to v{version}.",
            next_step="Look at what it serves, then decide.",
        )
    right = InstalledRight.objects.filter(rollout=goal, withdrawn_at=None).first()
    if right is None:
        raise Conflict(f"The right to serve {goal.version} here was withdrawn.")
    if _intact(goal.version) != right.digest:
        raise Conflict(f"The files of {goal.version} are not those that were installed.")
    with alerting(), transaction.atomic():
        access.locked(endpoint.model)
        require_endpoint(endpoint, f"roll back {endpoint} to {goal.version}", goal)
        plan = Plan(Strategy.ALL_AT_ONCE)
        if again := _same_waiting(goal.version, endpoint, plan):
            return again
        _make_way(endpoint, actor)
        _refuse_busy(endpoint)
        asked = Rollout(endpoint=endpoint, version=goal.version, digest=right.digest, plan=plan.document)
        asked.kind, asked.reason, asked.limits = Rollout.Kind.ROLLBACK, written(reason), goal.limits
        return queue(asked, _steps(endpoint, plan), actor=actor)


def previous(endpoint: Endpoint) -> Rollout | None:
    """Return the newest rollout before the one that serves whose version differs, or None."""
    now = serving(endpoint)
    return stand_by(endpoint, now.version) if now else None


def _make_way(endpoint: Endpoint, actor: Actor) -> None:
    for waiting in endpoint.rollouts.filter(state=RolloutState.QUEUED, kind=Rollout.Kind.DEPLOY):
        advance(whole(waiting.pk), RolloutState.CANCELLED, actor=actor, why="A rollback was asked for instead.")


def cancel(rollout: Rollout, *, actor: Actor, reason: str) -> None:
    """End a queued rollout before it starts; doing it again changes nothing."""
    require(actor, rollout.endpoint.environment.permission, f"cancel {rollout}", about=rollout_subject(rollout))
    with transaction.atomic():
        row = lock(rollout)
        if row.state in LIVE:
            raise Conflict(
                f"{row} is {row.get_state_display().lower()}: it can be sent back, and no longer cancelled.",
                next_step=f"Send it back on its page, /deployments/{row.pk}.",
            )
        if row.state != RolloutState.CANCELLED:
            advance(row, RolloutState.CANCELLED, actor=actor, why=reason)


def lock(rollout: Rollout) -> Rollout:
    """Return the rollout read again under its model's lock."""
    access.locked(rollout.endpoint.model)
    return whole(rollout.pk)


def whole(pk: int) -> Rollout:
    """Return the rollout with what engine and rules read of it."""
    rows = Rollout.objects.select_related(
        "endpoint__environment", "endpoint__model", "version__model", "version__manifest", "last_good"
    )
    return rows.get(pk=pk)


def advance(rollout: Rollout, to: RolloutState, *, actor: Actor = SYSTEM, why: str = "") -> None:
    """Move the rollout along `MOVES` with its event; nothing else assigns the state."""
    if to not in MOVES.get(rollout.state, frozenset()):
        raise Conflict(f"{rollout} is {rollout.get_state_display().lower()}; it cannot become {to.label.lower()}.")
    before, rollout.state, rollout.why = rollout.state, to, why[:500]
    if to == RolloutState.RUNNING and rollout.started_at is None:
        rollout.started_at = clock.now()
    if to in ENDED:
        rollout.ended_at = clock.now()
    rollout.save(update_fields=["state", "why", "started_at", "ended_at"])
    facts: dict[str, object] = {"digest": rollout.digest, "fence": rollout.fence, "kind": rollout.kind}
    if rollout.ended_at:
        facts["ended_at"] = clock.iso(rollout.ended_at)
    name = to if to != RolloutState.RUNNING else "started" if before == RolloutState.QUEUED else "resumed"
    change = Change({"state": before}, {"state": to}, why, facts)
    record(f"rollout.{name}", rollout_subject(rollout), actor=actor, change=change)


def begin(rollout: Rollout) -> None:
    """Start a queued rollout, under the model's lock. Its fence is above all that the endpoint has seen."""
    rollout.fence = int(rollout.endpoint.rollouts.aggregate(last=Max("fence"))["last"] or 0) + 1
    rollout.save(update_fields=["fence"])
    advance(rollout, RolloutState.RUNNING)


def install(rollout: Rollout) -> None:
    """Leave the right to serve the version, which restart and rollback rest on, from the end of the rollout on."""
    given = {
        "endpoint": rollout.endpoint, "version": rollout.version, "digest": rollout.digest,
        "installed_at": rollout.ended_at,
    }  # fmt: skip
    InstalledRight.objects.get_or_create(rollout=rollout, defaults=given)
    _use_up(rollout)


def _use_up(rollout: Rollout) -> None:
    """End the signature of a deployment alone; one for a move too waits for whoever makes the move."""
    request = rollout.request
    if request and request.state == RequestState.APPROVED and isinstance(requests.move_of(request), Stay):
        requests.advance(requests.locked(request), RequestState.EXECUTED, actor=SYSTEM)


def send_back(rollout: Rollout, *, why: str, actor: Actor = SYSTEM) -> None:
    """Give up what the rollout is for, under the model's lock: all that is left is its way back."""
    advance(rollout, RolloutState.ROLLING_BACK, actor=actor, why=why)
    rollout.sent_back_at = clock.now()
    rollout.save(update_fields=["sent_back_at"])
    rollout.steps.filter(position=WAY_BACK).delete()
    _step(rollout, WAY_BACK, REVERT).save()


def go_forward(rollout: Rollout, *, why: str, actor: Actor) -> None:
    """Work on what the rollout is for again, under the model's lock: each step is looked at anew before it is tried."""
    was_sent_back, _ = rollout.steps.filter(position=WAY_BACK).delete()
    undone = rollout.steps.all() if was_sent_back else rollout.steps.exclude(status=StepStatus.DONE)
    undone.update(
        status=StepStatus.PENDING, attempts=0, not_before=clock.now(), deadline_at=None, started_at=None, ended_at=None,
        why="",
    )  # fmt: skip
    advance(rollout, RolloutState.RUNNING, actor=actor, why=why)


def has_all_requests(rollout: Rollout) -> bool:
    """Whether the router was seen to send every request to the rollout's version, and it does not go back."""
    return rollout.pk in with_all_requests([rollout])


def with_all_requests(found: Iterable[Rollout]) -> set[int]:
    """Return the keys of those to whose version the router was seen to send every request, and that do not go back."""
    steps = RolloutStep.objects.filter(rollout__in=[row.pk for row in found])
    back = set(steps.filter(position=WAY_BACK).values_list("rollout_id", flat=True))
    all_of = steps.filter(name="route", arguments__share_pct=100, status=StepStatus.DONE)
    return set(all_of.values_list("rollout_id", flat=True)) - back


def is_overtaken(rollout: Rollout) -> bool:
    """Whether a withdrawal has nothing left to do: what was installed since has retired all others."""
    newer = InstalledRight.objects.filter(endpoint=rollout.endpoint, installed_at__gt=rollout.created_at)
    return rollout.kind == Rollout.Kind.WITHDRAW and newer.exists()


def spend_approval(rollout: Rollout) -> None:
    """End what else the signature allowed, under the model's lock: after a way back somebody looks anew."""
    if rollout.request_id:
        request = requests.locked(rollout.request)  # type: ignore[arg-type]
        requests.supersede(request, comment=f"Deployment #{rollout.pk} was sent back: {rollout.why}", actor=SYSTEM)


def steps_now(rollout: Rollout) -> list[RolloutStep]:
    """Return the steps to be worked on: forward, or the way back of a rollout that was given up."""
    if rollout.state == RolloutState.ROLLING_BACK:
        return list(rollout.steps.filter(position=WAY_BACK))
    return list(rollout.steps.filter(position__lt=WAY_BACK))


def _refuse_other_model(version: ModelVersion, endpoint: Endpoint) -> None:
    if version.model_id != endpoint.model_id:
        raise Invalid(f"{endpoint} serves {endpoint.model.name}, not {version.model.name}.", field="endpoint")


def _refuse_unable(endpoint: Endpoint, plan: Plan) -> None:
    _refuse_division(endpoint, plan)
    if (plan.shares or plan.copies_pct) and serving(endpoint) is None:
        raise Conflict(
            f"{endpoint} serves nothing that a {plan.strategy} rollout could be compared with.",
            next_step="Send the first one all at once.",
        )
    can = target(endpoint.target).capabilities()
    if plan.strategy not in can.strategies:
        why = f": {can.unable[plan.strategy]}" if plan.strategy in can.unable else ""
        able = ", ".join(sorted(can.strategies))
        raise Conflict(f"The target {endpoint.target} cannot roll out {plan.strategy}{why}; it can {able}.")


def _refuse_division(endpoint: Endpoint, plan: Plan) -> None:
    """Raise Conflict where the plan divides requests that there are none of."""
    if not endpoint.takes_requests and plan.strategy is not Strategy.ALL_AT_ONCE:
        raise Conflict(
            f"{endpoint} scores files alone: there are no requests that a {plan.strategy} rollout could divide.",
            next_step="Roll it out all at once.",
        )


def _steps(endpoint: Endpoint, plan: Plan) -> list[Spec]:
    return plan.steps if endpoint.takes_requests else steps_of_files()


def _intact(version: ModelVersion) -> str:
    """Return the manifest's digest after every byte was checked against it."""
    if version.manifest is None:
        raise Conflict(f"{version} is unverified: Signoff does not hold its files, so it cannot be deployed.")
    if damaged := manifests.damaged_files(version.manifest):
        raise Conflict(f"The stored files of {version} are damaged: {', '.join(damaged[:3])}.")
    return version.manifest.digest


def _same_waiting(version: ModelVersion, endpoint: Endpoint, plan: Plan) -> Rollout | None:
    rows = endpoint.rollouts.filter(version=version, plan=plan.document).exclude(state__in=ENDED)
    return rows.order_by("-pk").first()


def _refuse_busy(endpoint: Endpoint) -> None:
    busy = endpoint.rollouts.filter(state__in=[*LIVE, RolloutState.QUEUED]).select_related("version").first()
    if busy:
        takes = f": version {busy.version.version} has all requests" if has_all_requests(busy) else ""
        raise Conflict(
            f"{busy} of {endpoint} is {busy.get_state_display().lower()}{takes}.",
            next_step=f"Wait for its end, or {WAYS_OUT[RolloutState(busy.state)]} on its page, /deployments/{busy.pk}.",
        )


def _refuse_needless(version: ModelVersion, endpoint: Endpoint, plan: Plan) -> None:
    """Raise Conflict where the endpoint serves the version by this plan already, with the limits it would have."""
    now = serving(endpoint)
    if now is None or now.version_id != version.pk or now.plan != plan.document:
        return
    if now.limits == capacity_of(endpoint).limits:
        ways = "Deploy another version, change the capacity first, or watch it against itself by another plan."
        back = previous(endpoint)
        raise Conflict(
            f"{endpoint} serves {version} already, with the same plan and limits: nothing would change.",
            next_step=f"Roll back to version {back.version.version}. {ways}" if back else ways,
        )


@dataclass(frozen=True)
class Signed:
    """An unused signature for an endpoint: what may be started as it stands."""

    request: ApprovalRequest
    version: ModelVersion
    plan: Plan


def signed_for(endpoint: Endpoint) -> list[Signed]:
    """Return the unused signatures whose rollout could be started at `endpoint` now, newest first."""
    usable = [RequestState.APPROVED, RequestState.EXECUTED]
    rows = ApprovalRequest.objects.filter(model=endpoint.model, state__in=usable, rollout=None)
    found = []
    for request in rows.filter(expires_at__gt=clock.now()).select_related("version__model").order_by("-pk")[:20]:
        asked = requests.deployment_asked(request)
        if asked and asked["endpoint"] == endpoint.name:
            found.append(Signed(request, request.version, Plan.of(asked["plan"])))  # type: ignore[arg-type]
    return found


def _covering(version: ModelVersion, endpoint: Endpoint, plan: Plan, digest: str) -> ApprovalRequest:
    """Return the unused approval of exactly this version, endpoint and plan; raise Conflict where there is none."""
    usable = [RequestState.APPROVED, RequestState.EXECUTED]
    rows = ApprovalRequest.objects.filter(version=version, state__in=usable, rollout=None, expires_at__gt=clock.now())
    if withdrawn_at := last_withdrawn(endpoint, version):
        rows = rows.exclude(decisions__at__lte=withdrawn_at)  # whoever signed then did not know
        rows = rows.exclude(glass__opened_at__lte=withdrawn_at)
    for request in rows.order_by("-pk"):
        if requests.covers_deployment(request, endpoint=endpoint.name, plan=plan.document, digest=digest):
            attested.require_request(request, f"deploy {version} to {endpoint}")
            return request
    raise Conflict(
        f"{version} has no unused approval for {endpoint} with this plan.",
        next_step="Ask for stage, endpoint and plan together; an approval of the stage alone does not cover it.",
    )


def queue(rollout: Rollout, steps: list[Spec], *, actor: Actor) -> Rollout:
    """Keep a new rollout with its steps, hold its version and wake the engine; under the model's lock."""
    rollout.created_by = actor.person
    rollout.limits = rollout.limits or capacity_of(rollout.endpoint).limits
    rollout.last_good = serving(rollout.endpoint)
    rollout.save()
    made = RolloutStep.objects.bulk_create(_step(rollout, place, spec) for place, spec in enumerate(steps))
    holds.place(rollout.version, kind="rollout", label=f"{rollout} to {rollout.endpoint.name}")
    facts: dict[str, object] = {
        "digest": rollout.digest,
        "plan": rollout.plan,
        "approval": rollout.request_id or told.UNSIGNED,
        "kind": rollout.kind,
        "version": rollout.version.version,
        "endpoint": rollout.endpoint.name,
        "steps": [[step.name, step.arguments] for step in made],
        **told.asked(rollout),
    }
    if runs := rollout.version.environment.get("runs_code"):
        facts["runs_code"] = runs
    change = Change(comment=rollout.reason, facts=facts)
    record("rollout.requested", rollout_subject(rollout), actor=actor, change=change)
    hints.hint(hints.MOVE_ROLLOUTS)
    return rollout


def _step(rollout: Rollout, place: int, spec: Spec) -> RolloutStep:
    return RolloutStep(
        rollout=rollout,
        position=place,
        name=spec.name,
        arguments={**spec.arguments, "deadline_s": spec.deadline_s, "attempts": spec.attempts},
        key=f"{rollout.uuid}/{place}",
    )


def settle_holds(rollout: Rollout) -> None:
    """Hold what the endpoint serves and could go back to; lift the rest, under the model's lock."""
    now, before = serving(rollout.endpoint), previous(rollout.endpoint)
    kept = {row.version_id for row in (now, before) if row}
    for row in rollout.endpoint.rollouts.select_related("version"):
        label = f"{row} to {row.endpoint.name}"
        if row.version_id in kept or row.state not in ENDED:
            holds.place(row.version, kind="rollout", label=label)
        else:
            holds.lift(row.version, kind="rollout", label=label)


def find_rollout(number: int, *, actor: Actor) -> Rollout:
    """Return the rollout; raise NotFound where there is none or its model may not be seen."""
    rows = Rollout.objects.select_related(
        "endpoint__environment", "endpoint__model", "version__model", "version__manifest", "created_by"
    )
    found = rows.filter(pk=number, endpoint__model__in=access.visible_models(actor)).first()
    if found is None:
        raise NotFound(f"There is no deployment #{number}.")
    return found

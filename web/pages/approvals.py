"""Pages of approval requests: the inbox, the review page, what people do there."""

import json
from collections.abc import Iterable

from django.contrib import messages
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor, roles_of
from accounts.models import User
from accounts.newcomers import newly_given
from accounts.permissions import Permission, roles_with
from accounts.roles import Role
from core import words
from core.refusals import Conflict, Denied, Invalid, Refusal
from deployments import used
from deployments.plans import Plan
from registry import (
    access,
    compare,
    decisions,
    discussion,
    doubts,
    evidence,
    history,
    listed_files,
    requests,
    subjects,
    weakening,
)
from registry.checks import as_of_now
from registry.conditions import Condition, conditions_of, obstacles, standings
from registry.delegations import had_part
from registry.listing import Box, requests_in
from registry.models import ApprovalRequest, Check, Comment, Decision, ModelVersion
from registry.models.approvals import ALL, RequestState
from registry.policy import Move, StageMove, Stay, permission_for
from registry.stages import Stage
from registry.staleness import Stale, stale, undecidable
from registry.weakening import Weakening
from web.actors import actor_of
from web.pages import labels
from web.pages.forms import posted, whole_number
from web.pages.glass_parts import glass_parts
from web.pages.paging import counted, listed
from web.pages.plan_picture import Picture, planned

EMPTY = {
    "": "Requests that wait for your decision appear here. Nothing waits.",
    "mine": "Requests you opened appear here. Open one on a version's page, or ask for Production with the client.",
    "all": "Requests to move a version to Production appear here.",
    "done": "Requests that were carried out, rejected or ended appear here.",
}
TABS = {"": "Waiting for me", "mine": "By me", "all": "All", "done": "Done"}


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """List requests: those that wait for the person, hers, all, done."""
    actor = actor_of(request)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else ""
    rows = requests_in(Box(tab), actor=actor).select_related("rollout").prefetch_related("checks", "decisions")
    page = listed(request, rows, "pk")
    context = {
        "tabs": [
            {"label": label, "href": f"/approvals?tab={key}" if key else "/approvals", "current": key == tab}
            for key, label in TABS.items()
        ],
        "rows": [{**labels.request_row(row), "rollout": (one := used.of(row)) and one.pk} for row in page.rows],
        "newer": page.newer,
        "older": page.older,
        "shown": counted(rows, "request"),
        "empty_sentence": EMPTY[tab],
    }
    return render(request, "approvals/list.html", context)


@require_GET
def review(request: HttpRequest, number: int) -> HttpResponse:
    """Show everything a reviewer needs on one page."""
    actor = actor_of(request)
    return review_page(request, requests.find_request(number, actor=actor), actor)


def review_page(
    request: HttpRequest, found: ApprovalRequest, actor: Actor, *, typed: dict[str, str] | None = None,
    refusal: Refusal | None = None, changed: list[subjects.Changed] | None = None,
) -> HttpResponse:  # fmt: skip
    """Return the review page; after a refusal with what was typed, the reason, and what changed."""
    decided = Prefetch("decisions", Decision.objects.select_related("person", "for_person"))
    prefetch_related_objects([found], "checks", "rules", decided)
    move, past = requests.move_of(found), stale(found)
    champion, rollout = used.compared_with(found), used.of(found)
    checks = as_of_now(found)
    about, differing = Q(object_kind="approval_request", object_id=str(found.pk)), doubts.of_request(found)
    events = history.page_of(doubts.told_with(history.events_visible_to(actor), about, differing)).events
    accepted, weakened = _accepted(events), weakening.of(found.model)
    context = {
        "approval": {**_approval(found, events), "rollout": rollout.pk if rollout else None},
        "doubts": differing,
        "weakened": [] if found.ended_at else weakened,
        "strip": _strip(found, move, past),
        "checks": [_check(check) for check in checks],
        "conditions": [_condition(one) for one in conditions_of(found)],
        "check_summary": labels.check_summary(checks),
        **_differences(found.version, champion),
        "examined": found.version.facts.all(),
        "effects": _effects(found, move),
        "effects_title": "What was asked for" if found.ended_at else "What happens then",
        "picture": _picture(found),
        "decision": {
            **_subject_parts(found),
            **_choices(found, actor, checks, weakened, blocked=_blocked(found, actor, past, weakened)),
            "comment": (typed or {}).get("comment", ""),
            "up_to": (typed or {}).get("up_to_pct", str(ALL)),
            "errors": {refusal.field or "comment": refusal.sentence} if isinstance(refusal, Invalid) else {},
        },
        "decisions": _told_decisions(found, accepted),
        "discussion": [
            _told_comment(found, c, actor) for c in found.comments.select_related("author").prefetch_related("earlier")
        ],
        "comment_form": {"action": f"/approvals/{found.pk}/comments", "value": "", "error": ""}
        if actor.holds(Permission.REQUEST_DISCUSS)
        else None,
        "withdraw": _withdraw(found, actor),
        **glass_parts(found, actor, holds=past is None),
        "execute": None if past else _execute(found, actor),
        "changed": [compare.Line(c.part, _plain(c.before), _plain(c.after)) for c in changed or _superseded_by(events)],
        "errors": [{"field": _leads_to(request, refusal, checks), "message": refusal.sentence}] if refusal else [],
        "events": events,
        "subject": json.dumps(subjects.document(found), indent=2, ensure_ascii=False, sort_keys=True),
    }
    return render(request, "approvals/detail.html", context, status=_status(refusal))


def _strip(found: ApprovalRequest, move: Move, past: Stale | None) -> str:
    """Return what a click on this page can change, where that is production; an ended request changes nothing."""
    if past or not isinstance(move, StageMove) or Stage.PRODUCTION not in {move.to_stage, move.from_stage}:
        return ""
    if found.state == RequestState.OPEN or found.is_limited:
        return "A decision here is about what may be in production."
    return "Carrying this out changes what is in production." if found.state == RequestState.APPROVED else ""


def _superseded_by(events: list[history.Told]) -> list[subjects.Changed]:
    """Return what the ledger says changed when the request was superseded."""
    told = next((told for told in events if told.action == "request.superseded"), None)
    parts = told.facts.get("changed", []) if told else []
    return [subjects.Changed(**part) for part in parts]  # type: ignore[attr-defined]


def _status(refusal: Refusal | None) -> int:
    if refusal is None:
        return 200
    return 400 if isinstance(refusal, Invalid) else 403 if isinstance(refusal, Denied) else 409


def _plain(value: object) -> object:
    return words.told(value) if isinstance(value, (dict, list)) else value


def _asked_as(found: ApprovalRequest, events: Iterable[history.Told]) -> Iterable[Role]:
    """Return the roles in which it was asked for, as the ledger has them; those of now where that is further back."""
    said = next((told.roles for told in events if told.action == "request.opened"), None)
    return roles_of(found.requester) if said is None else map(Role, said)


def _approval(found: ApprovalRequest, events: Iterable[history.Told]) -> dict[str, object]:
    return {
        **labels.request_row(found),
        "requester_roles": [role.label for role in sorted(_asked_as(found, events))],
        "reason": found.reason,
        "ended_at": found.ended_at,
        "ended_why": found.ended_why,
        "policy": labels.policy_words(found),
        "subject_digest": found.subject_digest,
        "executed_by": found.executed_by.username if found.executed_by else "",
        "limit": f"up to {found.ceiling_pct} %" if found.is_limited else "",
    }


def _check(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "status": check.status,
        "expected": check.expected,
        "measured": check.measured,
        "why": check.why,
        "accept_name": f"accept-{check.pk}" if check.status == Check.Status.WARN else "",
    }


def _condition(one: Condition) -> dict[str, object]:
    return {"name": one.name, "status": one.status, "measured": one.stands, "why": one.why}


def _differences(version: ModelVersion, champion: ModelVersion | None) -> dict[str, object]:
    after = evidence.read(version)
    before = evidence.read(champion) if champion else {"metrics": {}, "params": {}, "tags": {}}
    label = {"old_label": f"v{champion.version}" if champion else "", "new_label": f"v{version.version}"}
    return {
        "difference": {**label, "lines": compare.compare_metrics(before["metrics"], after["metrics"])},
        "params": compare.compare_values(before["params"], after["params"]),
        "files": compare.compare_values(_digests(champion), _digests(version)) if champion else [],
        "difference_hint": _hint(version, champion),
        "signature": compare.compare_signatures(champion.signature, version.signature) if champion else None,
    }


def _hint(version: ModelVersion, champion: ModelVersion | None) -> str:
    if champion is None:
        return "nothing to compare with: no other version was live"
    verdict = compare.compare_signatures(champion.signature, version.signature).verdict
    return f"against version {champion.version}, signature {verdict}"


def _digests(version: ModelVersion | None) -> dict[str, object]:
    lines = listed_files.files_of(version.manifest) if version and version.manifest else []
    return {line.path: line.sha256[:12] for line in lines}


def _effects(found: ApprovalRequest, move: object) -> list[str]:
    said = subjects.document(found)
    others = [f"Version {other['version']}" for other in said["displaces"]]  # type: ignore[attr-defined]
    if isinstance(move, Stay):
        return _deployed(found)
    if not isinstance(move, StageMove):
        return [f"@{said['move']['alias']} points at version {found.version.version}."]  # type: ignore[index]
    then = "" if found.ended_at else ", when the call is repeated or the button on this page is pressed"
    effects = [f"Version {found.version.version} goes from {move.from_stage} to {move.to_stage}{then}."]
    effects += [
        f"{other} goes to Archived." if move.archive_existing else f"{other} stays in {move.to_stage} beside it."
        for other in others
    ]
    effects += [f"@{alias} points at version {found.version.version}." for alias in move.aliases]
    return effects + _deployed(found)


def _deployed(found: ApprovalRequest) -> list[str]:
    deployment = subjects.deployment_of(subjects.document(found))
    if deployment is None:
        return []
    plan = Plan.of(deployment["plan"])  # type: ignore[arg-type]
    where = f"the {deployment['environment']} endpoint {deployment['endpoint']}"
    return [f"Version {found.version.version} may be rolled out once to {where}. {plan.words}"]


def _picture(found: ApprovalRequest) -> Picture | None:
    """Return the picture of the plan that is asked for with it."""
    deployment = subjects.deployment_of(subjects.document(found))
    return planned(Plan.of(deployment["plan"])) if deployment else None  # type: ignore[arg-type]


def _deployment_facts(found: ApprovalRequest) -> list[dict[str, object]]:
    deployment = subjects.deployment_of(subjects.document(found))
    if deployment is None:
        return []
    plan = Plan.of(deployment["plan"])  # type: ignore[arg-type]
    return [
        {"label": "Endpoint", "value": f"{deployment['endpoint']} ({deployment['environment']})"},
        {"label": "Plan", "value": plan.short},
    ]


def _subject_parts(found: ApprovalRequest) -> dict[str, object]:
    """Return what exactly is decided on."""
    words = labels.move_words(found)
    return {
        "action": f"/approvals/{found.pk}/decide",
        "object": f"v{found.version.version} for {words['target']}",
        "digest": found.subject_digest,
        "facts": [
            {"label": "Subject", "digest": found.subject_digest},
            {"label": "Files", "digest": found.version.manifest.digest if found.version.manifest else ""},
            _lock_fact(found),
            {"label": "Move", "value": words["action"]},
            *_deployment_facts(found),
            *labels.policy_facts(found),
        ],
    }


def _choices(
    found: ApprovalRequest, actor: Actor, checks: list[Check], weakened: list[Weakening], *, blocked: str
) -> dict[str, object]:
    """Return what this person may decide, why not the rest, and who else may."""
    hindered = [] if blocked else obstacles(found, checks, actor=actor)
    return {
        "may_decide": not blocked,
        "blocked": blocked,
        "may_approve": not hindered,
        "may_refuse": not found.is_limited,
        "shares": [] if hindered else _shares(found, actor),
        "approve_blocked": hindered,
        "next_approvers": _approvers(found, weakened) if found.state == RequestState.OPEN or found.is_limited else [],
    }


def _shares(found: ApprovalRequest, actor: Actor) -> list[dict[str, str]]:
    """Return how far this person can approve, the whole first; nothing where there is no choice."""
    said = decisions.decided_by(found, actor)
    further = [share for share in subjects.shares_of(found) if share > (said.up_to_pct if said else 0)]
    labels_of = {share: f"up to {share} %, and wait there" for share in further} | {ALL: "everything that is asked for"}
    return [{"value": str(share), "label": labels_of[share]} for share in reversed(further)] if further != [ALL] else []


def _lock_fact(found: ApprovalRequest) -> dict[str, object]:
    if lock := subjects.lock_of(subjects.document(found)):
        return {"label": "Environment", "digest": str(lock)}
    return {"label": "Environment", "value": "not locked when this was asked: approved without it"}


def _blocked(found: ApprovalRequest, actor: Actor, past: Stale | None, weakened: list[Weakening]) -> str:
    """Return why this person cannot decide, or an empty string."""
    if past or not (found.state == RequestState.OPEN or found.is_limited):
        return undecidable(found)
    if (said := decisions.decided_by(found, actor)) and said.up_to_pct == ALL:
        return "You decided already."
    if why := decisions.conflict_of_interest(found, actor, weakened) or decisions.spoken_for(found, actor):
        return why
    if not actor.holds(Permission.REQUEST_DECIDE):
        return f"Deciding needs the role {' or '.join(role.label for role in roles_with(Permission.REQUEST_DECIDE))}."
    return ""


def _approvers(found: ApprovalRequest, weakened: list[Weakening]) -> list[str]:
    """Return who decides, is in a group that is still asked for, and had no part in what is asked."""
    deciders = [str(role) for role in roles_with(Permission.REQUEST_DECIDE)]
    asked = [one.rule.group for one in standings(found) if one.missing]
    left_out = had_part(found, weakened) | {one.person_id for one in found.decisions.all() if one.up_to_pct == ALL}
    people = User.objects.filter(groups__name__in=deciders, is_active=True).filter(groups__name__in=asked)
    names = people.exclude(pk__in=left_out).order_by("username")
    return list(names.values_list("username", flat=True).distinct()[:10])


def _accepted(events: Iterable[history.Told]) -> dict[str, list[str]]:
    """Return the warnings that each person accepted with her decision, as the ledger keeps them."""
    decided = [told for told in events if told.action == "request.decided"]
    return {told.actor: list(told.facts.get("accepted_warnings") or []) for told in decided}  # type: ignore[call-overload]


def _leads_to(request: HttpRequest, refusal: Refusal, checks: Iterable[Check]) -> str:
    """Return the id of the input that a refused decision is about, or an empty string."""
    if isinstance(refusal, Invalid):
        return "decision-reach" if refusal.field == "up_to_pct" else "decision-comment"
    open_ones = (f"accept-{check.pk}" for check in checks if check.status == Check.Status.WARN)
    is_approval = request.POST.get("verdict") == "approve"
    return next((name for name in open_ones if is_approval and request.POST.get(name) != "yes"), "")


def _told_decisions(found: ApprovalRequest, accepted: dict[str, list[str]]) -> list[dict[str, object]]:
    rows = found.decisions.all()
    new = newly_given([(row.person_id, row.at) for row in rows])
    return [_told_decision(row, accepted, new.get((row.person_id, row.at), "")) for row in rows]


def _told_decision(decision: Decision, accepted: dict[str, list[str]], newly: str) -> dict[str, object]:
    return {
        "accepted": accepted.get(decision.person.username, []),
        "id": decision.pk,
        "person": decision.person.username,
        "verdict": decision.verdict,
        "comment": decision.comment,
        "at": decision.at,
        "via": decision.via,
        "newly": newly,
        "reach": decision.reach,
        "for_person": decision.for_person.username if decision.for_person else "",
    }


def _told_comment(found: ApprovalRequest, comment: Comment, actor: Actor) -> dict[str, object]:
    mine = bool(comment.body) and discussion.may_rewrite(comment, actor=actor)
    return {
        "comment": comment,
        "earlier": comment.earlier.all(),
        "edit_action": f"/approvals/{found.pk}/comments/{comment.pk}" if mine else "",
    }


def _withdraw(found: ApprovalRequest, actor: Actor) -> dict[str, object] | None:
    usable = found.state in {RequestState.OPEN, RequestState.APPROVED}
    may = found.requester == actor.user or access.may(
        actor, permission_for(requests.move_of(found), found.model), found.model
    )
    return {"action": f"/approvals/{found.pk}/withdraw", "errors": {}} if usable and may else None


def _execute(found: ApprovalRequest, actor: Actor) -> dict[str, object] | None:
    move = requests.move_of(found)
    may = found.requester == actor.user or access.may(actor, permission_for(move, found.model), found.model)
    if found.state != RequestState.APPROVED or found.is_limited or not may or not isinstance(move, StageMove):
        return None
    path = labels.version_path(found.model.name, found.version.version)
    return {
        "action": f"{path}/move",
        "label": f"Move v{found.version.version} to {move.to_stage}",
        "to": str(move.to_stage),
        "archive": move.archive_existing,
    }


@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Take the decision; a refusal shows the page again with what was typed."""
    actor = actor_of(request)
    found = requests.find_request(number, actor=actor)
    typed = {name: request.POST.get(name, "") for name in ("comment", "up_to_pct")}
    try:
        outcome = decisions.decide(found, _choice(request, found), actor=actor)
    except (Invalid, Conflict) as why:
        return review_page(request, requests.find_request(number, actor=actor), actor, typed=typed, refusal=why)
    if isinstance(outcome, decisions.Moved):
        refusal = Conflict(f"Nothing was decided. {outcome.past.why}", next_step="Whoever wants the move asks again.")
        return review_page(
            request,
            requests.find_request(number, actor=actor),
            actor,
            typed=typed,
            refusal=refusal,
            changed=outcome.past.changed,
        )
    messages.success(
        request, f"{outcome.get_verdict_display()}{outcome.reach}. The ledger has your decision and comment."
    )
    return HttpResponseRedirect(f"/approvals/{number}")


def _choice(request: HttpRequest, found: ApprovalRequest) -> decisions.Choice:
    verdict = request.POST.get("verdict", "")
    if verdict not in decisions.Verdict.values:
        raise Invalid("Choose approve, reject or request changes.", field="verdict")
    accepted = [check.pk for check in found.checks.all() if request.POST.get(f"accept-{check.pk}") == "yes"]
    is_approval = verdict == decisions.Verdict.APPROVE and "up_to_pct" in request.POST
    up_to_pct = whole_number(posted(request, "up_to_pct"), "up_to_pct", 1, ALL) if is_approval else ALL
    digest, comment = posted(request, "digest"), posted(request, "comment")
    shown = request.POST.getlist("weakened")
    return decisions.Choice(decisions.Verdict(verdict), digest, comment, accepted, up_to_pct, shown)


@require_POST
def comment(request: HttpRequest, number: int) -> HttpResponse:
    """Add to the discussion."""
    actor = actor_of(request)
    made = discussion.add_comment(requests.find_request(number, actor=actor), body=posted(request, "body"), actor=actor)
    return HttpResponseRedirect(f"/approvals/{number}#comment-{made.pk}")


@require_POST
def edit_comment(request: HttpRequest, number: int, comment_id: int) -> HttpResponse:
    """Change one's own comment, or take it back, while the request is open."""
    actor = actor_of(request)
    found = discussion.find_comment(requests.find_request(number, actor=actor), comment_id)
    if posted(request, "take_back") == "yes":
        discussion.take_back(found, actor=actor)
    else:
        discussion.edit_comment(found, body=posted(request, "body"), actor=actor)
    return HttpResponseRedirect(f"/approvals/{number}#comment-{comment_id}")


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """End the request without a decision."""
    actor = actor_of(request)
    requests.withdraw(requests.find_request(number, actor=actor), comment=posted(request, "comment"), actor=actor)
    messages.success(request, "Withdrawn. It can be asked for again any time.")
    return HttpResponseRedirect(f"/approvals/{number}")

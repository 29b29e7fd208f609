"""Pages of policies: the list, a policy, its versions, the editor, and the decision on a proposal."""

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actors import Actor
from accounts.permissions import Permission, roles_with
from accounts.policy import require
from core import clock
from core.checked_yaml import normal
from core.refusals import Conflict, Invalid, Refusal
from core.strict_yaml import Problem
from registry import freezes
from registry.freezes import Window
from registry.models import Policy, PolicyState, PolicyVersion
from registry.policies import book, changes
from registry.policies.documents import BadPolicy, parse
from registry.policies.dry_run import dry_run
from web.actors import actor_of
from web.pages.forms import Form, posted
from web.pages.policy_words import difference, facts_of, numbered, row_of

START = """type: signoff.policy/1
policy: production
order: 100
about: Two reviewers sign what goes to Production.
match:
  models: ["*"]
  risk: [medium, high]
  actions:
    - stage: Production
checks:
  - environment: locked
approvals:
  - group: reviewer
    count: 2
expires: 7d
"""


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List the policies: those in force in their order, then the others."""
    actor = actor_of(request)
    rows = [row_of(policy) for policy in changes.all_policies(actor=actor)]
    context = {
        "rows": sorted(rows, key=lambda row: (row["state"] != PolicyState.ACTIVE, row["order"], row["name"])),
        "freezes": [_window(one) for one in freezes.ahead(clock.now())],
        "fallback": book.DEFAULT.document.rules,
        "may_propose": actor.holds(Permission.POLICY_PROPOSE),
    }
    return render(request, "policies/list.html", context)


def _window(one: Window) -> dict[str, object]:
    """A freeze as its row shows it."""
    document = one.policy.document
    return {
        "start": one.freeze.start,
        "end": one.freeze.end,
        "why": one.freeze.why,
        "holds": one.holds(clock.now()),
        "policy": one.policy.name,
        "actions": document.actions,
        "models": "all" if document.models == ("*",) else ", ".join(document.models),
        "risk": sorted(document.risk),
    }


@require_GET
def policy(request: HttpRequest, name: str) -> HttpResponse:
    """Show a policy: what it asks for, its text and its versions."""
    actor = actor_of(request)
    found = changes.find_policy(name, actor=actor)
    versions = list(found.versions.all())
    current = _current(found)
    said = parse(current.text)
    context = {
        "policy": found,
        "current": {"number": current.number, "state": row_of(found)["state"] or current.state},
        "about": said.about,
        "facts": facts_of(current, said),
        "lines": numbered(current.text),
        "versions": versions,
        "may_propose": actor.holds(Permission.POLICY_PROPOSE),
    }
    return render(request, "policies/detail.html", context)


def _current(policy: Policy) -> PolicyVersion:
    """Return the version in force, else the newest."""
    versions = list(policy.versions.all())
    return next((version for version in versions if version.state == PolicyState.ACTIVE), versions[0])


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write the next text of a policy; a bad one is shown again with what is wrong at each line."""
    actor = actor_of(request)
    require(actor, Permission.POLICY_PROPOSE, "propose policies")
    if request.method == "GET":
        name = request.GET.get("from", "")
        text = _current(changes.find_policy(name, actor=actor)).text if name else START
        return _editor(request, Form(text=text, reason=""), name=name)
    form = Form(text=normal(request.POST.get("text", "")), reason=posted(request, "reason"))
    try:
        put = changes.propose(str(form["text"].value), reason=str(form["reason"].value), actor=actor)
    except BadPolicy as why:
        return _editor(request, form, problems=why.problems)
    except Invalid as why:
        form.blame(why)
        return _editor(request, form)
    said = "Proposed. Somebody else accepts it." if put.made else "This is what the policy says already."
    messages.success(request, said)
    return HttpResponseRedirect(_path(put.version))


def _editor(request: HttpRequest, form: Form, *, name: str = "", problems: Sequence[Problem] = ()) -> HttpResponse:
    """Return the editor; with problems, its text by lines, to which the errors lead."""
    notes = {problem.line: problem.message for problem in reversed(problems)}
    at_lines = [{"field": f"line-{one.line}", "message": f"L{str(one)[1:]}"} for one in problems]
    context = {
        "form": form,
        "errors": at_lines or form.errors,
        "lines": numbered(str(form["text"].value), notes) if notes else [],
        "name": name,
    }
    return render(request, "policies/new.html", context, status=400 if context["errors"] else 200)


def _path(version: PolicyVersion) -> str:
    return f"/policies/{version.policy.name}/versions/{version.number}"


@require_GET
def version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show a version; while it is proposed, what it would have changed, and the decision."""
    actor = actor_of(request)
    return _version_page(request, changes.find_policy_version(name, number, actor=actor), actor)


def _version_page(
    request: HttpRequest, found: PolicyVersion, actor: Actor, *, refusal: Refusal | None = None
) -> HttpResponse:
    waits = found.state == PolicyState.PROPOSED
    outcomes = dry_run(found, actor=actor) if waits else []
    in_force = found.policy.versions.filter(state=PolicyState.ACTIVE).first() if waits else None
    field = "accept-comment" if isinstance(refusal, Invalid) else ""
    context = {
        "version": found,
        "facts": facts_of(found, parse(found.text)),
        "lines": difference(in_force.text, found.text) if in_force else numbered(found.text),
        "against": f"against v{in_force.number}, which is in force" if in_force else "",
        "outcomes": [outcome for outcome in outcomes if outcome.sentences] if waits else None,
        "looked_at": f"the last {len(outcomes)} requests" if outcomes else "no request yet",
        "errors": [{"field": field, "message": refusal.sentence}] if refusal else [],
        **_decision(request, found, actor, refusal),
    }
    status = 200 if refusal is None else 400 if isinstance(refusal, Invalid) else 409
    return render(request, "policies/version.html", context, status=status)


def _decision(request: HttpRequest, found: PolicyVersion, actor: Actor, refusal: Refusal | None) -> dict[str, object]:
    """Return what the person may do about a proposal, or why she may not."""
    if found.state != PolicyState.PROPOSED:
        return {"accept": None, "turn_down": None, "blocked": ""}
    blocked, own = _blocked(found, actor), changes.conflict_of_interest(found, actor)
    error = refusal.sentence if isinstance(refusal, Invalid) else ""
    accept = {
        "action": f"{_path(found)}/accept",
        "digest": found.digest,
        "comment": posted(request, "comment"),
        "error": error,
    }
    label = "Withdraw the proposal" if own else "Refuse the proposal"
    may_turn_down = bool(own) or not blocked
    return {
        "accept": None if blocked else accept,
        "turn_down": {"action": f"{_path(found)}/turn-down", "label": label} if may_turn_down else None,
        "blocked": blocked,
    }


def _blocked(found: PolicyVersion, actor: Actor) -> str:
    if not actor.holds(Permission.POLICY_ACCEPT):
        roles = " or ".join(role.label for role in roles_with(Permission.POLICY_ACCEPT))
        return f"Accepting a policy needs the role {roles}."
    return changes.conflict_of_interest(found, actor)


@require_POST
def accept(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Put the version in force; a refusal shows the page again with what was typed."""

    def decided(found: PolicyVersion, actor: Actor) -> str:
        changes.accept(found, digest=posted(request, "digest"), comment=posted(request, "comment"), actor=actor)
        return f"{found} is in force.".capitalize()

    return _decide(request, name, number, decided)


@require_POST
def turn_down(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """End the proposal."""

    def decided(found: PolicyVersion, actor: Actor) -> str:
        row = changes.turn_down(found, comment=posted(request, "comment"), actor=actor)
        return f"{row.get_state_display()}. The ledger has your words."

    return _decide(request, name, number, decided)


def _decide(
    request: HttpRequest, name: str, number: int, decided: Callable[[PolicyVersion, Actor], str]
) -> HttpResponse:
    actor = actor_of(request)
    found = changes.find_policy_version(name, number, actor=actor)
    try:
        messages.success(request, decided(found, actor))
    except (Invalid, Conflict) as why:
        return _version_page(request, changes.find_policy_version(name, number, actor=actor), actor, refusal=why)
    return HttpResponseRedirect(_path(found))

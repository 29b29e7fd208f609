"""Pages of a model version: where it stands, what may happen next, what it is; and two versions side by side."""

from collections.abc import Collection
from urllib.parse import quote

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor
from accounts.permissions import Permission, roles_with
from core.refusals import Conflict, Invalid
from deployments import used
from deployments.models import Rollout
from registry import (
    access,
    cards,
    champions,
    compare,
    comparison,
    doubts,
    evidence,
    history,
    lineage,
    listed_files,
    manifests,
    numbering,
    transitions,
    versions,
)
from registry.cards import Card
from registry.compare import Compatibility
from registry.models import ApprovalRequest, Imported, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.policy import Requirement, StageMove, requirements
from registry.requests import ApprovalRequired
from registry.stages import ACTIVE, Stage, parse_stage
from web.actors import actor_of
from web.pages import labels
from web.pages.forms import Form, posted
from web.pages.snippets import load_snippet, promote_snippet

ENVIRONMENT_WORDS = {"python": "Python", "serialization": "Saved with", "lock": "Locked"}
PAIR = 2
PATH = (Stage.NONE, Stage.STAGING, Stage.PRODUCTION, Stage.ARCHIVED)


@require_GET
def version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show a version."""
    actor = actor_of(request)
    return version_page(request, access.find_version(name, number, actor=actor), actor)


def version_page(request: HttpRequest, found: ModelVersion, actor: Actor, form: Form | None = None) -> HttpResponse:
    """Return the page, with the note form as it was typed where it was refused."""
    about = Q(object_kind="model_version", object_id=f"{found.model.uuid}/{found.version}")
    differing = doubts.of_version(found)
    told = history.page_of(doubts.told_with(history.events_visible_to(actor), about, differing)).events
    champion = champions.champion_of(found)
    said = evidence.read(found)
    files, damaged = _files(found)
    aliases = list(found.aliases.values_list("name", flat=True))
    pending = pending_of(found)
    moves = moves_of(found, pending, actor)
    card, served = (
        cards.card_of(found),
        list(found.rollouts.select_related("endpoint__environment").order_by("-pk")[:10]),
    )
    may_write = access.may(actor, Permission.MODEL_WRITE, found.model)
    context = {
        "model": found.model,
        "version": found,
        "aliases": labels.aliases(aliases, found.model),
        "digest": found.manifest.digest if found.manifest else None,
        "verification": "held" if found.verified else "unverified",
        "imported": Imported.objects.filter(kind="version", here=str(found.pk)).first(),
        "damaged": damaged,
        "steps": _steps(found, told),
        "moves": moves,
        "no_move": _no_move(found),
        "open_request": _open_request(pending),
        "compare_href": f"{labels.model_path(found.model.name)}/compare?v={champion.version}&v={found.version}"
        if champion
        else "",
        "difference": _difference(found, champion, aliases),
        "champion": {"version": champion.version, "href": labels.version_path(found.model.name, champion.version)}
        if champion
        else None,
        "card": card,
        "may_write_card": may_write,
        "facts": _facts(found),
        "params": _pairs(said["params"]),
        "version_tags": found.tags.all(),
        "signature": found.signature or None,
        "files": files,
        "examined": found.facts.all(),
        "lineage": _lineage(found, card, served),
        "rollouts": served,
        "environment": _environment(found),
        "annotations": found.annotations.select_related("author"),
        "annotate": _annotate(found, form) if may_write else None,
        "numbering": _numbering(found, form) if may_write else None,
        "snippets": _snippets(found),
        "events": told,
        "doubts": differing,
    }
    return render(request, "models/version.html", context, status=400 if form and form.errors else 200)


def _files(found: ModelVersion) -> tuple[list[listed_files.FileLine], list[str]]:
    if not found.manifest:
        return [], []
    try:
        return listed_files.files_of(found.manifest), manifests.missing_files(found.manifest)
    except ValueError as why:
        return [], [str(why)]


def moves_of(found: ModelVersion, pending: list[ApprovalRequest], actor: Actor) -> list[dict[str, object]]:
    """Return the moves the actor may make or ask for, the likeliest first."""
    goals = [to for to in (Stage.PRODUCTION, Stage.STAGING, Stage.ARCHIVED) if to != found.stage]
    if found.stage == Stage.NONE:
        goals.remove(Stage.ARCHIVED)
    moves = [StageMove(Stage(found.stage), to, archive_existing=to in ACTIVE) for to in goals]
    approved = {row.move_key: row for row in pending if row.state == RequestState.APPROVED and not row.is_limited}
    others = _others(found)
    offers = (
        _offer(found, move, need, approved.get(move.key), others.get(move.to_stage, []), actor)
        for move, need in zip(moves, requirements(moves, found.model), strict=True)
    )
    return [offer for offer in offers if offer]


def pending_of(found: ModelVersion) -> list[ApprovalRequest]:
    """Return the requests for the version that can still come to something, newest first."""
    return list(used.left(ApprovalRequest.objects.pending()).filter(version=found).order_by("-pk"))


def _others(found: ModelVersion) -> dict[str, list[int]]:
    """Return the numbers of the other versions that stand in Staging or Production, by stage."""
    rows = ModelVersion.objects.live().filter(model=found.model, stage__in=ACTIVE).exclude(pk=found.pk)
    by_stage: dict[str, list[int]] = {}
    for stage, number in rows.order_by("version").values_list("stage", "version"):
        by_stage.setdefault(stage, []).append(number)
    return by_stage


def _offer(
    found: ModelVersion,
    move: StageMove,
    need: Requirement,
    approved: ApprovalRequest | None,
    others: list[int],
    actor: Actor,
) -> dict[str, object] | None:
    to, asks = move.to_stage, bool(need.approvals)
    holds = access.may(actor, need.permission, found.model)
    if asks and not approved and not (found.verified and actor.holds(Permission.REQUEST_OPEN)):
        return None
    if (not asks and not holds) or (approved and not holds and approved.requester_id != actor.person.pk):
        return None
    listed = ", ".join(f"version {number}" for number in others)
    return {
        "to": str(to),
        "label": f"Request {to}" if asks and not approved else f"Move to {to}",
        "action": f"{labels.version_path(found.model.name, found.version)}/move",
        "needs_approval": asks and not approved,
        "archive": to in ACTIVE and bool(others),
        "archive_label": f"Archive {listed}",
        "effect": _effect(to, need, approved),
        "errors": {},
    }


def _effect(to: Stage, need: Requirement, approved: ApprovalRequest | None) -> str:
    if approved:
        return f"Uses the approval of request #{approved.pk}, once."
    if need.approvals:
        people = " and ".join(map(str, need.terms.rules))
        return f"Needs {people}; you and whoever trained it do not count. Nothing moves until then."
    return "Takes effect at once." if to is Stage.STAGING else "Takes effect at once. It can be asked for again later."


def _no_move(found: ModelVersion) -> str:
    if not found.verified:
        return "Signoff does not hold this version's files, so it cannot be approved."
    if found.stage == Stage.PRODUCTION:
        who = " or ".join(role.label for role in roles_with(Permission.STAGE_PRODUCTION))
        return f"It is in Production; taking it out needs the role {who}."
    asks = ", ".join(role.label for role in roles_with(Permission.REQUEST_OPEN))
    return f"A move is asked for by: {asks}."


def _open_request(pending: list[ApprovalRequest]) -> dict[str, object] | None:
    if not pending:
        return None
    row = pending[0]
    return {
        "title": f"A request is approved{_reach(row)}" if row.state == RequestState.APPROVED else "A request is open",
        "number": row.pk,
        "href": f"/approvals/{row.pk}",
        "to": labels.move_words(row)["target"],
        "state": row.state,
    }


def _reach(row: ApprovalRequest) -> str:
    return f" up to {row.ceiling_pct} %" if row.is_limited else ""


def _steps(found: ModelVersion, told: list[history.Told]) -> list[dict[str, object]]:
    entered = {str(t.after["stage"]): t for t in reversed(told) if t.action == "version.stage.changed"}
    now = PATH.index(Stage(found.stage))
    steps: list[dict[str, object]] = []
    for place, stage in enumerate(PATH):
        event = entered.get(stage)
        state = "now" if place == now else "done" if event or place == 0 else "later"
        at, by = (event.at, event.actor) if event else (None, "")
        if stage is Stage.NONE and not event:
            at, by = found.created_at, found.registered_by.username
        steps.append({"label": str(stage), "state": state, "at": at, "by": by})
    return steps


def _difference(found: ModelVersion, champion: ModelVersion | None, aliases: Collection[str]) -> dict[str, object]:
    before = evidence.read(champion)["metrics"] if champion else {}
    lines = compare.compare_metrics(before, evidence.read(found)["metrics"])
    hint = "this is the champion" if "champion" in aliases else "no champion to compare with"
    return {
        "old_label": f"v{champion.version}" if champion else "",
        "new_label": f"v{found.version}",
        "lines": lines,
        "hint": hint,
    }


def _facts(found: ModelVersion) -> list[dict[str, object]]:
    run: dict[str, object] = (
        {"label": "Run", "value": found.run_id[:8], "href": f"/runs/{found.run_id}"}
        if found.run_id
        else {"label": "Run", "value": ""}
    )
    return [
        {"label": "Semantic version", "value": found.semver},
        {"label": "Registered", "at": found.created_at},
        {"label": "By", "value": found.registered_by.username},
        {"label": "Framework", "value": found.framework},
        {"label": "Risk tier", "value": found.model.get_risk_tier_display()},
        {"label": "Owner", "value": found.model.owner.username},
        run,
        {"label": "Source", "code": found.source},
        {"label": "Manifest", "digest": found.manifest.digest if found.manifest else ""},
    ]


def _pairs(values: dict[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": values[key]} for key in sorted(values)]


def _lineage(found: ModelVersion, card: Card, rollouts: list[Rollout]) -> list[dict[str, object]]:
    """Return where the version is from and where it went, each with its page."""
    shown: list[dict[str, object]] = [
        {"label": step.label, "text": step.text, "href": _step_href(step), "digest": step.digest}
        for step in lineage.steps(found, card)
    ]
    return shown + [
        {"label": "deployed", "text": f"#{row.pk} to {row.endpoint.name}", "href": f"/deployments/{row.pk}"}
        for row in rollouts
    ]


def _step_href(step: lineage.Step) -> str:
    if step.kind == "version":
        return labels.version_path(step.key, step.version)
    return {"run": f"/runs/{quote(step.key, safe='')}", "address": step.key}.get(step.kind, "")


def _environment(found: ModelVersion) -> list[dict[str, object]]:
    said = found.environment or {}
    rows = [
        {"key": "Python", "value": said.get("python") or "not given"},
        {"key": "Saved with", "value": said.get("serialization") or "not given"},
    ]
    return [*rows, {"key": "Locked", "value": "not yet" if not said.get("lock") else said["lock"]}]


def _annotate(found: ModelVersion, form: Form | None) -> dict[str, object]:
    action = f"{labels.version_path(found.model.name, found.version)}/annotations"
    if form is None or "title" not in form:
        return {"action": action, "title": "", "body": "", "errors": {}}
    errors = {name: field.errors[0] for name, field in form.items() if field.errors}
    return {"action": action, "title": form["title"].value, "body": form["body"].value, "errors": errors}


NUMBER_HINTS = {
    Compatibility.SAME: "The signature is that of {before}: a patch.",
    Compatibility.COMPATIBLE: "Callers of {before} can go on as they are: a minor step.",
    Compatibility.BREAKING: "Callers of {before} will notice: a major step.",
    Compatibility.UNKNOWN: "Whether callers of {before} will notice cannot be told without both signatures.",
}


FIRST_NUMBER = "The first number of this model."


def _numbering(found: ModelVersion, form: Form | None) -> dict[str, object]:
    offer = numbering.offered(found)
    refused = form["semver"] if form and "semver" in form else None
    hint = NUMBER_HINTS[offer.verdict].format(before=offer.before) if offer.before else FIRST_NUMBER
    return {
        "action": f"{labels.version_path(found.model.name, found.version)}/semver",
        "value": refused.value if refused else found.semver,
        "error": refused.errors[0] if refused and refused.errors else "",
        "hint": f"{hint} Such as {', '.join(offer.numbers.values())}.",
        "offered": [] if found.semver else [
            {"number": text, "part": str(part), "fitting": part is offer.fitting}
            for part, text in offer.numbers.items()
        ],
    }  # fmt: skip


def _snippets(found: ModelVersion) -> list[dict[str, str]]:
    name = found.model.name
    snippets = [{"label": "Load this version", "code": load_snippet(name, f"/{found.version}")}]
    if found.verified and found.stage != Stage.PRODUCTION:
        snippets.append({"label": "Ask for Production", "code": promote_snippet(name, found.version)})
    return snippets


@require_POST
def move(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Move the version, or open the request that the move waits for."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    outcome = transitions.transition(
        found, to=parse_stage(posted(request, "to")), archive_existing=bool(request.POST.get("archive_existing")),
        comment=posted(request, "reason"), actor=actor,
    )  # fmt: skip
    if isinstance(outcome, ApprovalRequired):
        if outcome.opened:
            messages.success(
                request, f"Request #{outcome.request.pk} is open. A reviewer decides; you find it under Approvals."
            )
        return HttpResponseRedirect(f"/approvals/{outcome.request.pk}")
    archived = ", ".join(f"version {n}" for n in outcome.archived)
    messages.success(
        request, f"Version {number} is in {outcome.version.stage}." + (f" Archived: {archived}." if archived else "")
    )
    return HttpResponseRedirect(labels.version_path(name, number))


@require_POST
def annotate(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Add a note to the version."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    form = Form(title=posted(request, "title"), body=posted(request, "body"))
    try:
        versions.annotate(found, title=str(form["title"].value), body=str(form["body"].value), actor=actor)
    except Invalid as why:
        form.blame(why)
        return version_page(request, found, actor, form)
    return HttpResponseRedirect(f"{labels.version_path(name, number)}#card")


@require_POST
def number(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Give the version a semantic number, or take it away."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    form = Form(semver=posted(request, "semver"))
    try:
        row = numbering.set_semver(found, str(form["semver"].value), actor=actor)
    except (Invalid, Conflict) as why:
        form["semver"].errors.append(why.sentence)
        return version_page(request, found, actor, form)
    messages.success(request, f"Version {number} is {row.semver}." if row.semver else "The number is taken away.")
    return HttpResponseRedirect(labels.version_path(name, number))


@require_GET
def side_by_side(request: HttpRequest, name: str) -> HttpResponse:
    """Compare versions: the query's `v`, from twice (in the order old, new) to six times."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    picked = _picked(request, found, actor)
    return _two(request, found, *picked) if len(picked) == PAIR else _many(request, found, picked)


def _many(request: HttpRequest, found: RegisteredModel, picked: list[ModelVersion]) -> HttpResponse:
    columns = comparison.columns(picked)
    context = {
        "model": found,
        "columns": columns,
        "metrics": comparison.rows_of([column.metrics for column in columns]),
        "params": comparison.rows_of([column.params for column in columns]),
        "tags": comparison.rows_of([column.tags for column in columns]),
    }
    return render(request, "models/compare_many.html", context)


def _two(request: HttpRequest, found: RegisteredModel, old: ModelVersion, new: ModelVersion) -> HttpResponse:
    name = found.name
    before, after = comparison.columns([old, new])
    difference = comparison.comparison(old, new)
    context = {
        "model": found,
        "old": _side(old),
        "new": _side(new),
        "choices": [
            {"value": n, "label": f"Version {n}"}
            for n in ModelVersion.objects.live()
            .filter(model=found)
            .order_by("-version")
            .values_list("version", flat=True)[:500]
        ],
        "swap_href": f"{labels.model_path(name)}/compare?v={new.version}&v={old.version}",
        "facts": [
            compare.Line("Semantic version", old.semver or None, new.semver or None),
            compare.Line("Stage", old.stage, new.stage),
            compare.Line("Aliases", ", ".join(before.aliases) or None, ", ".join(after.aliases) or None),
            compare.Line("Digest", _brief(before.digest), _brief(after.digest)),
        ],
        "tags": compare.compare_values(before.tags, after.tags),
        "metrics": difference.metrics,
        "params": difference.params,
        "files": [compare.Line(li.name, _brief(li.before), _brief(li.after)) for li in difference.files],
        "environment": [compare.Line(ENVIRONMENT_WORDS[li.name], li.before, li.after) for li in difference.environment],
        "signature": difference.signature,
        "identical": difference.identical,
    }
    return render(request, "models/compare.html", context)


def _brief(digest: object) -> str | None:
    return str(digest)[:12] if digest else None


def _picked(request: HttpRequest, model: RegisteredModel, actor: Actor) -> list[ModelVersion]:
    said = dict.fromkeys(request.GET.getlist("v"))
    wished = [text for text in said if text.isascii() and text.isdigit() and len(text) < 10]  # noqa: PLR2004 - fits
    if not PAIR <= len(wished) <= comparison.MOST:
        raise Invalid(
            f"Choose {PAIR} to {comparison.MOST} versions to compare.", next_step="Tick them on the model's page."
        )
    return [access.find_version(model.name, int(text), actor=actor) for text in wished]


def _side(found: ModelVersion) -> dict[str, object]:
    return {"version": found.version, "stage": found.stage, "label": f"v{found.version}"}

"""Pages of the ledger: list, event, verification, exports."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.policy import require
from audit import export, seal, verification
from audit.catalogue import EVENTS
from audit.copies import own_copies
from audit.models import Checkpoint, Verification
from audit.record import Subject, record
from core import clock, words
from core.refusals import Invalid, NotFound
from registry import compare, history
from web.actors import actor_of
from web.pages import labels
from web.pages.cells import inert
from web.pages.paging import address, key_of, size_of
from web.pages.parts import unchanged

CHOSEN = ("person", "action", "model", "since", "until", "denied")
COLUMNS = ("seq", "at", "actor", "roles", "via", "action", "outcome", "label", "comment", "leaf")


@require_GET
def ledger(request: HttpRequest) -> HttpResponse:
    """List events, newest first, narrowed by the query."""
    actor = reader(request)
    chosen = {name: request.GET.get(name, "").replace("\0", "").strip() for name in CHOSEN}
    wanted, errors = _filter(chosen)
    page = history.page_of(
        wanted.apply(history.events_visible_to(actor)),
        before=key_of(request, "before"),
        after=key_of(request, "after"),
        size=size_of(request),
    )
    context = {
        "filter": {**chosen, "denied": wanted.denied},
        "people": _choices("Anyone", User.objects.order_by("username").values_list("username", flat=True)[:500]),
        "actions": _choices("Anything", sorted(EVENTS)),
        "chips": [
            {"label": f"{name}: {chosen[name]}", "remove_href": address(request, **{name: None})}
            for name in CHOSEN
            if chosen[name]
        ],
        "clear_href": "/audit",
        "events": page.events,
        "newer": address(request, after=page.newer, before=None) if page.newer else "",
        "older": address(request, before=page.older, after=None) if page.older else "",
        "shown": f"{len(page.events)} a page, newest first",
        "verify": _verified(Verification.objects.filter(pk=request.session.get("verification", 0)).first()),
        "verify_source": f"/audit/verification/{request.session.get('verification')}",
        "verify_action": "/audit/verify",
        "exports": _exports(request, actor),
        "errors": errors,
    }
    return render(request, "audit/list.html", context, status=400 if errors else 200)


def reader(request: HttpRequest) -> Actor:
    """Return the person where she may read the ledger."""
    actor = actor_of(request)
    require(actor, Permission.LEDGER_READ, "read the ledger", about=Subject("ledger", "", "the ledger"))
    return actor


def _choices(all_word: str, values: Any) -> list[dict[str, str]]:
    return [{"value": "", "label": all_word}, *({"value": value, "label": value} for value in values)]


def _filter(chosen: dict[str, str]) -> tuple[history.Filter, list[dict[str, str]]]:
    moments: dict[str, datetime | None] = {"since": None, "until": None}
    errors = []
    for name in moments:
        try:
            moments[name] = _moment(chosen[name])
        except ValueError:
            errors.append(
                {"field": name, "message": f"{chosen[name]!r} is not a moment. Write it as 2026-11-24T15:00, in UTC."}
            )
    exact = {name: chosen[name] for name in ("person", "action", "model")}
    return history.Filter(
        **exact, since=moments["since"], until=moments["until"], denied=bool(chosen["denied"])
    ), errors


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    return clock.told(text)


def _exports(request: HttpRequest, actor: Actor) -> list[dict[str, str]]:
    query = request.GET.urlencode()
    found = [
        {"label": "This selection as CSV", "href": f"/audit/export.csv?{query}"},
        {"label": "This selection as JSON", "href": f"/audit/export.json?{query}"},
    ]
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        found.append({"label": "Everything, to verify offline (zip)", "href": "/audit/export.zip"})
    return found


@require_GET
def event(request: HttpRequest, seq: int) -> HttpResponse:
    """Show the event with a sequence number."""
    return _event_page(request, reader(request), {"seal__seq": seq}, f"There is no event #{seq}.")


@require_GET
def unsealed(request: HttpRequest, row: int) -> HttpResponse:
    """Show an event in the second before it is sealed."""
    return _event_page(request, reader(request), {"pk": row}, "There is no such event.")


def _event_page(request: HttpRequest, actor: Actor, where: dict[str, int], absent: str) -> HttpResponse:
    rows = history.events_visible_to(actor)
    found = rows.filter(**where).first()
    if found is None:
        raise NotFound(absent, next_step="It may be about a model you cannot see.")
    told = history.tell(found)
    newer, older = rows.filter(id__gt=found.pk).order_by("id").first(), rows.filter(id__lt=found.pk).first()
    context = {
        "event": told,
        "object_url": _object_path(told),
        "changes": compare.compare_values(
            {k: _plain(v) for k, v in told.before.items()}, {k: _plain(v) for k, v in told.after.items()}
        ),
        "facts": [{"label": key, "value": _plain(value)} for key, value in told.facts.items()],
        "proof": _covering(told),
        "newer_href": _path(history.tell(newer)) if newer else "",
        "older_href": _path(history.tell(older)) if older else "",
    }
    return render(request, "audit/event.html", context)


def _plain(value: object) -> object:
    return words.told(value) if isinstance(value, (dict, list, bool)) else value


def _path(told: history.Told) -> str:
    return f"/audit/{told.seq}" if told.seq is not None else f"/audit/unsealed/{told.id}"


def _object_path(told: history.Told) -> str:
    """Return the page of what the event is about, where there is one."""
    if told.kind == "approval_request":
        return f"/approvals/{told.object_id}"
    if told.kind == "registered_model" and told.object_id:
        return labels.model_path(told.label)
    return ""


def _covering(told: history.Told) -> dict[str, object] | None:
    if told.seq is None:
        return None
    row = Checkpoint.objects.filter(size__gt=told.seq).order_by("size").first()
    return {"size": row.size, "root": bytes(row.root).hex(), "at": row.at} if row else None


@never_cache
@require_POST
def verify_now(request: HttpRequest) -> HttpResponse:
    """Check the whole ledger: the page shows how far it is, and the result."""
    actor = reader(request)
    begun = verification.begin(seal.signer().verifier_key, own_copies(), by=actor.name)
    request.session["verification"] = begun.pk
    return HttpResponseRedirect("/audit#verification")


@require_GET
def verification_part(request: HttpRequest, number: int) -> HttpResponseBase:
    """Answer with how far a verification is and what it found, or 304 where nothing changed."""
    reader(request)
    row = Verification.objects.filter(pk=number).first()
    if row is None:
        raise NotFound(f"There is no verification {number}.")
    return unchanged(request, render(request, "audit/verification.html", {"verify": _verified(row)}))


def _verified(row: Verification | None) -> dict[str, object] | None:
    """Return what a page says of a verification."""
    if row is None:
        return None
    return {
        "number": row.pk, "state": "silent" if verification.is_silent(row) else row.state, "size": row.size,
        "checked": row.checked, "pct": 100 * row.checked // row.size if row.size else 0, "root": row.root,
        "at": row.ended_at, "broken_at": row.first_bad, "copies": row.copies, "why": row.why,
    }  # fmt: skip


@require_GET
def export_selection(request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    """Send the selected events as CSV or JSON lines, oldest last."""
    actor = reader(request)
    wanted, errors = _filter({name: request.GET.get(name, "").strip() for name in CHOSEN})
    if errors:
        raise Invalid(errors[0]["message"])
    rows = (history.tell(row) for row in wanted.apply(history.events_visible_to(actor)).iterator(chunk_size=1_000))
    lines, kind = (_csv(rows), "text/csv") if form == "csv" else (_json(rows), "application/x-ndjson")
    response = StreamingHttpResponse(lines, content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="signoff-audit.{form}"'
    return response


def _csv(rows: Iterator[history.Told]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    for told in rows:
        out = io.StringIO()
        csv.writer(out).writerow([_cell(getattr(told, name)) for name in COLUMNS])
        yield out.getvalue()


def _cell(value: object) -> str:
    """Return a value as a cell."""
    text = (
        clock.iso(value)
        if isinstance(value, datetime)
        else " ".join(value)
        if isinstance(value, list)
        else ""
        if value is None
        else str(value)
    )
    return inert(text)


def _json(rows: Iterator[history.Told]) -> Iterator[str]:
    for told in rows:
        yield json.dumps({"seq": told.seq, "body": told.body}, ensure_ascii=False) + "\n"


@require_GET
def export_all(request: HttpRequest) -> FileResponse:
    """Send the whole ledger with its checkpoints and a verifier; the ledger says who took it."""
    actor = reader(request)
    require(
        actor, Permission.MODEL_READ_RESTRICTED, "export the whole ledger", about=Subject("ledger", "", "the ledger")
    )
    with transaction.atomic():
        record("ledger.exported", Subject("ledger", "", "the ledger"), actor=actor)
    seal.seal()
    pack = tempfile.TemporaryFile(dir=settings.HOME)  # noqa: SIM115 - the answer closes it
    export.write_zip(pack)
    pack.seek(0)
    return FileResponse(pack, as_attachment=True, filename="signoff-ledger.zip", content_type="application/zip")

"""Answers for supervisors and load balancers: alive, ready, and which version."""

from collections.abc import Callable
from functools import partial

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from audit import copies
from audit.checks import missing_triggers
from audit.replay.mismatches import open_count
from core import broker, home, schema
from core.version import VERSION
from monitoring import late, letters
from registry import blobs

LETTERS = "/admin/monitoring/deadletter/"
LATE_S = {"tick": 6.0, "engine": 15.0, "work": 15.0, "evidence": 15.0}


def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all."""
    del request
    return HttpResponse("OK", content_type="text/plain")


def health(request: HttpRequest) -> HttpResponse:
    """200 while the process answers; after OK what people have to look into, a line each."""
    del request
    return HttpResponse("\n".join(["OK", *alerts()]), content_type="text/plain")


def alerts() -> list[str]:
    """Return what works and yet needs a person, in sentences; no probe should restart anything for it."""
    try:
        count, uncopied = open_count(), copies.trouble()
        since = late.late_since() if "evidence" in home.supervised() else None
        flooded, aside = len(letters.flooded()), letters.recent()
    except DatabaseError:
        return []
    what = "1 row differs" if count == 1 else f"{count} rows differ"
    said = f"{what} from the ledger: the deploy gate is shut (/audit/mismatches)" if count else ""
    waits = f"evidence since {since:%H:%M:%S} UTC is not counted yet: canaries hold, monitoring lags" if since else ""
    return [line for line in (said, uncopied, waits, _floods(flooded), _letters(aside)) if line]


def _floods(count: int) -> str:
    whose = "1 endpoint write" if count == 1 else f"{count} endpoints write"
    return f"models of {whose} more records than they were asked for, which are dropped: {LETTERS}" if count else ""


def _letters(count: int) -> str:
    what = "1 entry of the evidence stream is" if count == 1 else f"{count:,} entries of the evidence stream are"
    return f"{what} no evidence, in the last hour: {LETTERS}" if count else ""


def version(request: HttpRequest) -> HttpResponse:
    """The version as bare text."""
    del request
    return HttpResponse(VERSION, content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 where everything this mode needs works; 503 naming what is down."""
    del request
    down = {name: why for name, look in READINESS.items() if (why := _tried(look))}
    return JsonResponse({"ready": not down, "down": down, "alerts": alerts()}, status=503 if down else 200)


def _tried(look: Callable[[], str]) -> str:
    try:
        return look()
    except DatabaseError as why:
        return f"the database does not answer: {why}"


def _database() -> str:
    for name in connections:
        with connections[name].cursor() as cursor:
            cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    count = sum(schema.pending(name) for name in connections)
    return f"{count} migrations are pending: run manage.py migrate" if count else ""


def _ledger() -> str:
    missing = missing_triggers()
    return f"the ledger lost its guards: {', '.join(missing)}" if missing else ""


def _files() -> str:
    return blobs.store().trouble()


def _beats(group: str) -> str:
    """Judged only where `up` started the group."""
    since_s = home.since_beat_s(group) if group in home.supervised() else 0.0
    if since_s is None:
        return "the periodic work has not begun"
    return f"the periodic work stands still for {since_s:.0f} s" if since_s > LATE_S[group] else ""


def _broker() -> str:
    """Judged only where `up` started those who listen to it."""
    if "engine" not in home.supervised():
        return ""
    why = broker.trouble()
    return f"Valkey does not answer: {why}. Work goes on, later than it could" if why else ""


def _processes() -> str:
    """Judged only where `up` started others beside this one."""
    gone = sorted(home.ended())
    return f"not running: {', '.join(gone)}" if gone else ""


READINESS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "ledger": _ledger,
    "files": _files,
    "processes": _processes,
    "broker": _broker,
    **{group: partial(_beats, group) for group in LATE_S},
}

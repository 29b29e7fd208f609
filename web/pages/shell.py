"""What every page shows around its content."""

from django.conf import settings
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.preferences import preferences_of
from audit.models import Checkpoint, OutsideCopy
from audit.replay.mismatches import unsettled
from core import clock, rows
from core.version import VERSION
from deployments import used
from registry.models import ApprovalRequest
from web.pages import notices
from web.pages.glass_parts import banner
from web.pages.twins import twin_of

THEME_COOKIE = "signoff_theme"
SECTIONS = (
    ("Models", "/models"),
    ("Approvals", "/approvals"),
    ("Deployments", "/deployments"),
    ("Endpoints", "/endpoints"),
    ("Audit", "/audit"),
)
ALSO = {"/endpoints": ("/running", "/new-endpoint")}  # pages of a section whose address begins otherwise


def shell(request: HttpRequest) -> dict[str, object]:
    """Return the context of base.html; see the comment there for each name."""
    actor: Actor | None = getattr(request, "actor", None)
    waiting, unread, differing = (
        rows.counts(_waiting(actor), notices.unread(actor), unsettled()) if actor else (0, 0, 0)
    )
    user = actor.user if actor else None
    liked = preferences_of(user)
    return {
        "me": {"username": user.username, "role_names": [role.label for role in sorted(actor.roles)]}
        if actor and user
        else None,
        "nav": [_section(label, href, request.path, waiting) for label, href in SECTIONS] if actor else [],
        "json_href": twin_of(request) if actor else "",
        "unread": min(unread, notices.COUNT_UP_TO),
        "demo_run": bool(settings.DEMO_RUN),
        "break_glass": banner(actor),
        "gate_shut": differing if actor and actor.roles else 0,
        "reads_all": bool(actor and actor.holds(Permission.MODEL_READ_RESTRICTED)),
        "approvals_off": not settings.APPROVALS,
        "app_version": VERSION,
        "now": clock.now(),
        "theme": theme_of(request, user),
        "density": liked.density,
        "local_times": liked.times == "local",
        "single_keys": liked.single_keys,
        "seal": latest_seal() if actor else None,
    }


def theme_of(request: HttpRequest, user: User | None) -> str:
    """Return light, dark or empty (follow the system): what the person chose, or, signed out, this browser's cookie."""
    chosen = user.theme if user else request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in {"light", "dark"} else ""


def latest_seal() -> dict[str, object] | None:
    """Return the last checkpoint: size, root in hex, moment, number of its last event; when one was copied outside."""
    copied = Subquery(OutsideCopy.objects.values("at")[:1])
    row = Checkpoint.objects.order_by("-size").annotate(outside_at=copied).values("size", "root", "at", "outside_at")
    if (newest := row.first()) is None:
        return None
    return {**newest, "root": bytes(newest["root"]).hex(), "last": newest["size"] - 1}


def _waiting(actor: Actor) -> QuerySet[ApprovalRequest]:
    asked = ApprovalRequest.objects
    return asked.waiting_for(actor) if actor.holds(Permission.REQUEST_DECIDE) else used.left(asked.usable_by(actor))


def _section(label: str, href: str, path: str, waiting: int) -> dict[str, object]:
    return {
        "label": label,
        "href": href,
        "count": waiting if label == "Approvals" else 0,
        "current": any(path == own or path.startswith(own + "/") for own in (href, *ALSO.get(href, ()))),
    }

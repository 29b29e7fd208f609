"""The page behind the bell."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.preferences import preferences_of
from core import clock
from core.refusals import Invalid
from web.actors import actor_of
from web.pages import notices
from web.pages.forms import posted


@never_cache
@require_GET
def notifications(request: HttpRequest) -> HttpResponse:
    """List what needs the person or concerns her, newest first."""
    actor = actor_of(request)
    found = notices.notices(actor)
    context = {
        "notices": found,
        "unread_here": sum(notice.unread for notice in found),
        "until": clock.iso(clock.now()),
        "days": notices.NEWS_DAYS,
        "most": preferences_of(actor.user).rows,
    }
    return render(request, "account/notifications.html", context)


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark as read what was on the page when it was shown."""
    try:
        until = clock.told(posted(request, "until"))
        notices.mark_read(actor_of(request).person, until=until)
    except (ValueError, TypeError) as why:
        raise Invalid("Reload the page and mark it again.", field="until") from why
    return HttpResponseRedirect("/notifications")

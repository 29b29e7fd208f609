"""Bounds what a form may send before any of it is read."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from core.refusals import TooLarge

View = Callable[..., HttpResponse]
FIELDS = 64 * 2**10  # bytes of a form beside its file


def at_most(most_bytes: int) -> Callable[[View], View]:
    """Refuse a form whose file is over so many bytes, unread; the check of its token, which reads it, comes after."""

    def bounded(view: View) -> View:
        checked = csrf_protect(view)

        @csrf_exempt
        @wraps(view)
        def sized(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
            if int(request.META.get("CONTENT_LENGTH") or 0) > most_bytes + FIELDS:
                raise TooLarge(f"The file is over {most_bytes // 2**20} MiB.", next_step="Send it in parts.")
            return checked(request, *args, **more)

        return sized

    return bounded

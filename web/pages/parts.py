"""Parts of pages that are asked for again and again."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response


def unchanged(request: HttpRequest, answer: HttpResponse) -> HttpResponseBase:
    """Return `answer`, or 304 where the asker has it already. A cached part must hold no htmx attribute."""
    etag = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return get_conditional_response(request, etag=etag, response=answer) or answer

"""Files in and out, in pieces of constant size, whichever face they come and go by."""

import mimetypes
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotModified, JsonResponse, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.utils.http import content_disposition_header

from core.refusals import Invalid, LengthRequired, NotFound
from registry import artifacts, blobs
from registry.listed_files import FileLine
from registry.models import Blob

BYTE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
TEXT = frozenset(
    {"", ".txt", ".log", ".yaml", ".yml", ".json", ".cfg", ".py", ".md", ".csv", ".html", ".htm", ".svg", ".xml", ".js"}
)
TEXT_NAMES = frozenset({"MLmodel", "MLproject"})
DRAIN_MAX = 256 * 1024 * 1024
Held = Blob | FileLine


def announced(request: HttpRequest) -> int:
    """Return Content-Length, 0 where it is not said: there is no body then."""
    text = request.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and not _in_chunks(request) else 0  # noqa: PLR2004


def _in_chunks(request: HttpRequest) -> bool:
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def chunks(request: HttpRequest, *, over: artifacts.Place | None = None) -> Iterator[bytes]:
    """Yield the body, up to Content-Length; refuse bytes in chunks, and none in chunks `over` a file that has some.

    The web server ends a body in chunks that is cut as it ends a whole one. MLflow's client sends an empty file so.
    """
    if _in_chunks(request) and (request.META["wsgi.input"].read(1) or (over and artifacts.holds_bytes(over))):
        raise LengthRequired("An upload says its Content-Length.", next_step="Send the file with its length.")
    try:
        while chunk := request.read(blobs.CHUNK):
            yield chunk
    except UnreadablePostError as why:
        raise Invalid("The upload was cut off.", next_step="Send it again.") from why


def drain(request: HttpRequest) -> None:
    """Read what the client is still sending: one that is cut off in mid-body never sees the answer, and tries again."""
    source, left = request.META["wsgi.input"] if _in_chunks(request) else request, DRAIN_MAX
    with suppress(UnreadablePostError):
        while left > 0 and (chunk := source.read(blobs.CHUNK)):
            left -= len(chunk)


def send(request: HttpRequest, blob: Held, path: str) -> HttpResponseBase:
    """Answer with a file to be saved under the last name of `path`, or with the part of it that Range asks for."""
    etag = f'"{blob.sha256}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    span = _span(request, blob, etag)
    if span is None:
        return _unsatisfiable(blob)
    start, length, status = span
    body = _begun(blobs.read_blob(blob.sha256, start, length), path)
    response = StreamingHttpResponse(body, status=status, content_type=content_type(path))
    if status == 206:  # noqa: PLR2004 - HTTP
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{blob.size}"
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = content_disposition_header(True, posixpath.basename(path)) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    return response


def _begun(chunks: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Return the bytes with the first of them read: what the store refuses is told before a status is sent.

    Raises NotFound where the bytes are gone from it, StoreDown and StoreFull.
    """
    try:
        first = next(chunks, b"")
    except FileNotFoundError as why:
        raise NotFound(
            f"The bytes of {posixpath.basename(path)} are gone from the store of files.", next_step="Ask an operator."
        ) from why

    def rest() -> Iterator[bytes]:
        yield first
        yield from chunks

    return rest()


def _span(request: HttpRequest, blob: Held, etag: str) -> tuple[int, int, int] | None:
    """Return start, length and status; None where the range lies outside. A header we do not read means the whole."""
    asked = BYTE_RANGE.match(request.headers.get("Range", ""))
    if asked is None or asked[0] == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return 0, blob.size, 200
    if asked[1]:
        start, end = int(asked[1]), int(asked[2] or blob.size)
        if asked[2] and end < start:
            return 0, blob.size, 200
    else:
        start, end = max(0, blob.size - int(asked[2])), blob.size
    end = min(end, blob.size - 1)
    return (start, end - start + 1, 206) if start <= end else None


def _unsatisfiable(blob: Held) -> JsonResponse:
    body = {"error_code": "BAD_REQUEST", "message": f"The file has {blob.size} bytes; the range lies outside."}
    return JsonResponse(body, status=416, headers={"Content-Range": f"bytes */{blob.size}"})


def content_type(path: str) -> str:
    """Return the type by name; what a browser would render goes out as plain text."""
    name = posixpath.basename(path)
    ending = posixpath.splitext(name)[1].lower()
    if name in TEXT_NAMES or (ending in TEXT and ending):
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"

"""mlflow-artifacts/*: files in and out, streamed in pieces of 1 MiB, and listings."""

import mimetypes
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.request import UnreadablePostError
from django.utils.http import content_disposition_header

from core.refusals import Invalid, LengthRequired, NotFound, Refusal
from registry import artifacts, blobs
from registry.access import named_version
from registry.listed_files import FileLine
from registry.runs import find_run
from web.mlflow.fields import missing
from web.mlflow.model_versions import number_of
from web.mlflow.render import shape
from web.mlflow.wire import Call, Json

BYTE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
TEXT = frozenset(
    {"", ".txt", ".log", ".yaml", ".yml", ".json", ".cfg", ".py", ".md", ".csv", ".html", ".htm", ".svg", ".xml", ".js"}
)
TEXT_NAMES = frozenset({"MLmodel", "MLproject"})
DRAIN_MAX = 256 * 1024 * 1024


def put(call: Call) -> HttpResponse:
    """Store the body at the path."""
    request, place = call.request, artifacts.parse_place(call.fields.need("path"))
    try:
        artifacts.put_file(place, chunks(request, over=place), actor=call.actor, expected=announced(request))
    except Refusal:
        drain(request)
        raise
    return HttpResponse(status=200)


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


def get(call: Call) -> HttpResponseBase:
    """Return a file, or the part of it that Range asks for."""
    return _file(call, call.fields.need("path"))


def get_of_run(call: Call) -> HttpResponseBase:
    """Return a file of a run."""
    path, run_id = call.fields.need("path"), call.fields.text("run_id") or call.fields.text("run_uuid")
    if not run_id:
        raise missing("run_id")
    return _file(call, f"{artifacts.run_root(find_run(run_id, actor=call.actor))}/{path}")


def get_of_version(call: Call) -> HttpResponseBase:
    """Return a file of a registered version, as it was frozen."""
    path = call.fields.need("path")
    version = named_version(call.fields.need("name"), number_of(call.fields), actor=call.actor)
    if not version.verified:
        raise NotFound(f"The files of {version} are not here but at {artifacts.version_uri(version)}.")
    root = artifacts.version_uri(version).partition(":/")[2]
    return _file(call, f"{root}/{path}")


def _file(call: Call, path: str) -> HttpResponseBase:
    file = artifacts.find_file(artifacts.parse_place(path), actor=call.actor)
    etag = f'"{file.sha256}"'
    if call.request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    span = _span(call.request, file, etag)
    if span is None:
        return _unsatisfiable(file)
    start, length, status = span
    body = _begun(blobs.read_blob(file.sha256, start, length), path)
    response = StreamingHttpResponse(body, status=status, content_type=content_type(path))
    if status == 206:  # noqa: PLR2004 - HTTP
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{file.size}"
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


def _span(request: HttpRequest, file: FileLine, etag: str) -> tuple[int, int, int] | None:
    """Return start, length and status; None where the range lies outside. A header we do not read means the whole."""
    asked = BYTE_RANGE.match(request.headers.get("Range", ""))
    if asked is None or asked[0] == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return 0, file.size, 200
    if asked[1]:
        start, end = int(asked[1]), int(asked[2] or file.size)
        if asked[2] and end < start:
            return 0, file.size, 200
    else:
        start, end = max(0, file.size - int(asked[2])), file.size
    end = min(end, file.size - 1)
    return (start, end - start + 1, 206) if start <= end else None


def _unsatisfiable(file: FileLine) -> JsonResponse:
    body = {"error_code": "BAD_REQUEST", "message": f"The file has {file.size} bytes; the range lies outside."}
    return JsonResponse(body, status=416, headers={"Content-Range": f"bytes */{file.size}"})


def content_type(path: str) -> str:
    """Return the type by name; what a browser would render goes out as plain text."""
    name = posixpath.basename(path)
    ending = posixpath.splitext(name)[1].lower()
    if name in TEXT_NAMES or (ending in TEXT and ending):
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def delete(call: Call) -> Json:
    """Remove a file or folder; an absent one is no error."""
    artifacts.delete_files(artifacts.parse_place(call.fields.need("path")), actor=call.actor)
    return {}


def list_proxied(call: Call) -> Json:
    """List a folder; paths are relative to it."""
    place = artifacts.parse_place(call.fields.text("path"))
    return shape(files=_files(artifacts.list_files(place, actor=call.actor), ""))


def list_run(call: Call) -> Json:
    """List a folder of a run's artifacts; paths are relative to the run's root."""
    run_id = call.fields.text("run_id") or call.fields.text("run_uuid")
    if not run_id:
        raise missing("run_id")
    return listed(call, artifacts.run_root(find_run(run_id, actor=call.actor)), call.fields.text("path"))


def listed(call: Call, root: str, path: str) -> Json:
    """List the folder `path` below `root`, with paths relative to `root`."""
    place = artifacts.parse_place(f"{root}/{path}".rstrip("/"))
    prefix = f"{place.path}/" if place.path else ""
    files = _files(artifacts.list_files(place, actor=call.actor), prefix)
    return shape(root_uri=f"mlflow-artifacts:/{root}", files=files)


def _files(entries: list[artifacts.Entry], prefix: str) -> list[Json]:
    return [
        shape(path=prefix + one.path, is_dir=one.is_dir, file_size=None if one.is_dir else one.size) for one in entries
    ]


def presigned(call: Call) -> JsonResponse:
    """501: the client reads through this server instead."""
    del call
    return _not_implemented("Presigned download is not supported; read the file from this server.")


def _not_implemented(message: str) -> JsonResponse:
    return JsonResponse({"error_code": "NOT_IMPLEMENTED", "message": message}, status=501)

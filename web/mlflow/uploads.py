"""mlflow-artifacts/mpu/*: large files in parts. Each part goes to a signed address that lives for three hours."""

import posixpath
from datetime import timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from core.refusals import Invalid, NotFound, Refusal
from registry import uploads
from registry.artifacts import Place, parse_place, require_file
from web.errors import mlflow_response
from web.files import announced, chunks, drain
from web.mlflow.fields import missing
from web.mlflow.wire import Call, Json

PART_ROUTE = "parts/<str:signed>"
SALT = "signoff.upload.part"
LIFE = timedelta(hours=3)


def create(call: Call) -> Json:
    """Begin an upload in parts and return an address for each."""
    said = call.fields.whole("num_parts")
    parts = 1 if said is None else said
    upload = uploads.begin_upload(_place(call), parts=parts, actor=call.actor)
    base = call.request.path.partition("mpu/create/")[0]
    credentials = [
        {"url": call.request.build_absolute_uri(f"{base}parts/{_signed(upload.pk, number)}"), "part_number": number}
        for number in range(1, parts + 1)
    ]
    return {"upload_id": str(upload.pk), "credentials": [{**one, "headers": {}} for one in credentials]}


def complete(call: Call) -> Json:
    """Join the parts: the file is there, whole."""
    place = _place(call)
    require_file(place, call.actor)
    said = call.fields.said.get("parts")
    if not isinstance(said, list) or not said:
        raise missing("parts")
    sent = [_sent(one) for one in said]
    uploads.complete_upload(call.fields.need("upload_id"), place, sent, actor=call.actor)
    return {}


def abort(call: Call) -> Json:
    """Forget an upload and its parts."""
    uploads.abort_upload(call.fields.need("upload_id"), _place(call), actor=call.actor)
    return {}


@csrf_exempt
def part(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Take one part. The address is its own credential: clients send no other here."""
    if request.method != "PUT":
        body = {"error_code": "BAD_REQUEST", "message": "A part is sent by PUT."}
        return JsonResponse(body, status=405, headers={"Allow": "PUT"})
    try:
        upload_id, number = _read(signed)
        digest = uploads.put_part(upload_id, number, chunks(request), expected=announced(request))
    except Refusal as why:
        drain(request)
        return mlflow_response(request, why)
    return HttpResponse(status=200, headers={"ETag": f'"{digest}"'})


part.methods = frozenset({"PUT"})  # type: ignore[attr-defined]  # the access matrix reads it


def _place(call: Call) -> Place:
    """Return the file's place: the folder is in the address, the name is the end of the client's own path."""
    name = posixpath.basename(call.fields.need("path").replace("\\", "/"))
    if not name:
        raise Invalid("Invalid path: it ends in no file's name.", field="path")
    return parse_place(f"{call.fields.need('folder').rstrip('/')}/{name}")


def _signed(upload_id: object, number: int) -> str:
    return signing.dumps([str(upload_id), number], salt=SALT)


def _read(signed: str) -> tuple[str, int]:
    try:
        upload_id, number = signing.loads(signed, salt=SALT, max_age=LIFE)
    except signing.SignatureExpired as why:
        raise NotFound("The address of this part has expired.", next_step="Send the file again.") from why
    except signing.BadSignature as why:
        raise NotFound("There is no such upload.") from why
    return str(upload_id), int(number)


def _sent(one: Any) -> uploads.Sent:
    number, tag = (one.get("part_number"), one.get("etag")) if isinstance(one, dict) else (None, None)
    if not isinstance(number, int) or not isinstance(tag, str):
        raise Invalid("Each of 'parts' has a part_number and an etag.", field="parts")
    return uploads.Sent(number, tag.strip('"'))

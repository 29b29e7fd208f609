"""mlflow-artifacts/*: files in and out, streamed in pieces of 1 MiB, and listings."""

from django.http import HttpResponse, HttpResponseBase, JsonResponse

from core.refusals import NotFound, Refusal
from registry import artifacts
from registry.access import named_version
from registry.runs import find_run
from web import files
from web.mlflow.fields import missing
from web.mlflow.model_versions import number_of
from web.mlflow.render import shape
from web.mlflow.wire import Call, Json


def put(call: Call) -> HttpResponse:
    """Store the body at the path."""
    request, place = call.request, artifacts.parse_place(call.fields.need("path"))
    try:
        artifacts.put_file(
            place, files.chunks(request, over=place), actor=call.actor, expected=files.announced(request)
        )
    except Refusal:
        files.drain(request)
        raise
    return HttpResponse(status=200)


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
    return files.send(call.request, artifacts.find_file(artifacts.parse_place(path), actor=call.actor), path)


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

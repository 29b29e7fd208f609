"""Copies the files of a run or logged model, one stream at a time; what is here already is not fetched again."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from core.refusals import Conflict, Invalid
from registry import artifacts
from registry.imports.job import Job
from registry.imports.report import Difference
from registry.imports.source import Json, Source
from registry.models import StoredFile

PROXY = "api/2.0/mlflow-artifacts/artifacts"
API = "api/2.0/mlflow"
DEPTH_MAX = 50


@dataclass(frozen=True)
class File:
    """A file there: its path below the folder, and its size where the server tells."""

    path: str
    size: int | None


@dataclass(frozen=True)
class Folder:
    """The artifacts of a run (`run_id`) or logged model (`model_id`), at `uri`."""

    source: Source
    uri: str
    run_id: str = ""
    model_id: str = ""

    def files(self, path: str = "", depth: int = 0) -> Iterator[File]:
        """Yield every file below `path`."""
        if depth > DEPTH_MAX:
            raise Invalid(f"The folders of {self.uri} are nested over {DEPTH_MAX} deep.")
        for one in self._listed(path):
            found = str(one["path"])
            whole = f"{path}/{found}".lstrip("/") if self._proxied else found
            if one.get("is_dir"):
                yield from self.files(whole, depth + 1)
            else:
                yield File(whole, int(one["file_size"]) if one.get("file_size") is not None else None)

    def read(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        if self._proxied:
            return self.source.stream(f"{PROXY}/{self._root}/{path}")
        if self.run_id:
            return self.source.stream("get-artifact", run_id=self.run_id, path=path)
        place = f"ajax-api/2.0/mlflow/logged-models/{self.model_id}/artifacts/files"
        return self.source.stream(place, artifact_file_path=path)

    @property
    def _proxied(self) -> bool:
        return urlsplit(self.uri).scheme == "mlflow-artifacts"

    @property
    def _root(self) -> str:
        place = urlsplit(self.uri)
        if place.netloc and place.netloc != self.source.place:
            raise Conflict(f"The files are on another server: {self.uri}.")
        return unquote(place.path).strip("/")

    def _listed(self, path: str) -> Iterator[Json]:
        if self._proxied:
            where = f"{self._root}/{path}".rstrip("/")
            return iter(self.source.get(PROXY, path=where).get("files") or ())
        if self.run_id:
            return self.source.pages("files", f"{API}/artifacts/list", run_id=self.run_id, path=path)
        place = f"{API}/logged-models/{self.model_id}/artifacts/directories"
        return self.source.pages("files", place, artifact_directory_path=path)


def copy(job: Job, folder: Folder, root: str) -> None:
    """Put every file of `folder` that is not here below `root`."""
    held = _held(root)
    for file in folder.files():
        if held.get(file.path, -1) == file.size:
            continue
        place = artifacts.parse_place(f"{root}/{file.path}")
        artifacts.put_file(place, _counted(job, folder.read(file.path)), actor=job.actor, expected=file.size)
        job.report.added["file"] += 1


def compare(job: Job, folder: Folder, root: str, name: str) -> None:
    """Report files that are on one side only or differ in size."""
    held, there = _held(root), {file.path: file.size for file in folder.files()}
    for path in sorted(held.keys() | there.keys()):
        far, near = there.get(path, -1), held.get(path, -1)
        if far != near and far is not None:
            values = [None if size == -1 else f"{size} bytes" for size in (far, near)]
            job.report.differences.append(Difference("file", f"{name}/{path}", "size", "there", *values))


def _held(root: str) -> dict[str, int]:
    return dict(StoredFile.objects.filter(root=root).values_list("path", "blob__size"))


def _counted(job: Job, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        job.report.bytes_copied += len(chunk)
        yield chunk

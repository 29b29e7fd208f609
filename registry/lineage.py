"""Where a version is from: commit, run, parameters, data, environment, parents, files."""

import re
from dataclasses import dataclass

from registry import evidence
from registry.cards import Card
from registry.models import ModelVersion

COPY = re.compile(r"models:/([^/]+)/(\d+)\Z")
REPOSITORY = re.compile(r"https://[\w./~-]+\Z")  # only what may stand in a link
HEX = re.compile(r"[0-9a-f]{7,64}\Z")


@dataclass(frozen=True)
class Step:
    """One thing the version is from. `kind` and `key` say what it is here, where it is here at all."""

    label: str
    text: str
    digest: str = ""
    kind: str = ""
    key: str = ""
    version: int = 0


def steps(version: ModelVersion, card: Card) -> list[Step]:
    """Return where the version is from, in the order in which it came to be; what nobody logged is left out."""
    said = evidence.read(version)
    tags = {name: str(value) for name, value in said["tags"].items()}
    return [
        *_code(tags),
        *(Step("data", name, digest if HEX.match(digest) else "", "", "") for name, digest in card.datasets),
        *(Step("parent model", model) for model in card.models),
        *_parents(version, tags),
        *_run(version, tags, params=len(said["params"])),
        *_files(version),
        Step("version", str(version)),
    ]


def _code(tags: dict[str, str]) -> list[Step]:
    commit, place = tags.get("mlflow.source.git.commit", ""), tags.get("mlflow.source.git.repoURL", "")
    branch = tags.get("mlflow.source.git.branch", "")
    found = []
    if commit:
        where = f"{commit[:12]} ({branch})" if branch else commit[:12]
        found.append(Step("commit", where, commit if HEX.match(commit) else ""))
    if place:
        found.append(Step("repository", place, kind="address" if REPOSITORY.match(place) else "", key=place))
    if script := tags.get("mlflow.source.name"):
        found.append(Step("script", script[:200]))
    return found


def _parents(version: ModelVersion, tags: dict[str, str]) -> list[Step]:
    """A copy has the version it was made of; a nested run the run around it."""
    found = []
    if run := tags.get("mlflow.parentRunId"):
        found.append(Step("parent run", run[:8], kind="run", key=run))
    if copied := COPY.match(version.source):
        found.append(Step("copied from", f"{copied[1]} version {copied[2]}", "", "version", copied[1], int(copied[2])))
    return found


def _run(version: ModelVersion, tags: dict[str, str], *, params: int) -> list[Step]:
    found = []
    if version.run_id:
        found.append(Step("run", tags.get("mlflow.runName") or version.run_id[:8], kind="run", key=version.run_id))
    if params:
        found.append(Step("parameters", f"{params} logged before registration"))
    if version.logged_model_id:
        found.append(Step("logged model", version.logged_model_id))
    return found


def _files(version: ModelVersion) -> list[Step]:
    found = []
    if version.manifest:
        found.append(Step("frozen files", "manifest", version.manifest.digest))
    if lock := version.environment.get("lock"):
        found.append(Step("environment lock", f"Python {version.environment.get('python') or 'unknown'}", str(lock)))
    return found

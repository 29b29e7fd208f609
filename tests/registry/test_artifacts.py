import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import Actor
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from registry import (
    artifacts,
    blobs,
    comparison,
    examining,
    listed_files,
    manifests,
    registered,
    sources,
    versions,
)
from registry.artifacts import parse_place, run_root
from registry.collection import collect
from registry.models import Blob, Manifest, ManifestFile, ModelVersion, Run, VersionFact
from tests.factories import MLMODEL, make_model, make_run, make_version, put

ODD = [
    "../x",
    "0/../x",
    "/etc/passwd",
    "0/%2e%2e/x",
    "0/%252e%252e/x",
    "C:/x",
    "0\\..\\x",
    "0/x/..",
    "a//b",
    "a/\x00b",
    "./a",
    "0/.",
    "",
]


@pytest.mark.parametrize("path", ODD)
def test_a_path_that_climbs_is_refused(path: str) -> None:
    if path == "":
        assert parse_place("").whole == ""
        return
    with pytest.raises(Invalid, match="Invalid path"):
        parse_place(path)


PIECES = [
    "..",
    ".",
    "/",
    "\\",
    "%2e",
    "%2E",
    "%252e",
    "%2f",
    "%5c",
    "%00",
    "\0",
    "0",
    "a",
    "models",
    "C:",
    "~",
    " ",
    "é",
]
climbing = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@given(climbing)
def test_no_text_ever_becomes_a_path_outside(text: str) -> None:
    try:
        place = parse_place(text)
    except Invalid:
        return
    assert parse_place(place.whole) == place
    for read in (place.whole, unquote(place.whole), unquote(unquote(place.whole))):
        assert not read.startswith("/")
        assert not {"..", "."} & set(re.split(r"[/\\]", read))
        assert "\0" not in read


HEADS = [
    "",
    "runs:/",
    "runs:/{run}/",
    "models:/",
    "models:/Scene/",
    "mlflow-artifacts:/",
    "mlflow-artifacts:/{root}/",
    "s3://b/",
    "file:",
]


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(head=st.sampled_from(HEADS), rest=climbing)
def test_no_source_ever_leads_outside(dana: Actor, head: str, rest: str) -> None:
    """Either it is refused in words, or it is one of ours, or it is kept as a word without bytes."""
    run = Run.objects.first() or make_run(dana)
    root = run_root(run)
    source = head.format(run=run.run_id, root=root) + rest
    try:
        found = sources.resolve(source, run_id=run.run_id, model_id="", actor=dana)
    except (Invalid, NotFound):
        return
    read = unquote(unquote(found.source))
    assert ".." not in re.split(r"[/\\]", read)
    assert "\0" not in read
    assert urlsplit(found.source).scheme in {"runs", "models", "mlflow-artifacts", "s3"}
    if found.place and found.place.root != root:
        assert found.place.whole == parse_place(found.place.whole).whole


@pytest.mark.django_db
def test_a_file_comes_back_as_it_was_put_and_is_replaced(dana: Actor) -> None:
    run = make_run(dana)
    place = parse_place(f"{artifacts.run_root(run)}/notes/a b.txt")
    for body in (b"first", b"second"):
        artifacts.put_file(place, [body], actor=dana, expected=len(body))
        assert b"".join(blobs.read_blob(artifacts.find_file(place, actor=dana).sha256)) == body


@pytest.mark.django_db
def test_a_cut_off_upload_keeps_what_was_there(dana: Actor) -> None:
    run = make_run(dana)
    place = parse_place(f"{artifacts.run_root(run)}/model/MLmodel")
    before = artifacts.find_file(place, actor=dana)
    with pytest.raises(Invalid, match="cut off"):
        artifacts.put_file(place, [b"half"], actor=dana, expected=100)
    assert artifacts.find_file(place, actor=dana) == before


@pytest.mark.django_db
def test_of_two_uploads_to_one_path_at_once_one_stands_whole(dana: Actor) -> None:
    place = parse_place(f"{artifacts.run_root(make_run(dana))}/data.bin")

    def slow() -> Iterator[bytes]:
        yield b"1" * 10
        artifacts.put_file(place, [b"2" * 30], actor=dana)
        assert b"".join(blobs.read_blob(artifacts.find_file(place, actor=dana).sha256)) == b"2" * 30
        yield b"1" * 10

    artifacts.put_file(place, slow(), actor=dana)
    assert b"".join(blobs.read_blob(artifacts.find_file(place, actor=dana).sha256)) == b"1" * 20


@pytest.mark.django_db
def test_files_of_a_registered_version_are_frozen(dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    place = parse_place(f"{version.frozen_root}/model/MLmodel")
    with pytest.raises(Denied, match="frozen"):
        artifacts.put_file(place, [b"other"], actor=dana)
    for path in ("model/MLmodel", "model", ""):
        with pytest.raises(Denied, match="frozen"):
            artifacts.delete_files(parse_place(f"{version.frozen_root}/{path}".rstrip("/")), actor=dana)
    beside = parse_place(f"{version.frozen_root}/plots/roc.png")
    artifacts.put_file(beside, [b"png"], actor=dana)


@pytest.mark.django_db
def test_a_registered_version_is_read_from_its_manifest_and_never_written(dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    root = artifacts.version_uri(version).removeprefix("mlflow-artifacts:/")
    assert [entry.path for entry in artifacts.list_files(parse_place(root), actor=eli)] == [
        "MLmodel",
        "model.skops",
        "requirements.txt",
    ]
    assert artifacts.find_file(parse_place(f"{root}/MLmodel"), actor=eli).size
    with pytest.raises(Denied, match="frozen"):
        artifacts.put_file(parse_place(f"{root}/MLmodel"), [b"x"], actor=dana)
    with pytest.raises(NotFound):
        artifacts.find_file(parse_place(f"{root}/absent"), actor=eli)


@pytest.mark.django_db
def test_a_registered_version_is_read_as_signed_whatever_the_rows_beside_it_say(dana: Actor, eli: Actor) -> None:
    version = make_version(make_model(dana), dana)
    root = artifacts.version_uri(version).removeprefix("mlflow-artifacts:/")
    signed = artifacts.find_file(parse_place(f"{root}/model.skops"), actor=eli)
    other = Blob.objects.exclude(pk=signed.sha256).first()
    ManifestFile.objects.filter(path="model.skops").update(blob=other)
    ManifestFile.objects.filter(path="MLmodel").update(path="gone")
    assert artifacts.find_file(parse_place(f"{root}/model.skops"), actor=eli) == signed
    assert "MLmodel" in {entry.path for entry in artifacts.list_files(parse_place(root), actor=eli)}
    Manifest.objects.update(body=b'{"files": []}')
    with pytest.raises(Conflict, match="not the one its digest names"):
        artifacts.find_file(parse_place(f"{root}/model.skops"), actor=eli)
    with pytest.raises(Conflict, match="not the one its digest names"):
        versions.register_version(
            make_model(eli, "copy"), versions.Registration(source="models:/Fraud-Detection/1"), actor=eli
        )


@pytest.mark.django_db
def test_nobody_writes_into_somebody_elses_run(dana: Actor, people: dict[str, Actor]) -> None:
    run = make_run(dana)
    for name in ("rita", "aude", "olga", "otto"):
        with pytest.raises(Denied):
            put(run, "x", b"x", people[name])


@pytest.mark.django_db
def test_files_of_a_restricted_model_are_kept_from_others(dana: Actor, eli: Actor, aude: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    registered.update_model(model, actor=dana, restricted=True)
    places = [parse_place(f"{version.frozen_root}/model/MLmodel"), parse_place(f"versions/{model.uuid}/1/MLmodel")]
    for place in places:
        assert artifacts.find_file(place, actor=dana).size
        assert artifacts.find_file(place, actor=aude).size
        with pytest.raises(NotFound):
            artifacts.find_file(place, actor=eli)


@pytest.mark.django_db
def test_a_restricted_models_run_is_no_source_for_somebody_else(dana: Actor, eli: Actor) -> None:
    model = make_model(dana)
    version = make_version(model, dana)
    registered.update_model(model, actor=dana, restricted=True)
    mine = make_model(eli, "mine")
    with pytest.raises(NotFound):
        versions.register_version(mine, versions.Registration(source=f"runs:/{version.run_id}/model"), actor=eli)


@pytest.mark.django_db
def test_the_same_files_have_the_same_digest_and_damage_is_found(dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    copy = versions.register_version(
        version.model, versions.Registration(source="models:/Fraud-Detection/1"), actor=dana
    )
    assert copy.manifest == version.manifest
    assert copy.version == 2
    assert version.manifest is not None
    assert manifests.damaged_files(version.manifest) == []
    victim = blobs.blob_path(listed_files.files_of(version.manifest)[1].sha256)
    victim.chmod(0o600)
    victim.write_bytes(b"tampered")
    assert manifests.damaged_files(version.manifest) == ["model.skops"]


def test_bytes_over_the_limit_are_refused_and_nothing_stays(settings: object) -> None:
    settings.MAX_UPLOAD_BYTES = 10  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="over 0 MiB"):
        blobs.write_blob([b"x" * 6, b"x" * 6])
    assert not list((settings.HOME / "blobs" / "drafts").glob("*"))  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_what_nothing_refers_to_is_collected_after_its_grace(dana: Actor) -> None:
    run = make_run(dana)
    put(run, "scratch.bin", b"only here", dana)
    artifacts.delete_files(parse_place(f"{artifacts.run_root(run)}/scratch.bin"), actor=dana)
    assert collect() == 0
    Blob.objects.update(created_at=clock.now() - timedelta(days=2))
    assert collect() == 1
    assert artifacts.find_file(parse_place(f"{artifacts.run_root(run)}/model/MLmodel"), actor=dana).size


@pytest.mark.django_db
def test_a_list_of_files_that_is_not_the_signed_one_compares_with_nothing_and_hinders_no_other(dana: Actor) -> None:
    first = make_version(make_model(dana), dana)
    other = make_version(first.model, dana, mlmodel=f"{MLMODEL}\n# another\n")
    assert first.manifest
    Manifest.objects.filter(pk=first.manifest.pk).update(body=b'{"files": []}')
    with pytest.raises(Conflict, match="not the one its digest names"):
        comparison.digests(ModelVersion.objects.get(pk=first.pk))
    examining.examine_pending()
    assert VersionFact.objects.filter(version=other).count() == 2
    assert not VersionFact.objects.filter(version=first).exists()


@pytest.mark.django_db
def test_a_prompt_stands_for_itself_however_its_mark_is_written(dana: Actor) -> None:
    model = make_model(dana, "prompt")
    tags = {"mlflow.prompt.is_prompt": "True", "mlflow.prompt.text": "Say {{ it }}"}
    made = versions.register_version(model, versions.Registration(source="prompt-template", tags=tags), actor=dana)
    assert made.source == "prompt-template"
    with pytest.raises(Invalid, match="must use an MLflow placeholder"):
        versions.register_version(model, versions.Registration(source="s3://bucket/x", tags=tags), actor=dana)

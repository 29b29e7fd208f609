"""Files that an endpoint scores: who may ask, what is pinned, what stops a job, and what is left of it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from deployments import feed, rights, rollouts
from deployments.batch import desk, jobs
from deployments.batch.desk import Desk
from deployments.batch.jobs import Wish
from deployments.models import BatchJob, Endpoint
from deployments.states import BatchState
from monitoring.models import Prediction
from registry import blobs, collection
from registry.models import Blob
from registry.stores.s3 import Bucket
from serving.contract import BatchOrder, BatchSeen, dump, load
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, run
from tests.deployments.test_real_plane import held_version
from tests.factories import count_feature, make_run, put
from tests.serving.rig import Home, save_onnx
from tests.serving.scoring import parquet
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
LINES = b"amount\n1\n2\n"
PARQUET = Wish()


class Played(Desk):
    """A desk whose processes are played by a sleeper, and say what the test lets them."""

    def _start(self, job: BatchJob) -> None:
        self._fetch(job)
        dump(self.layout.batch_order(desk.name_of(job)), desk.order_of(job))
        self.working[job.pk] = subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE)

    def says(self, job: BatchJob, state: Any, *, ends: int | None = None, **more: Any) -> None:
        job.refresh_from_db()
        known: dict[str, Any] = {
            "why": "", "rows_read": 0, "rows_scored": 0, "rows_rejected": 0, "share": 0.0, "rows_s": 0.0,
            "isolation": "none", "at": time.time(), "kind": "csv",
        }  # fmt: skip
        name = desk.name_of(job)
        dump(self.layout.batch_seen(name), BatchSeen(name, job.fence, state, **{**known, **more}))
        if ends is not None:
            self.working[job.pk].kill()
            self.working[job.pk].wait()
            self.working[job.pk].returncode = ends


@pytest.fixture
def endpoint(staging: Endpoint, hands: Hands, dana: Actor, eli: Actor, settings: Any) -> Endpoint:
    """An endpoint that serves version 1."""
    settings.HOME = hands.layout.home
    installed(hands, staging, dana, eli, versions=1)
    return staging


@pytest.fixture
def played(endpoint: Endpoint) -> Any:
    made = Played()
    yield made
    made.close()


def events(job: BatchJob) -> list[dict[str, Any]]:
    rows = Event.objects.filter(object_kind="batch_job", object_id=str(job.pk)).order_by("id")
    return [json.loads(bytes(row.body)) for row in rows]


def ask(endpoint: Endpoint, actor: Actor, content: bytes = LINES, wish: Wish = PARQUET) -> BatchJob:
    return jobs.score_upload(endpoint, "july.csv", [content], wish, actor=actor)


def test_whoever_deploys_there_may_ask_and_the_version_that_serves_is_pinned(
    endpoint: Endpoint, played: Played, dana: Actor, eli: Actor
) -> None:
    with pytest.raises(Denied):
        ask(endpoint, dana)
    job = ask(endpoint, eli)
    assert (job.version.version, job.state) == (1, BatchState.QUEUED)
    assert job.digest == job.version.manifest.digest  # type: ignore[union-attr]
    played.turn()
    played.turn()
    order = load(played.layout.batch_order(desk.name_of(job)), BatchOrder)
    assert (order.desired.digest, order.desired.version, order.input) == (job.digest, "1", job.input_id)
    assert [event["action"] for event in events(job)] == ["batch.job.requested", "batch.job.started"]
    assert events(job)[0]["facts"]["input"] == job.input_id


def test_the_same_question_is_the_same_job_while_it_is_under_way(
    endpoint: Endpoint, played: Played, eli: Actor, olga: Actor
) -> None:
    job = ask(endpoint, eli)
    assert ask(endpoint, olga) == job
    assert ask(endpoint, eli, wish=Wish("csv")) != job
    assert ask(endpoint, eli, LINES + b"3\n") != job
    jobs.cancel(job, actor=eli)
    jobs.cancel(job, actor=eli, reason="twice")
    assert ask(endpoint, eli) != job
    assert [event["action"] for event in events(job)] == ["batch.job.requested", "batch.job.cancelled"]


def test_a_file_that_is_done_leaves_result_rejected_rows_and_a_manifest_that_the_ledger_names(
    endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    job = ask(endpoint, eli)
    played.turn()
    played.says(job, "scoring", rows_read=2, rows_scored=1, rows_rejected=1, share=0.5, rows_s=2.0)
    played.turn()
    job.refresh_from_db()
    assert (job.phase, job.rows_read, job.share, job.left_s) == ("scoring", 2, 0.5, 1.0)
    played.layout.batch_result(desk.name_of(job)).write_bytes(b"result")
    played.layout.batch_rejected(desk.name_of(job)).write_bytes(b"rejected")
    played.says(job, "done", ends=0, rows_read=4, rows_scored=3, rows_rejected=1, columns=("row", "score"))
    assert played.turn() == 0
    job = jobs.whole(job.pk)
    assert (job.state, job.rows_scored, job.share) == (BatchState.DONE, 3, 1.0)
    assert job.manifest
    said = json.loads(blobs.blob_bytes(job.manifest.sha256, 10_000))
    assert said["model"]["digest"] == job.digest
    assert said["input"]["sha256"] == job.input_id
    assert said["rows"] == {"read": 4, "scored": 3, "rejected": 1}
    assert said["files"]["result"]["sha256"] == job.result_id
    assert said["files"]["rejected"]["sha256"] == job.rejected_id
    finished = events(job)[-1]
    assert (finished["action"], finished["facts"]["manifest"]) == ("batch.job.finished", job.manifest_id)
    assert not played.layout.batch(desk.name_of(job)).exists()
    Blob.objects.update(created_at=clock.now() - 2 * collection.GRACE)
    collection.collect()
    assert all(blobs.length_of(str(sha256)) for sha256 in (job.input_id, job.result_id, job.manifest_id))


def test_a_version_that_is_withdrawn_meanwhile_stops_the_job_with_the_reason(
    endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    running, waiting = ask(endpoint, eli), ask(endpoint, eli, LINES + b"3\n")
    played.turn()
    assert running.pk in played.working
    rights.withdraw(rights.find_right(endpoint, 1), reason="leaks", actor=eli)
    for _ in range(3):
        played.turn()
    for job in (running, waiting):
        job.refresh_from_db()
        assert (job.state, "was withdrawn" in job.why) == (BatchState.FAILED, True)
    assert not played.working
    with pytest.raises(Conflict, match="serves nothing"):
        ask(endpoint, eli)


def test_files_that_changed_since_they_were_installed_score_nothing(
    endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    job = ask(endpoint, eli)
    file = job.version.manifest.files.first()  # type: ignore[union-attr]
    assert file
    path = blobs.blob_path(file.blob_id)
    path.chmod(0o600)
    path.write_bytes(b"other bytes")
    played.turn()
    job.refresh_from_db()
    assert (job.state, "not those that were installed" in job.why) == (BatchState.FAILED, True)


def test_a_job_whose_process_dies_is_begun_again_and_given_up_after_three_times_without_a_part(
    endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    job = ask(endpoint, eli)
    for rows in (0, 0, 5, 5, 5):
        played.turn()
        played.says(job, "scoring", ends=-9, rows_read=rows)
        played.turn()
    job.refresh_from_db()
    assert job.state == BatchState.FAILED
    assert "3 times without getting any further" in job.why


def test_a_desk_that_was_overtaken_writes_nothing_and_ends_its_process(
    endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    job = ask(endpoint, eli)
    played.turn()
    child = played.working[job.pk]
    BatchJob.objects.filter(pk=job.pk).update(lease_until=clock.now())
    other = Played("another/1/1")
    other.turn()
    job.refresh_from_db()
    assert (job.holder, job.fence) == ("another/1/1", 2)
    assert played.turn() == 0
    assert child.poll() is not None
    other.close()


def test_a_cancelled_job_ends_its_process_and_leaves_nothing(endpoint: Endpoint, played: Played, eli: Actor) -> None:
    job = ask(endpoint, eli)
    played.turn()
    child = played.working[job.pk]
    jobs.cancel(job, actor=eli, reason="wrong month")
    assert played.turn() == 0
    assert child.poll() is not None
    assert not played.layout.batch(desk.name_of(job)).exists()
    assert events(job)[-1]["comment"] == "wrong month"


def test_a_stored_file_is_found_by_its_run_or_its_address_and_others_are_refused(
    endpoint: Endpoint, dana: Actor, eli: Actor
) -> None:
    run = make_run(dana)
    put(run, "data/july.csv", LINES, dana)
    by_run = jobs.score_stored(endpoint, f"runs:/{run.run_id}/data/july.csv", PARQUET, actor=eli)
    assert by_run.input_name == "july.csv"
    address = f"mlflow-artifacts:/0/{run.run_id}/artifacts/data/july.csv"
    assert jobs.score_stored(endpoint, address, PARQUET, actor=eli) == by_run
    for source in ("runs:/" + "0" * 32 + "/x", f"runs:/{run.run_id}/none.csv"):
        with pytest.raises(NotFound):
            jobs.score_stored(endpoint, source, PARQUET, actor=eli)
    for source in ("s3://bucket/x", "file:///etc/passwd", f"runs:/{run.run_id}/../x"):
        with pytest.raises((Invalid, NotFound)):
            jobs.score_stored(endpoint, source, PARQUET, actor=eli)
    with pytest.raises(Invalid, match="empty"):
        ask(endpoint, eli, b"")


def test_a_file_in_a_bucket_is_brought_here_and_its_result_goes_there(
    bucket: Bucket, endpoint: Endpoint, played: Played, eli: Actor
) -> None:
    job = ask(endpoint, eli)
    played.turn()
    name = desk.name_of(job)
    assert played.layout.batch_input(name).read_bytes() == LINES
    assert not (played.layout.home / "blobs").exists()
    played.layout.batch_result(name).write_bytes(b"result")
    played.says(job, "done", ends=0, rows_read=2, rows_scored=2, columns=("row", "score"))
    played.turn()
    job = jobs.whole(job.pk)
    assert job.state == BatchState.DONE
    assert b"".join(bucket.read(str(job.result_id))) == b"result"


def test_a_file_is_scored_by_the_real_model_and_its_files_are_downloaded(
    staging: Endpoint,
    hands: Hands,
    tmp_path: Path,
    settings: Any,
    dana: Actor,
    eli: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    settings.HOME = hands.layout.home
    home = Home(hands.layout.home)
    save_onnx(tmp_path / "onnx")
    version = held_version(staging, tmp_path / "onnx", home, dana)
    run(hands, rollouts.start(version, staging, AT_ONCE, actor=eli))
    feed.publish_feature_policies()
    usual = count_feature(staging.name, "1", "f0", [place / 100 for place in range(500)], [1.0])
    rows = 600
    job = ask(staging, eli, parquet({name: [50.0 + place for place in range(rows)] for name in ("f0", "f1", "f2")}))
    working, until = Desk(), time.monotonic() + 60
    while job.state in {BatchState.QUEUED, BatchState.RUNNING} and time.monotonic() < until:
        working.turn()
        time.sleep(0.1)
        job.refresh_from_db()
    assert (job.state, job.why) == (BatchState.DONE, "")
    at = f"/api/v1/endpoints/{staging.name}/batch-jobs/{job.pk}"
    client = browser(dana)
    told = client.get(at).json()
    assert (told["state"], told["rows"]) == ("done", {"read": rows, "scored": rows, "rejected": 0})
    (tmp_path / "result").write_bytes(b"".join(client.get(f"{at}/result").streaming_content))  # type: ignore[attr-defined]
    assert pq.read_table(tmp_path / "result")["score"].to_pylist() == [0.5] * rows
    assert client.get(f"{at}/rejected").status_code == 404
    assert job.told["of"] == job.told["rows"] == rows  # a small file is told whole
    assert job.told["features"] == [{"name": "f0", "distance": 1.0, "signal": "value", "severity": "major"}]
    assert job.told["predictions"]["quantiles"]["50"] == 0.5
    assert sum(usual.hours.values_list("of", flat=True)) == 1 + rows
    row: Any = Prediction.objects.get(endpoint=staging.name, request_id=f"{job.uuid}-0-0")
    assert (row.routed, row.rows, row.prediction["of"], len(row.prediction["sampled"])) == (False, 50, 50, 50)
    page = client.get(f"/endpoints/{staging.name}/batch/{job.pk}").content.decode()
    assert "major" in page
    assert "half at most 0.5" in page
    home.publishing.clear()

"""Pages of files that an endpoint scores."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.actors import Actor
from deployments import endpoints
from deployments.batch import jobs
from deployments.models import BatchJob, BatchSchedule, Endpoint
from deployments.states import BatchState
from registry import artifacts
from registry.blobs import write_blob
from tests.deployments.hands import Hands
from tests.deployments.story import installed
from tests.factories import make_model, make_run, put
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
AT = "/endpoints/fraud/batch"


@pytest.fixture
def endpoint(hands: Hands, dana: Actor, eli: Actor, settings: Any) -> Endpoint:
    settings.HOME = hands.layout.home
    made = endpoints.create_endpoint("fraud", model=make_model(dana), environment="staging", actor=eli)
    installed(hands, made, dana, eli, versions=1)
    return made


def file(content: bytes = b"amount\n1\n") -> SimpleUploadedFile:
    return SimpleUploadedFile("july.csv", content)


def test_a_file_is_uploaded_followed_and_cancelled(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    client = browser(eli)
    assert "No file was scored here yet" in client.get(AT).content.decode()
    answer = client.post(AT, {"files": file(), "result": "csv"}, headers={"Accept": "application/json"})
    place = answer.json()["href"]
    job = BatchJob.objects.get()
    assert (place, job.result_kind, job.input_name) == (f"{AT}/{job.pk}", "csv", "july.csv")
    BatchJob.objects.update(state=BatchState.RUNNING, phase="scoring", share=0.25, rows_read=500, rows_s=100.0)
    page = client.get(place).content.decode()
    assert "25 % of the file, 100 rows a second, about 15 s left." in page
    live = client.get(f"{place}/live")
    assert client.get(f"{place}/live", headers={"If-None-Match": live["ETag"]}).status_code == 304
    assert "Cancel" in client.get(f"{place}/actions").content.decode()
    assert "Cancel" not in browser(dana).get(f"{place}/actions").content.decode()
    client.post(f"{place}/cancel")
    job.refresh_from_db()
    assert job.state == BatchState.CANCELLED
    assert "data-ended" in client.get(f"{place}/live").content.decode()


def test_what_is_wrong_with_a_form_is_told_at_its_field(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    client = browser(eli)
    wrong = client.post(AT, {"files": file(b"")}, headers={"Accept": "application/json"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "id_files")
    stored = client.post(AT, {"address": "s3://bucket/x"})
    assert (stored.status_code, "runs:/RUN/PATH or mlflow-artifacts:/PATH" in stored.content.decode()) == (400, True)
    never = client.post(f"{AT}/schedules", {"address": "runs:/a/b", "cron": "soon"})
    assert (never.status_code, "cron has minute, hour, day, month and weekday" in never.content.decode()) == (400, True)
    assert browser(dana).post(AT, {"files": file()}).status_code == 403
    assert "Upload and score" not in browser(dana).get(AT).content.decode()
    assert not BatchJob.objects.exists()


def test_a_stored_file_is_scored_now_and_again(endpoint: Endpoint, dana: Actor, eli: Actor) -> None:
    run, client = make_run(dana), browser(eli)
    put(run, "july.csv", b"amount\n1\n", dana)
    address = f"runs:/{run.run_id}/july.csv"
    client.post(AT, {"address": address})
    client.post(f"{AT}/schedules", {"address": address, "cron": "15 6 * * 1-5"})
    row = BatchSchedule.objects.get()
    assert "15 6 * * 1-5" in client.get(AT).content.decode()
    client.post(f"{AT}/schedules/{row.pk}/end")
    assert "15 6 * * 1-5</code>" not in client.get(AT).content.decode()
    assert BatchJob.objects.get().input_name == "july.csv"


def test_the_first_rejected_rows_are_shown_and_all_files_are_downloaded(endpoint: Endpoint, eli: Actor) -> None:
    job = jobs.score_upload(endpoint, "july.csv", [b"amount\n1\n"], jobs.Wish(), actor=eli)
    lines = "row,reason\r\n" + "".join(f'{row},"Column ""a"": <b>{row}</b>"\r\n' for row in range(1, 31))
    for name, content in {"rejected": lines.encode(), "result": b"r", "manifest": b"{}"}.items():
        setattr(job, name, artifacts.held_blob(write_blob([content])))
    job.state, job.rows_rejected = BatchState.DONE, 30
    job.save()
    client = browser(eli)
    page = client.get(f"{AT}/{job.pk}").content.decode()
    assert "The first 20 of 30." in page
    assert "&lt;b&gt;20&lt;/b&gt;" in page
    assert "&lt;b&gt;21&lt;/b&gt;" not in page
    answer = client.get(f"{AT}/{job.pk}/files/rejected")
    assert answer["Content-Disposition"] == f'attachment; filename="fraud-{job.pk}-rejected.csv"'
    assert client.get(f"{AT}/{job.pk}/files/other").status_code == 404

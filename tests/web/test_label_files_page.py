"""The page that takes labels as a file."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.actors import Actor
from deployments import endpoints
from monitoring import label_files
from monitoring.models import Label
from tests.factories import make_model
from tests.web.test_access_matrix import BACKEND

pytestmark = pytest.mark.django_db
AT = "/endpoints/fraud/labels"


@pytest.fixture(autouse=True)
def endpoint(people: dict[str, Actor]) -> None:
    made = make_model(people["dana"], "Fraud")
    endpoints.create_endpoint("fraud", model=made, environment="staging", actor=people["eli"])


def as_(actor: Actor, **more: Any) -> Client:
    client = Client(**more)
    client.force_login(actor.person, BACKEND)
    return client


def send(client: Client, text: str, **headers: str) -> Any:
    return client.post(AT, {"files": SimpleUploadedFile("labels.csv", text.encode())}, headers=headers)


def test_a_file_is_counted_and_its_report_is_kept(dana: Actor) -> None:
    client = as_(dana)
    answer = send(client, "request_id,label\na,1\n=b,nan\n")
    shown = client.get(answer["Location"]).content.decode()
    assert "the first word on their request" in shown
    assert "NaN and infinity" in shown
    rows = client.get(f"{answer['Location']}?form=csv").content.decode().splitlines()
    assert rows[0] == "line,request_id,why"
    assert rows[1].startswith("3,'=b,label is no number")
    assert f'href="{answer["Location"]}"' in client.get(AT).content.decode()


def test_the_script_is_told_where_to_go_or_what_is_wrong(dana: Actor) -> None:
    client = as_(dana)
    good = send(client, "request_id,label\na,1\n", Accept="application/json")
    assert good.json()["href"].startswith(f"{AT}/")
    bad = send(client, "request_id,lable\na,1\n", Accept="application/json")
    assert (bad.status_code, "label or value is missing" in bad.json()["errors"][0]["message"]) == (400, True)


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_gigabyte_is_refused_before_it_is_read(dana: Actor, accept: str) -> None:
    answer = as_(dana).generic(
        "POST", AT, b"--x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(2**30),
        headers={"Accept": accept},
    )  # fmt: skip
    assert answer.status_code == 400
    assert f"The file is over {label_files.MOST_BYTES // 2**20} MiB." in answer.content.decode()


def test_a_form_of_another_site_is_refused(dana: Actor) -> None:
    assert send(as_(dana, enforce_csrf_checks=True), "request_id,label\na,1\n").status_code == 403
    assert not Label.objects.exists()


def test_without_a_file_the_form_says_so(dana: Actor) -> None:
    answer = as_(dana).post(AT, {})
    assert (answer.status_code, "Choose a file." in answer.content.decode()) == (400, True)


def test_a_reviewer_reads_what_came_and_who_may_send(people: dict[str, Actor]) -> None:
    client = as_(people["rita"])
    assert "Giving labels takes the role" in client.get(AT).content.decode()
    assert send(client, "request_id,label\na,1\n").status_code == 403

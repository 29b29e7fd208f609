"""Models that MLflow loads: the same answers as MLflow's own, and refusals by the signature."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.contract import Isolation
from tests.serving.rig import Home, Running, running
from tests.serving.waiting import until

ROW = {"age": 30, "amount": 120.5, "share": 0.5}


@pytest.fixture(scope="module", params=["skops", "pickle"])
def server(request: Any, home: Home, models: Path, isolation: Isolation) -> Iterator[Running]:
    with running(home, home.desire(request.param, models / request.param), isolation) as started:
        yield started


def test_it_answers_as_mlflow_does(server: Running, models: Path) -> None:
    rows = json.loads((models / "rows.json").read_text())
    expected = json.loads((models / f"{server.desired.replica}-answers.json").read_text())
    answer = server.predict(dataframe_split=rows)
    assert answer.status == 200, answer.body
    got = answer.json["predictions"]
    assert got == (
        expected if server.desired.replica == "skops" else [pytest.approx(row, rel=1e-9) for row in expected]
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"age": None}, "Column 'age', row 1: expected long (a whole number of 64 bits) and got an empty value"),
        ({"amount": None}, "Column 'amount', row 1: expected double (a number) and got an empty value"),
        ({"age": 1.5}, "Column 'age', row 1: expected long (a whole number of 64 bits) and got 1.5 (a number)"),
        ({"age": 2**63}, "Column 'age', row 1: expected long (a whole number of 64 bits) and got 9223372036854775808"),
        ({"age": True}, "got True (true or false)"),
        ({"amount": "12"}, "Column 'amount', row 1: expected double (a number) and got '12' (a string)"),
        ({"share": [1]}, "Column 'share', row 1: expected float (a number of 32 bits) and got [1] (a list)"),
    ],
)
def test_a_value_that_does_not_fit_is_named(server: Running, change: dict[str, Any], said: str) -> None:
    answer = server.predict(dataframe_records=[{**ROW, **change}])
    assert answer.status == 400
    assert said in answer.message


def test_a_whole_float_is_a_whole_number(server: Running) -> None:
    assert server.predict(dataframe_records=[{**ROW, "age": 30.0}]).json == server.predict(inputs=ROW).json


def test_protocol_2_gives_a_tensor(server: Running) -> None:
    body = [{"name": n, "shape": [1], "datatype": "FP64", "data": [v]} for n, v in ROW.items()]
    output = server.ask("/v2/models/scorer/infer", {"inputs": body}).json["outputs"][0]
    shape = {"skops": [1], "pickle": [1, 2]}[server.desired.replica]
    assert (output["name"], output["shape"]) == ("predictions", shape)


def test_the_chance_of_the_second_of_two_classes_is_told_beside_the_answer(server: Running, models: Path) -> None:
    rows = json.loads((models / "rows.json").read_text())
    expected = json.loads((models / "pickle-answers.json").read_text())
    path, has_chances = server.home.layout.evidence(server.desired.replica), server.desired.replica == "skops"

    def told() -> list[dict[str, Any]]:
        server.ask("/invocations", {"dataframe_split": rows}, x_request_id="scored-1")
        lines = path.read_bytes().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines if b"scored-1" in line]
        return [line for line in found if "score" in line] if has_chances else found

    until(lambda: bool(told()), within_s=20)  # on a busy machine not each moment has time for scores
    said = told()[0]
    if has_chances:
        assert said["score"] == [pytest.approx(second, abs=1e-6) for _, second in expected]
    else:
        assert "score" not in said, "it answers chances itself"

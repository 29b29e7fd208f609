"""The model server through its socket: forms, refusals, protocol 2, tokens, drain."""

import json
import math
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from serving import launching
from serving.contract import FeaturePolicy, Isolation, Token, dump
from tests.serving.rig import ONNX_COLUMNS, Home, Running, running, save_onnx
from tests.serving.waiting import until

ROW = [1.0, 5.0, 3.0]
SCORE = {"score": pytest.approx(1 / (1 + math.exp(-2)), rel=1e-6)}
NAMED = dict(zip(ONNX_COLUMNS, ROW, strict=True))
INFER = "/v2/models/scorer/infer"


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ONNX_COLUMNS, "data": [ROW]}},
        {"dataframe_split": {"columns": ONNX_COLUMNS, "index": [7], "data": [ROW]}},
        {"dataframe_split": {"columns": ["f2", "f0", "f1"], "data": [[3, 1, 5]]}},
        {"dataframe_split": {"data": [ROW]}},
        {"dataframe_records": [NAMED]},
        {"instances": [NAMED]},
        {"instances": [ROW]},
        {"inputs": {name: [value] for name, value in NAMED.items()}},
        {"inputs": {name: [[value]] for name, value in NAMED.items()}},
        {"inputs": NAMED},
        {"inputs": [ROW]},
        {"inputs": [NAMED], "params": {"unknown": 1}},
    ],
)
def test_every_form_gives_the_same_prediction(onnx: Running, body: dict[str, Any]) -> None:
    answer = onnx.predict(**body)
    assert (answer.status, answer.json) == (200, {"predictions": [SCORE]})


def test_csv_is_a_form_too(onnx: Running) -> None:
    answer = onnx.ask("/invocations", b"f2,f0,f1\n3,1,5\n3,1.0,5e0\n", content_type="text/csv; charset=utf-8")
    assert answer.json == {"predictions": [SCORE, SCORE]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dataframe_split": {"data": [["x", 1, 1]]}}, "Column 'f0', row 1: expected double (a number) and got 'x'"),
        (
            {"dataframe_split": {"data": [[1, None, 1]]}},
            "Column 'f1', row 1: expected double (a number) and got an empty",
        ),
        ({"instances": [{**NAMED, "f0": None}]}, "Column 'f0', row 1: expected double (a number) and got an empty"),
        ({"dataframe_split": {"data": [ROW, [1, True, 1]]}}, "Column 'f1', row 2: expected double (a number) and got"),
        ({"dataframe_records": [{"f0": 1, "f1": 1}]}, "Column 'f2' is missing: it should be double"),
        ({"dataframe_records": [{**NAMED, "f9": 1}]}, "Column 'f9' is not one of the model's"),
        ({"dataframe_records": [NAMED, {"f0": 1}]}, "Column 'f1' is missing"),
        ({"dataframe_split": {"columns": ["f0", "f0", "f1", "f2"], "data": [[1, 1, 1, 1]]}}, "named twice"),
        ({"dataframe_split": {"data": [ROW, [1, 2]]}}, "Row 2 has 2 values; there are 3 columns."),
        ({"dataframe_split": {"data": [1, 2]}}, "Row 1 should be a list of 3 values"),
        ({"dataframe_split": {"data": []}}, "There are no rows."),
        ({"dataframe_split": [1]}, "dataframe_split should be a mapping"),
        ({"dataframe_split": {"columns": [1, 2, 3], "data": [ROW]}}, "'columns' should be a list of names"),
        ({"dataframe_records": {"f0": 1}}, "dataframe_records should be a list of mappings"),
        ({"instances": []}, "instances should be a list with at least one row"),
        ({"inputs": {"f0": [1, 2], "f1": [1], "f2": [1]}}, "as many values as the others"),
        ({"inputs": 3}, "inputs should be a mapping of columns or a list"),
        ({"instances": [ROW], "inputs": [ROW]}, "exactly one of"),
        ({}, "exactly one of"),
        ([ROW], "should be a mapping with one of"),
    ],
)
def test_a_refusal_names_the_column_what_was_expected_and_what_came(onnx: Running, body: Any, said: str) -> None:
    answer = onnx.ask("/invocations", body)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    assert said in answer.message


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"instances": [[NaN, 1, 1]]}', "application/json", 400),
        (b"\xff", "text/csv", 400),
        (b"", "text/csv", 400),
        (b"f0,f1\n1,2\n", "text/csv", 400),
        (b"f0,f1,f2\n1,b,2\n", "text/csv", 400),
        (b"f0,f1,f2\n1,,2\n", "text/csv", 400),
        (b"x", "application/xml", 415),
        (b"[" * 100_000, "application/json", 400),
        (b" " * (16 * 2**20 + 1), "application/json", 413),
    ],
)
def test_what_cannot_be_read_is_refused(onnx: Running, body: bytes, kind: str, status: int) -> None:
    answer = onnx.ask("/invocations", body, content_type=kind)
    assert answer.status == status
    assert "Traceback" not in answer.message


def tensor(name: str, data: list[Any], shape: list[int], datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("any", [*ROW, *ROW], [2, 3])],
        [tensor("any", [ROW, ROW], [2, 3], "FP32")],
        [tensor(name, [value, value], [2]) for name, value in NAMED.items()],
        [tensor(name, [[value], [value]], [2, 1]) for name, value in NAMED.items()],
        [tensor(name, [int(value)] * 2, [2], "INT64") for name, value in NAMED.items()],
    ],
)
def test_protocol_2_takes_columns_or_one_table(onnx: Running, inputs: list[dict[str, Any]]) -> None:
    answer = onnx.ask("/v2/models/scorer/versions/3/infer", {"id": "mine", "inputs": inputs})
    assert answer.status == 200, answer.body
    output = {"name": "score", "shape": [2], "datatype": "FP32", "data": [SCORE["score"]] * 2}
    assert answer.json == {"model_name": "scorer", "model_version": "3", "id": "mine", "outputs": [output]}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([tensor("any", ROW, [1, 4])], "3 values do not make shape [1, 4]"),
        ([tensor("any", [1, 2], [1, 2])], "A table of shape (any, 3) was expected and came as (1, 2)."),
        ([tensor("any", ["a"] * 3, [1, 3], "BYTES")], "Column 'f0', row 1: expected double (a number) and got 'a'"),
        ([tensor("any", ["a"] * 3, [1, 3])], "'any' is said to be FP64 and holds 'a'"),
        ([tensor("any", ROW, [1, 3], "FP8")], "datatype 'FP8' is not one of"),
        ([tensor("f0", [1], [1]), tensor("f1", [1], [1])], "Column 'f2' is missing"),
        ([tensor("f0", [300], [1], "INT8")], "not a INT8"),
        ([tensor("any", ROW, [-1, 3])], "shape should be a list"),
        ([{"name": "any"}], "needs a 'datatype'"),
        ([], "'inputs', a list of tensors"),
    ],
)
def test_protocol_2_refuses_with_a_reason(onnx: Running, inputs: Any, said: str) -> None:
    answer = onnx.ask(INFER, {"inputs": inputs})
    assert answer.status == 400
    assert said in answer.json["error"]


def test_a_model_without_a_signature_still_tells_what_does_not_fit_it(
    own_home: Home, tmp_path: Path, isolation: Isolation
) -> None:
    save_onnx(tmp_path / "bare", columns=[])
    with running(own_home, own_home.desire("r-1", tmp_path / "bare"), isolation) as server:
        assert server.predict(instances=[ROW]).json == {"predictions": {"score": [[SCORE["score"]]]}}
        assert "should hold numbers" in server.predict(instances=[["a", "b", "c"]]).message
        wide = server.predict(instances=[[*ROW, 1]])
        assert (wide.status, wide.message[:34]) == (400, "The input does not fit the model: ")


def test_the_server_tells_what_it_is(onnx: Running) -> None:
    assert onnx.ask("/v2").json["name"] == "signoff"
    said = onnx.ask("/v2/models/scorer").json
    assert (said["versions"], said["platform"]) == (["3"], "onnx")
    assert said["inputs"][0] == {"name": "f0", "datatype": "FP64", "shape": [-1]}
    for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready", "/v2/models/scorer/ready"):
        assert onnx.ask(path, token=None).status == 200
    assert onnx.ask("/version").json["digest"] == onnx.desired.digest
    assert onnx.ask("/v2/models/other").status == 404
    assert onnx.ask("/invocations").status == 405


def test_metrics_count_answers_by_status(onnx: Running) -> None:
    onnx.predict(instances=[ROW])
    onnx.predict(instances=[])
    text = onnx.ask("/metrics").body.decode()
    for line in ('signoff_requests_total{status="200"}', 'signoff_requests_total{status="400"}', 'version="3"'):
        assert line in text
    assert 'signoff_request_seconds_bucket{le="+Inf"}' in text


@pytest.mark.parametrize(("sent", "kept"), [("abc-1", True), ("", False), ("a b", False), ("a" * 200, False)])
def test_a_request_id_is_echoed_or_made(onnx: Running, sent: str, kept: bool) -> None:  # noqa: FBT001
    answer = onnx.ask("/invocations", {"instances": []}, x_request_id=sent)
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.json["request_id"] == answer.headers["x-request-id"]


def test_a_request_without_a_good_token_is_refused(onnx: Running) -> None:
    onnx.home.tokens["other"] = Token("another", "predict")
    onnx.home.tokens["reader"] = Token("fraud", "read")
    onnx.home.tokens["old"] = Token("fraud", "predict", time.time() - 1)
    onnx.home.tokens["new"] = Token("fraud", "predict", time.time() + 60)
    onnx.home.publish()
    time.sleep(0.3)
    wanted = {None: 401, "wrong": 401, "other": 403, "reader": 403, "old": 401, "new": 200}
    assert {
        name: onnx.ask(INFER, {"inputs": [tensor("x", ROW, [1, 3])]}, token=name).status for name in wanted
    } == wanted
    for path in ("/v2/models/scorer", "/version", "/metrics"):
        assert onnx.ask(path, token=None).status == 401


def test_a_revoked_token_stops_within_a_second(onnx: Running) -> None:
    onnx.home.tokens["brief"] = Token("fraud", "predict")
    onnx.home.publish()
    time.sleep(0.3)
    assert onnx.ask("/v2", token="brief").status == 200
    del onnx.home.tokens["brief"]
    revoked = time.monotonic()
    while onnx.ask("/v2", token="brief").status == 200:
        assert time.monotonic() - revoked < 1.0


def test_asked_to_stop_it_says_so_and_ends_well(own_home: Home, onnx_folder: Any, isolation: Isolation) -> None:
    with running(own_home, own_home.desire("r-1", onnx_folder), isolation) as server:
        begun = time.monotonic()
        server.keeper.terminate()
        seen = set()
        while server.keeper.poll() is None:
            try:
                seen.add(server.ask("/v2/health/ready", token=None).status)
            except OSError:
                break
        assert server.keeper.wait(5) == 0
        assert time.monotonic() - begun < 5
        assert 503 in seen


def test_many_callers_at_once_are_all_answered(onnx: Running) -> None:
    statuses: list[int] = []

    def call() -> None:
        statuses.extend(onnx.predict(instances=[ROW] * 20).status for _ in range(20))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 160


def test_a_model_that_cannot_be_loaded_says_why(own_home: Home, tmp_path: Path, isolation: Isolation) -> None:
    save_onnx(tmp_path / "broken", b"nothing")
    with pytest.raises(AssertionError, match="signoff: The model cannot be loaded: "):  # noqa: SIM117
        with running(own_home, own_home.desire("r-1", tmp_path / "broken"), isolation):
            pass
    assert launching.last_words(own_home.layout, "r-1").startswith("The model cannot be loaded: ")


def test_a_model_that_cannot_answer_its_own_example_does_not_start(
    own_home: Home, tmp_path: Path, isolation: Isolation
) -> None:
    save_onnx(tmp_path / "cold")
    (tmp_path / "cold" / "serving_input_example.json").write_text('{"inputs": {"f0": [1]}}')
    with pytest.raises(AssertionError, match="cannot answer its input example: Column 'f1' is missing"):  # noqa: SIM117
        with running(own_home, own_home.desire("r-1", tmp_path / "cold"), isolation):
            pass


def test_what_was_answered_is_written_down_within_100_ms_and_refusals_are_not(onnx: Running) -> None:
    path = onnx.home.layout.evidence(onnx.desired.replica)
    two, wrong = {"dataframe_split": {"data": [ROW, ROW]}}, {"dataframe_split": {"data": [["x", 1, 1]]}}
    onnx.ask("/invocations", two, x_request_id="told-1", x_signoff_track="canary")
    onnx.ask("/invocations", wrong, x_request_id="refused-1")
    until(lambda: path.exists() and b"told-1" in path.read_bytes(), within_s=1)
    said = [json.loads(line) for line in path.read_bytes().splitlines() if b"told-1" in line]
    assert [(line["track"], line["status"], line["rows"], line["prediction"]) for line in said] == [
        ("canary", 200, 2, [SCORE, SCORE])
    ]
    assert b"refused-1" not in path.read_bytes()


def test_a_compressed_body_is_refused_in_words(onnx: Running) -> None:
    body = {"instances": [NAMED]}
    refused = onnx.ask("/invocations", body, content_encoding="gzip")
    assert refused.status == 415
    assert "without Content-Encoding gzip" in refused.json["message"]
    assert onnx.ask("/invocations", body, content_encoding="identity").status == 200


def test_values_are_told_with_the_record_as_the_policy_of_the_moment_says(onnx: Running) -> None:
    layout, said = onnx.home.layout, {"dataframe_split": {"columns": ["f0", "f1", "f2"], "data": [ROW]}}

    def record(name: str) -> dict[str, Any]:
        onnx.ask("/invocations", said, x_request_id=name)
        path = layout.evidence(onnx.desired.replica)
        until(lambda: path.exists() and name.encode() in path.read_bytes(), within_s=1)
        return next(json.loads(line) for line in path.read_bytes().splitlines() if name.encode() in line)

    assert "sample" not in record("told-of-none"), "nobody said that it may be told"
    dump(layout.feature_policy("fraud"), FeaturePolicy(100.0, ("f1",), (), "salt"))
    f0, _, f2 = ROW
    sample = {"of": 1, "chosen": 1, "columns": {"f0": [f0], "f2": [f2]}, "predictions": [SCORE["score"]]}
    assert record("told-some")["sample"] == sample
    layout.feature_policy("fraud").unlink()
    assert "sample" not in record("told-of-none-again")

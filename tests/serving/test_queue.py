"""Requests that wait for a model: bounded, and asked together where that changes nothing but the time."""

import asyncio
import json
import re
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from serving import environments
from serving.contract import Isolation, dump
from serving.server.queue import Joining, Queue
from serving.server.refusals import Refused
from tests.serving.rig import ROOT, Home, Running, running


@dataclass(frozen=True)
class Numbers:
    """A request."""

    values: list[int]
    kind: str = "usual"

    @property
    def rows(self) -> int:
        return len(self.values)


def divided(answer: Any, rows: Sequence[int]) -> list[list[int]]:
    if len(answer) != sum(rows):
        return []
    ends = [sum(rows[: place + 1]) for place in range(len(rows))]
    return [answer[end - count : end] for end, count in zip(ends, rows, strict=True)]


LISTS = Joining(
    fits=lambda one, other: one.kind == other.kind,
    joined=lambda asked: Numbers([value for one in asked for value in one.values], asked[0].kind),
    divided=divided,
)


class Model:
    """Doubles numbers; waits for `go` at its first call, so that others queue up behind it."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.busy, self.go = threading.Event(), threading.Event()

    def predict(self, given: Numbers) -> list[int]:
        self.asked.append(given.values)
        self.busy.set()
        if len(self.asked) == 1:
            assert self.go.wait(5)
        if min(given.values) < 0:
            raise ValueError("negative")
        return [2 * value for value in given.values]

    def total(self, given: Numbers) -> list[int]:
        return [sum(self.predict(given))]


async def answers_of(queue: Queue, model: Model, given: Sequence[Numbers]) -> list[Any]:
    """Ask the first, let the others queue up behind it, and return what each got."""
    first = asyncio.create_task(queue.ask(given[0]))
    await asyncio.to_thread(model.busy.wait, 5)
    asked = [first, *(asyncio.create_task(queue.ask(one)) for one in given[1:])]
    await asyncio.sleep(0)
    model.go.set()
    return await asyncio.gather(*asked, return_exceptions=True)


def outcomes(batch_rows: int, *given: Numbers, most: int = 100) -> tuple[Model, Queue, list[Any]]:
    model = Model()
    queue = Queue(model.predict, LISTS, batch_rows, most)
    return model, queue, asyncio.run(answers_of(queue, model, given))


def test_what_came_while_the_model_was_busy_is_asked_together_and_each_gets_its_own_rows() -> None:
    model, queue, answers = outcomes(8, Numbers([1]), Numbers([2, 3]), Numbers([4]), Numbers([5, 6]))
    assert answers == [[2], [4, 6], [8], [10, 12]]
    assert model.asked == [[1], [2, 3, 4, 5, 6]]
    assert queue.batches == 1


def test_no_batch_is_larger_than_allowed_and_one_row_means_none() -> None:
    rows = [Numbers([n]) for n in range(7)]
    assert [len(asked) for asked in outcomes(3, *rows)[0].asked] == [1, 3, 3]
    assert [len(asked) for asked in outcomes(1, *rows)[0].asked] == [1] * 7


def test_a_request_that_fails_does_not_fail_those_it_was_asked_with() -> None:
    _, _, answers = outcomes(8, Numbers([1]), Numbers([2]), Numbers([-1]), Numbers([3]))
    assert [str(answer) for answer in answers] == ["[2]", "[4]", "negative", "[6]"]


def test_requests_that_do_not_fit_are_not_joined_and_keep_their_turn() -> None:
    model, _, answers = outcomes(8, Numbers([1]), Numbers([2]), Numbers([3], "other"), Numbers([4]))
    assert model.asked == [[1], [2], [3], [4]]
    assert answers == [[2], [4], [6], [8]]


def test_over_its_bound_a_request_is_refused_and_those_that_wait_are_answered() -> None:
    _, _, answers = outcomes(1, *(Numbers([n]) for n in range(5)), most=3)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert [(why.status, why.code) for why in refused] == [(503, "TEMPORARILY_UNAVAILABLE")]
    assert [answer for answer in answers if not isinstance(answer, Refused)] == [[0], [2], [4], [6]]


def test_a_model_that_answers_about_the_whole_is_asked_one_by_one_from_then_on() -> None:
    model = Model()
    queue = Queue(model.total, LISTS, 8, 100)
    answers = asyncio.run(answers_of(queue, model, [Numbers([1]), Numbers([2, 3]), Numbers([4, 5])]))
    assert answers == [[2], [10], [18]]
    assert queue.batch_rows == 1


def test_a_caller_that_left_stops_nobody() -> None:
    async def story() -> list[Any]:
        model = Model()
        queue = Queue(model.predict, LISTS, 1, 10)
        asked = [asyncio.create_task(queue.ask(Numbers([n]))) for n in range(3)]
        await asyncio.sleep(0.01)
        asked[1].cancel()
        model.go.set()
        return [await asked[0], await asked[2]]

    assert asyncio.run(story()) == [[0], [4]]


def test_arrays_tables_and_tensors_are_joined_and_divided_by_rows(home: Home, onnx_folder: Path) -> None:
    python = environments.python_of(home.layout.environment(home.environment(onnx_folder)))
    script = str(Path(__file__).with_name("join_parts.py"))
    ran = subprocess.run(
        [str(python), script], capture_output=True, check=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    said = json.loads(ran.stdout)
    assert said["fits"] == {
        "itself": True, "columns in another order": False, "floats": False, "columns apart": False, "tensors": False
    }  # fmt: skip
    assert said["matrix"] == [[1, 1], [2, 2], [2, 2]]
    assert (said["columns"], said["rows"]) == ({"a": [1, 2, 3], "b": ["x", "y", "z"]}, 3)
    assert said["tensors"] == [4, 4]
    assert said["divided"] == {
        "array": [[0], [1, 2]],
        "scores": [[[0, 1]], [[2, 3], [4, 5]]],
        "list": [[7], [8, 9]],
        "table": [[{"y": 0, "z": 0.0}], [{"y": 1, "z": 0.5}, {"y": 2, "z": 1.0}]],
        "arrays": [{"label": [0], "score": [0]}, {"label": [1, 2], "score": [1, 2]}],
        "one number": [],
        "one of two": [],
        "longer": [],
    }


@pytest.mark.faults
def test_a_server_that_batches_answers_each_caller_as_one_that_does_not(
    onnx: Running, own_home: Home, onnx_folder: Path, isolation: Isolation
) -> None:
    desired = replace(own_home.desire("r-1", onnx_folder), batch_rows=16)
    dump(own_home.layout.desired("r-1"), desired)
    rows = [{"f0": n / 100, "f1": 0.0, "f2": n / 70} for n in range(400)]
    with running(own_home, desired, isolation) as server, ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda row: server.predict(dataframe_records=[row]), rows))
        counted = server.ask("/metrics").body.decode()
    assert {answer.status for answer in answers} == {200}
    alone = onnx.predict(dataframe_records=rows).json["predictions"]
    assert [answer.json["predictions"][0] for answer in answers] == alone
    found = re.search(r"^signoff_batches_total (\d+)$", counted, re.MULTILINE)
    assert found
    assert int(found[1]) > 0

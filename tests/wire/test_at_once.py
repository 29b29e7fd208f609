"""Twenty clients at once."""

import json

import pytest

from tests.wire.conftest import Client

pytestmark = pytest.mark.wire


def test_twenty_creates_at_once_give_twenty_numbers_and_one_model(client: Client) -> None:
    told = client.run(
        "dana",
        """
from concurrent.futures import ThreadPoolExecutor
import threading

gate = threading.Barrier(20)


def together(deed):
    def run(place):
        gate.wait()
        try:
            return deed(place)
        except MlflowException as why:
            return why.error_code

    with ThreadPoolExecutor(20) as crowd:
        return list(crowd.map(run, range(20)))


made = together(lambda place: client.create_registered_model("Crowd").name)
numbers = together(lambda place: client.create_model_version("Crowd", "s3://bucket/model", await_creation_for=0).version)
tagged = together(lambda place: client.set_model_version_tag("Crowd", "1", "k", str(place)))
aliased = together(lambda place: client.set_registered_model_alias("Crowd", "blue", str(place + 1)))
moved = together(lambda place: client.delete_model_version("Crowd", "20"))
print(json.dumps([made, numbers, tagged, aliased, moved]))
""",
    )
    made, numbers, tagged, aliased, moved = json.loads(told.splitlines()[-1])
    assert sorted(made) == ["Crowd"] + ["RESOURCE_ALREADY_EXISTS"] * 19
    assert sorted(map(int, numbers)) == list(range(1, 21))
    assert tagged == aliased == [None] * 20
    assert sorted(moved, key=str) == [None] + ["RESOURCE_DOES_NOT_EXIST"] * 19

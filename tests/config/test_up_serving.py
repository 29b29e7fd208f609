import os
from pathlib import Path

import pytest

from config.management.commands.up import Serving
from serving.contract import Desired, Layout, Observed, State, dump

DIGEST = "d" * 64


def order(layout: Layout, name: str) -> None:
    dump(layout.desired(name), Desired(name, "fraud", "Fraud", "1", DIGEST, (), DIGEST, "required", 512, 1, "r", "k"))


def see(layout: Layout, name: str, state: State, pid: int) -> None:
    dump(layout.observed(name), Observed(name, "k", 1, state, pid, 1, "/s", DIGEST, "none", "", 0.0))


def test_it_is_said_once_all_model_servers_answer_or_were_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path)
    says = Serving(layout)
    assert says()
    for name in ("one", "two"):
        order(layout, name)
    see(layout, "one", "ready", os.getpid())
    see(layout, "two", "ready", 2**22 + 1)  # what an earlier run left: nobody has this number
    assert not says()
    see(layout, "two", "starting", os.getpid())
    assert not says()
    assert capsys.readouterr().err == ""
    see(layout, "two", "failed", 0)
    assert says()
    assert capsys.readouterr().err == "1 of 2 model servers answer\n"

"""A replica's folder is emptied while whoever carries its records removes them: neither stumbles over the other."""

from pathlib import Path
from typing import Any

import pytest

from serving.runner import replica


@pytest.mark.parametrize("gone", ["evidence.log", "all"])
def test_records_that_are_carried_away_meanwhile_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    folder = tmp_path / "fraud-v3"
    folder.mkdir()
    for name in ("evidence.log", "evidence.log.1", "scratch"):
        (folder / name).write_text("x")
    usual = Path.lstat

    def carried(path: Path) -> Any:
        for one in list(folder.iterdir()) if gone == "all" else [folder / "evidence.log"]:
            one.unlink(missing_ok=True)
        return usual(path)

    monkeypatch.setattr(Path, "lstat", carried)
    replica._clear(folder, "evidence.log")
    assert [one.name for one in folder.iterdir()] == ["evidence.log.1"] if gone != "all" else not folder.exists()


def test_records_stay_and_the_rest_goes(tmp_path: Path) -> None:
    folder = tmp_path / "fraud-v3"
    (folder / "cache" / "deep").mkdir(parents=True)
    (folder / "evidence.log").write_text("x")
    (folder / "scratch").symlink_to(tmp_path)
    replica._clear(folder, "evidence.log")
    assert [one.name for one in folder.iterdir()] == ["evidence.log"]
    replica._clear(tmp_path / "never-made", "evidence.log")

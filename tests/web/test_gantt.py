from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from web.pages import gantt

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Spell:
    version: int
    label: str
    start: datetime
    end: datetime | None


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_bars_fill_the_axis_from_the_first_start_to_now() -> None:
    spells = [Spell(1, "Production", ago(10), ago(5)), Spell(2, "Production", ago(5), None)]
    [row] = gantt.layout(spells, now=NOW).rows
    assert [bar.text for bar in row.bars] == ["v1", "v2"]
    assert row.bars[0].x == gantt.LABELS
    assert row.bars[1].x + row.bars[1].width == gantt.WIDTH
    assert row.bars[0].width == row.bars[1].width


def test_stages_come_before_aliases() -> None:
    spells = [
        Spell(1, "@champion", ago(2), None),
        Spell(1, "Staging", ago(3), ago(2)),
        Spell(1, "Production", ago(2), None),
    ]
    drawn = gantt.layout(spells, now=NOW)
    assert [row.label for row in drawn.rows] == ["Production", "Staging", "@champion"]
    assert drawn.rows[2].bars[0].kind == "alias"
    assert drawn.height > drawn.floor == 3 * gantt.ROW


def test_a_spell_of_a_moment_can_still_be_seen() -> None:
    spells = [Spell(1, "Production", ago(100), ago(99.999)), Spell(2, "Production", ago(99.999), None)]
    bar = gantt.layout(spells, now=NOW).rows[0].bars[0]
    assert bar.width == gantt.NARROWEST
    assert bar.text == ""


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = gantt.layout([], now=NOW)
    assert drawn.rows == []
    assert drawn.ticks == []

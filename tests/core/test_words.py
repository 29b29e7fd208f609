import pytest

from core.words import written


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "\u2060\ufeff", "\u3164", "\u2800 ", "\u00ad", "\u0301"])
def test_what_shows_nothing_is_no_reason(text: str) -> None:
    assert written(text) == ""


@pytest.mark.parametrize("text", ["fine", "👍", "好", "§", "a\u200bb"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert written(f" {text}\n") == text

import pytest

from core.words import told, written


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "\u2060\ufeff", "\u3164", "\u2800 ", "\u00ad", "\u0301"])
def test_what_shows_nothing_is_no_reason(text: str) -> None:
    assert written(text) == ""


@pytest.mark.parametrize("text", ["fine", "👍", "好", "§", "a\u200bb"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert written(f" {text}\n") == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"approvals": 1, "risk_tier": "low"}, "approvals: 1, risk tier: low"),
        ([{"id": "default", "version": 1}, 2], "(id: default, version: 1), 2"),
        ({"required": True, "with": [], "lock": None}, "required: yes, with: none, lock: nothing"),
        ({}, "nothing"),
        ("as it is", "as it is"),
    ],
)
def test_what_a_program_keeps_is_told_in_words(value: object, words: str) -> None:
    assert told(value) == words

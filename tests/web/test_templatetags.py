from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.template import engines

from web.templatetags import signoff as tags

DIGEST = "9f3c" + "0" * 58 + "b2"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.30000000000000004, "0.3"),
        (0.93, "0.93"),
        (0.123456, "0.1235"),
        (12.3456, "12.35"),
        (41200, "41,200"),
        (1234567, "1,234,567"),
        (12345.678, "12,346"),
        (0, "0"),
        (100, "100"),
        (-0.013, "\N{MINUS SIGN}0.013"),
        (0.000012345, "1.234e\N{MINUS SIGN}05"),
        ("0.5", "0.5"),
        (None, "not measured"),
        ("", "not measured"),
        ("lbfgs", "lbfgs"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_keep_four_significant_digits(value: object, shown: str) -> None:
    assert tags.num_filter(value) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("validation_log_loss", "validation_<wbr>log_<wbr>loss"),
        ("eval/f1.macro", "eval/<wbr>f1.<wbr>macro"),
        ("__", "__"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_a_name_breaks_after_its_separators(name: str, shown: str) -> None:
    assert tags.breakable(name) == shown


def test_a_number_carries_its_full_value() -> None:
    assert tags.num(0.30000000000000004) == ('<data value="0.30000000000000004" title="0.30000000000000004">0.3</data>')


def test_what_was_not_measured_is_never_zero() -> None:
    assert tags.num(None) == '<span class="unmeasured">not measured</span>'


@pytest.mark.parametrize(
    ("old", "new", "direction", "limit", "shown"),
    [
        (0.89, 0.93, "higher", None, ">+0.04 better<"),
        (41, 48, "lower", 50, ">+7 worse<"),
        (0.021, 0.034, "lower", 0.03, '>+0.013 worse, <span class="over">over 0.03</span><'),
        (0.9, 0.7, "higher", 0.8, '>\N{MINUS SIGN}0.2 worse, <span class="over">under 0.8</span><'),
        (48, 41, "lower", None, ">\N{MINUS SIGN}7 better<"),
        (10, 12, "", None, ">+2<"),
        (0.44, 0.44, "higher", None, ">no change<"),
        (None, 0.5, "higher", None, ">new<"),
        (0.5, None, "higher", None, ">not measured<"),
    ],
)
def test_a_change_is_signed_and_says_better_or_worse(
    old: object, new: object, direction: str, limit: object, shown: str
) -> None:
    assert shown in tags.change(old, new, direction, limit)


def test_a_change_is_exact_where_floats_are_not() -> None:
    assert "+0.1 " in tags.change(0.2, 0.3, "higher")


def test_a_moment_is_shown_in_utc_to_the_second() -> None:
    local = datetime(2026, 11, 24, 16, 0, 35, tzinfo=timezone(timedelta(hours=1)))
    assert tags.when(local) == (
        '<rel-time><time datetime="2026-11-24T15:00:35+00:00">2026-11-24 15:00:35 UTC</time></rel-time>'
    )


def test_an_absolute_moment_is_left_alone_by_the_script() -> None:
    assert tags.when(datetime(2026, 11, 24, tzinfo=UTC), absolute=True).startswith("<time ")


@pytest.mark.parametrize("value", ["2026-11-24T15:00:35Z", "2026-11-24T15:00:35+00:00"])
def test_iso_text_is_a_moment_too(value: str) -> None:
    assert tags.utc(value) == "2026-11-24 15:00:35 UTC"


@pytest.mark.parametrize("value", [None, "", "yesterday"])
def test_no_moment_is_a_word(value: object) -> None:
    assert tags.when(value, none="never") == '<span class="muted">never</span>'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (754, "12 min 34 s"), (3600, "1 h"), (90061, "1 d 1 h"), (None, "not measured")],
)
def test_a_duration_has_two_units(seconds: float | None, shown: str) -> None:
    assert tags.span(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1200, "1.2 kB"),
        (4810000, "4.81 MB"),
        (123_456_789, "123 MB"),
        (None, "not measured"),
    ],
)
def test_bytes_are_shown_in_a_short_unit(count: int | None, shown: str) -> None:
    assert tags.size(count) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(DIGEST, "9f3c…b2"), ("sha256:" + DIGEST, "9f3c…b2"), ("abc", "abc"), (None, "")]
)
def test_a_digest_is_shortened(value: str | None, shown: str) -> None:
    assert tags.short(value) == shown


def test_a_digest_keeps_its_full_text_for_copying() -> None:
    assert f'<code title="{DIGEST}">9f3c…b2</code>' in tags.digest(DIGEST)


@pytest.mark.parametrize(
    ("tag", "state", "kind", "word"),
    [
        (tags.stage_badge, "Production", "ok", "Production"),
        (tags.stage_badge, "Archived", "neutral", "Archived"),
        (tags.check_badge, "failed", "bad", "failed"),
        (tags.check_badge, "pending", "neutral", "pending"),
        (tags.request_badge, "open", "warn", "waiting"),
        (tags.request_badge, "changes_requested", "warn", "changes requested"),
        (tags.verification_badge, "unverified", "warn", "unverified"),
        (tags.risk_badge, "high", "bad", "high risk"),
        (tags.outcome_badge, "denied", "bad", "denied"),
        (tags.outcome_badge, "unheard-of", "neutral", "unheard-of"),
    ],
)
def test_a_state_has_colour_icon_and_word(tag: object, state: str, kind: str, word: str) -> None:
    assert callable(tag)
    markup = tag(state)
    assert f"badge-{kind}" in markup
    assert f"{word}</span>" in markup
    assert "icons.svg#" in markup


def test_a_protected_alias_has_a_lock_that_is_read_out() -> None:
    assert 'aria-label="protected"' in tags.alias_chip("champion", protected=True)
    assert "svg" not in tags.alias_chip("challenger")


def test_markup_in_names_is_escaped() -> None:
    assert "<script" not in tags.alias_chip("<script>")
    assert "<b>" not in tags.badge("ok", "<b>")
    assert "<i>" not in tags.digest("<i>" * 9)


def test_names_are_quoted_in_addresses() -> None:
    assert tags.version_path("a b/c?", 3) == "/models/a%20b%2Fc%3F/versions/3"


def test_blocks_hold_other_markup() -> None:
    template = engines["django"].from_string(
        '{% panel title %}{% scroll "Files" %}<table></table>{% endscroll %}{% endpanel %}'
    )
    page = template.render({"title": "Facts & more"})
    assert "<h2>Facts &amp; more</h2>" in page
    assert '<div class="table-scroll" role="region" aria-label="Files" tabindex="0"><table></table></div>' in page


def test_a_dialog_is_named_by_its_title() -> None:
    page = engines["django"].from_string('{% dialog "keys" "Keyboard" %}<p>j</p>{% enddialog %}').render()
    assert '<dialog id="keys" aria-labelledby="keys-title">' in page
    assert '<h2 id="keys-title">Keyboard</h2>' in page

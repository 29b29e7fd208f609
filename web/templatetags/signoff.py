"""What every template may use: icons, badges, times, numbers, digests, and the blocks that hold other markup."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from django import template
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core import clock
from web.markdown import rendered

register = template.Library()

UNMEASURED = "not measured"
WHOLE_FROM = 1000  # from here on, four digits need no fraction
SHORT_S = 10
SEPARATED = re.compile(r"[^_./-]{0,24}[_./-]+|[^_./-]{1,24}")
BREAK = SafeString("<wbr>")
SHORT_FROM = 9  # a digest of fewer characters is short already
KILO = 1000
MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
Number = int | float | Decimal


@dataclass(frozen=True)
class Look:
    """How a state is shown: kind of colour, word and icon, always together."""

    kind: str
    text: str
    icon: str


STAGES = {
    "None": Look("neutral", "None", "circle-dashed"),
    "Staging": Look("warn", "Staging", "flag"),
    "Production": Look("ok", "Production", "circle-check"),
    "Archived": Look("neutral", "Archived", "archive"),
}
CHECKS = {
    "passed": Look("ok", "passed", "check"),
    "warn": Look("warn", "warning", "triangle-alert"),
    "failed": Look("bad", "failed", "x"),
    "pending": Look("neutral", "pending", "clock"),
}
REQUESTS = {
    "open": Look("warn", "waiting", "clock"),
    "approved": Look("ok", "approved", "check"),
    "rejected": Look("bad", "rejected", "x"),
    "changes_requested": Look("warn", "changes requested", "pencil"),
    "withdrawn": Look("neutral", "withdrawn", "rotate-ccw"),
    "expired": Look("neutral", "expired", "clock"),
    "superseded": Look("neutral", "superseded", "history"),
    "executed": Look("ok", "done", "circle-check"),
}
POLICIES = {
    "proposed": Look("warn", "proposed", "clock"),
    "active": Look("ok", "in force", "circle-check"),
    "off": Look("neutral", "switched off", "ban"),
    "replaced": Look("neutral", "replaced", "history"),
    "refused": Look("bad", "refused", "x"),
    "withdrawn": Look("neutral", "withdrawn", "rotate-ccw"),
}
CARDS = {
    "draft": Look("neutral", "draft", "pencil"),
    "in_review": Look("warn", "in review", "clock"),
    "approved": Look("ok", "approved", "circle-check"),
}
VERIFICATIONS = {
    "held": Look("ok", "held and hashed", "shield-check"),
    "unverified": Look("warn", "unverified", "shield-alert"),
}
ROLLOUTS = {
    "queued": Look("neutral", "queued", "clock"),
    "running": Look("info", "running", "arrow-right"),
    "paused": Look("warn", "paused", "clock"),
    "rolling_back": Look("warn", "rolling back", "rotate-ccw"),
    "done": Look("ok", "done", "circle-check"),
    "rolled_back": Look("bad", "rolled back", "rotate-ccw"),
    "failed": Look("bad", "failed", "x"),
    "needs_operator": Look("bad", "needs an operator", "triangle-alert"),
    "cancelled": Look("neutral", "cancelled", "ban"),
}
VERDICTS = {
    "promote": Look("ok", "promote", "check"),
    "hold": Look("warn", "hold", "clock"),
    "rollback": Look("bad", "roll back", "rotate-ccw"),
    "invalid": Look("bad", "invalid", "triangle-alert"),
}
RISKS = {
    "low": Look("neutral", "low risk", "minus"),
    "medium": Look("warn", "medium risk", "flag"),
    "high": Look("bad", "high risk", "flag"),
}
OUTCOMES = {
    "done": Look("ok", "done", "check"),
    "denied": Look("bad", "denied", "ban"),
}


# Icons and badges


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return one icon of the sprite; with a label it is read out, without one it is decoration."""
    href = static("icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>', label, href, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', href, name)


@register.simple_tag
def badge(kind: str, text: str, icon_name: str = "") -> SafeString:
    """Return a badge: colour, icon and word."""
    mark = icon(icon_name) if icon_name else ""
    return format_html('<span class="badge badge-{}">{}{}</span>', kind, mark, text)


def _look(table: dict[str, Look], state: object) -> SafeString:
    """Return the badge of `state`; an unknown state is shown as its own word."""
    look = table.get(str(state), Look("neutral", str(state), "info"))
    return badge(look.kind, look.text, look.icon)


@register.simple_tag
def stage_badge(stage: object) -> SafeString:
    """Return the badge of a stage."""
    return _look(STAGES, stage)


@register.simple_tag
def check_badge(status: object) -> SafeString:
    """Return the badge of one policy check."""
    return _look(CHECKS, status)


@register.simple_tag
def request_badge(state: object) -> SafeString:
    """Return the badge of an approval request."""
    return _look(REQUESTS, state)


@register.simple_tag
def policy_badge(state: object) -> SafeString:
    """Return the badge of a policy's version."""
    return _look(POLICIES, state)


@register.simple_tag
def card_badge(state: object) -> SafeString:
    """Return the badge of a model card."""
    return _look(CARDS, state)


@register.simple_tag
def rollout_badge(state: object) -> SafeString:
    """Return the badge of a deployment."""
    return _look(ROLLOUTS, state)


@register.simple_tag
def verdict_badge(decision: object) -> SafeString:
    """Return the badge of a verdict."""
    return _look(VERDICTS, decision)


@register.simple_tag
def verification_badge(verification: object) -> SafeString:
    """Return the badge that says whether the bytes are held."""
    return _look(VERIFICATIONS, verification)


@register.simple_tag
def risk_badge(tier: object) -> SafeString:
    """Return the badge of a risk tier."""
    return _look(RISKS, tier)


@register.simple_tag
def outcome_badge(outcome: object) -> SafeString:
    """Return the badge of an event's outcome."""
    return _look(OUTCOMES, outcome)


@register.simple_tag
def alias_chip(name: str, protected: object = None) -> SafeString:
    """Return an alias as a chip, with a lock where moving it needs an approval."""
    lock = icon("lock", "protected") if protected else ""
    return format_html('<span class="alias">{}@{}</span>', lock, name)


# Times


def as_moment(value: object) -> datetime | None:
    """Return `value` as a UTC moment: it may be one, or ISO text."""
    if isinstance(value, str):
        try:
            value = clock.told(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


@register.filter
def markdown(text: object) -> SafeString:
    """Return written text as safe markup."""
    return rendered(str(text))


@register.filter
def utc(value: object) -> str:
    """Return a moment as people read it, to the second."""
    moment = as_moment(value)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


@register.simple_tag
def when(value: object, *, absolute: bool = False, none: str = "\N{EN DASH}") -> SafeString:
    """Return a moment in UTC; a script adds how long ago it was, unless `absolute`."""
    moment = as_moment(value)
    if moment is None:
        return format_html('<span class="muted">{}</span>', none)
    stamp = format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), utc(moment))
    return stamp if absolute else format_html("<rel-time>{}</rel-time>", stamp)


@register.filter
def span(seconds: float | None) -> str:
    """Return a duration in its two largest units; a short one with its tenths."""
    if seconds is None:
        return UNMEASURED
    if 0 < abs(seconds) < SHORT_S and seconds != int(seconds):
        return f"{abs(seconds):.1f} s"
    left = int(abs(seconds))
    words: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not words):
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


# Numbers


def as_number(value: object) -> Decimal | None:
    """Return `value` as an exact number, or None for what is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def significant(number: Decimal) -> str:
    """Return at most four significant digits; whole digits are never dropped."""
    if number == 0:
        return "0"
    if abs(number) >= WHOLE_FROM or number == number.to_integral_value():
        text = f"{number:,.0f}"
    elif abs(number) < Decimal("0.0001"):
        text = f"{float(number):.3e}"
    else:
        places = 3 - number.adjusted()
        text = f"{number:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


NO_NUMBER = format_html('<span class="unmeasured">{}</span>', UNMEASURED)


@register.filter(name="num")
def num_filter(value: object) -> str:
    """Return a number to four significant digits, or that there is none."""
    number = as_number(value)
    if number is not None:
        return significant(number)
    return UNMEASURED if value in (None, "") else str(value)


@register.simple_tag
def num(value: object) -> SafeString:
    """Return a number to four significant digits with its full value in the title."""
    if value in (None, ""):
        return NO_NUMBER
    number = as_number(value)
    if number is None:
        return format_html("<span>{}</span>", str(value))
    return format_html('<data value="{0}" title="{0}">{1}</data>', str(value), significant(number))


@register.simple_tag
def change(old: object, new: object, direction: str = "", limit: object = None) -> SafeString:
    """Return the signed change from `old` to `new`, with the word for it.

    `direction` is the declared one: `higher` or `lower` is better; without it no word is claimed. `limit` is the
    bound `new` must keep on the better side of.
    """
    before, after = as_number(old), as_number(new)
    if after is None or before is None:
        return format_html('<span class="unmeasured">{}</span>', "new" if after is not None else UNMEASURED)
    difference = after - before
    word = _word(difference, direction)
    text = "no change" if word == "same" else f"{'+' if difference > 0 else ''}{significant(difference)}"
    shown = f"{text} {word}" if word in ("better", "worse") else text
    bound = as_number(limit)
    over = _over(after, bound, direction) if bound is not None else ""
    return format_html('<span class="change change-{}">{}{}</span>', word or "open", shown, over)


def _word(difference: Decimal, direction: str) -> str:
    """Return better, worse, same, or nothing where no direction is declared."""
    if difference == 0:
        return "same"
    if direction not in ("higher", "lower"):
        return ""
    return "better" if (difference > 0) == (direction == "higher") else "worse"


def _over(value: Decimal, bound: Decimal, direction: str) -> SafeString | str:
    """Return the words for a value that broke its bound, or nothing."""
    if direction == "lower" and value > bound:
        return format_html(', <span class="over">over {}</span>', significant(bound))
    if direction == "higher" and value < bound:
        return format_html(', <span class="over">under {}</span>', significant(bound))
    return ""


@register.filter
def size(count: int | None) -> str:
    """Return a number of bytes in a unit that keeps it short."""
    if count is None:
        return UNMEASURED
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < KILO:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= KILO
    return f"{value:.4g} TB"


@register.filter
def breakable(name: object) -> SafeString:
    """Return a name that a narrow column breaks after its separators; a longer word, every 24 letters."""
    return format_html_join(BREAK, "{}", ((part,) for part in SEPARATED.findall(str(name))))


# Digests and paths


@register.filter
def short(value: str | None) -> str:
    """Return a digest as its first four and last two characters."""
    text = (value or "").removeprefix("sha256:")
    return text if len(text) < SHORT_FROM else f"{text[:4]}{ELLIPSIS}{text[-2:]}"


@register.simple_tag
def digest(value: str | None, name: str = "digest") -> SafeString:
    """Return a short digest whose full text is in the title and copied by a button."""
    if not value:
        return format_html('<span class="muted">{}</span>', "\N{EN DASH}")
    return format_html(
        '<copy-code class="digest" data-name="{}"><code title="{}">{}</code></copy-code>', name, value, short(value)
    )


@register.filter
def model_path(name: object) -> str:
    """Return the address of a registered model's page."""
    return f"/models/{quote(str(name), safe='')}"


@register.filter
def version_path(name: object, version: object) -> str:
    """Return the address of a model version's page."""
    return f"{model_path(name)}/versions/{version}"


@register.filter
def event_path(event: Any) -> str:
    """Return the address of an event's page: by sequence number, or by row for the second until it is sealed."""
    return f"/audit/{event.seq}" if event.seq is not None else f"/audit/unsealed/{event.id}"


@register.filter
def get(mapping: dict[Any, Any] | None, key: object) -> Any:
    """Return `mapping[key]`, or None."""
    return (mapping or {}).get(key)


@register.filter
def dash(word: object, end: object) -> str:
    """Return `word-end`, for ids."""
    return f"{word}-{end}"


# Blocks that hold other markup


def _component(component: str, /, **variables: object) -> str:
    """Return a component rendered with exactly these variables."""
    return get_template(f"components/{component}.html").render(variables)


@register.simple_block_tag
def panel(
    content: str,
    title: str,
    *,
    anchor: str = "",
    hint: str = "",
    flush: bool = False,
    kind: str = "",
    level: int = 2,
) -> str:
    """Return `content` in a titled panel; `flush` for a table or list that fills it."""
    return _component("panel", body=content, title=title, anchor=anchor, hint=hint, flush=flush, kind=kind, level=level)


@register.simple_block_tag
def scroll(content: str, label: str) -> str:
    """Return a table in a named region that can be scrolled by keyboard."""
    return _component("scroll", body=content, label=label)


@register.simple_block_tag
def callout(content: str, kind: str, title: str) -> str:
    """Return a notice: info, ok, warn or bad."""
    return _component("callout", body=content, kind=kind, title=title)


@register.simple_block_tag
def dialog(content: str, name: str, title: str) -> str:
    """Return a modal dialog; a button with `commandfor=name command=show-modal` opens it."""
    return _component("dialog", body=content, name=name, title=title)


@register.simple_tag(takes_context=True)
def follows(context: template.RequestContext, name: str) -> SafeString:
    """Return the attributes by which the part `name` is asked for anew, at PAGE/NAME, when a live part says so."""
    request = context.get("request")
    if request is None:
        return SafeString("")
    return format_html(
        ' data-follows hx-get="{}/{}" hx-trigger="follow" hx-swap="innerMorph" hx-nonce="{}"',
        request.path, name, nonce_of(request),
    )  # fmt: skip


@register.simple_block_tag(takes_context=True)
def live(context: template.RequestContext, content: str, name: str, source: str) -> str:
    """Return a part of the page that is asked for again and again, from `source`, while it is looked at."""
    request = context.get("request")
    nonce = nonce_of(request) if request else ""
    return _component("live", body=content, name=name, source=source, nonce=nonce, now=context.get("now"))


@register.simple_block_tag(takes_context=True)
def follow(context: template.RequestContext, content: str, shown: str, source: str) -> str:
    """Return fields of a form whose every change is shown: `source` answers with what then stands in `shown`."""
    request = context.get("request")
    return _component("follow", body=content, shown=shown, source=source, nonce=nonce_of(request) if request else "")


def nonce_of(request: Any) -> str:
    """Return the request's own nonce; asking for it lets htmx work on the page."""
    if not hasattr(request, "csp_nonce"):
        request.csp_nonce = secrets.token_urlsafe(18)
    return str(request.csp_nonce)


@register.inclusion_tag("components/script.html")
def script(name: str) -> dict[str, str]:
    """Return the tag that loads one custom element."""
    return {"file": f"js/{name}.js"}


GO_KEYS = {"Models": "m", "Approvals": "a", "Deployments": "d", "Endpoints": "e", "Audit": "l"}


@register.filter
def go_key(label: str) -> str:
    """Return the letter that follows `g` to reach a page of the top bar, or nothing."""
    return GO_KEYS.get(label, "")

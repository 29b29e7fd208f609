"""A plan in sentences, for the person who signs it."""

from collections.abc import Iterator, Sequence

from deployments.shares import Share
from monitoring.stats.agreement import CopyRules
from monitoring.stats.rules import ASK, GO_BACK, GO_ON, Rules
from monitoring.stats.summary import lasting

GUARDED = {"error": "failed requests", "accuracy": "wrong predictions", "latency": "slow answers"}
WHEN_OVER = {ASK: "a person decides", GO_ON: "it goes on where nothing speaks against it", GO_BACK: "it goes back"}
AGAINST = {GO_BACK: "Evidence sends it back by itself", ASK: "Evidence against it keeps it at its share for a person"}


def canary(shares: Sequence[Share], rules: Rules) -> str:
    """Return what a canary of `shares` does."""
    proof = f" and a ratio over {rules.ratio_bound:g} excluded" if rules.ratio_bound else ""
    common = (
        f"Requests go over as {ramp(shares)}. Each share lasts at least {lasting(rules.min_s)}, "
        f"{rules.min_units:,} canary requests and {rules.min_labels:,} labels{proof}; "
        f"after {lasting(rules.max_s)} {WHEN_OVER[rules.on_hold]}. "
        f"{AGAINST[rules.on_fail]} ({guarded(rules)})."
    )
    own = (f"At {share.pct} %: {'; '.join(_own(share, rules))}." for share in shares if share.own or share.gate)
    return " ".join([common, *own])


def linear(shares: Sequence[Share], rules: Rules, every_s: float) -> str:
    """Return what a rollout of equal steps does."""
    return (
        f"Requests go over as {ramp(shares)}, one step every {lasting(every_s)}: time alone moves it on. "
        f"{AGAINST[rules.on_fail]} ({guarded(rules)})."
    )


def ab(share_pct: int, rules: Rules, for_s: float, units: int) -> str:
    """Return what an A/B test does."""
    until = f"{lasting(for_s)} or {units:,} canary requests" if units else lasting(for_s)
    return (
        f"{share_pct} % of the requests go over for {until}; then both versions are told apart and a person chooses. "
        f"{AGAINST[rules.on_fail]} ({guarded(rules)})."
    )


def shadow(copies_pct: int, rules: CopyRules) -> str:
    """Return what a shadow does."""
    numbers = f" Numbers within {rules.within:g} are alike." if rules.within else ""
    asked = f" Where fewer than {100 * (rules.min_agreement or 0):g} % are answered alike, it goes back."
    return (
        f"Copies of {copies_pct} % of the requests go over; no caller gets their answers. They are compared "
        f"for at least {lasting(rules.min_s)} and {rules.min_copies:,} copies; after {lasting(rules.max_s)} a person "
        f"decides.{numbers}{asked if rules.min_agreement is not None else ''} "
        "Then a person chooses: all requests, or back."
    )


def ramp(shares: Sequence[Share]) -> str:
    """Return the shares one after the other."""
    return " → ".join([*(f"{share.pct} %" for share in shares), "100 %"])


def guarded(rules: Rules) -> str:
    """Return what is guarded, and how often in vain."""
    return f"{_listed(rules.guardrails)}; a version as good, in {100 * rules.alpha:g} of 100 rollouts at most"


def _own(share: Share, rules: Rules) -> Iterator[str]:
    """Yield what holds at this share otherwise than elsewhere."""
    own, here = share.own, share.rules(rules)
    least = {"min_s": lasting(here.min_s), "min_units": f"{here.min_units:,} canary requests",
             "min_labels": f"{here.min_labels:,} labels"}  # fmt: skip
    if said := [words for name, words in least.items() if name in own]:
        yield f"at least {' and '.join(said)}"
    if {"max_s", "on_hold"} & own.keys():
        yield f"after {lasting(here.max_s)} {WHEN_OVER[here.on_hold]}"
    if "guardrails" in own:
        yield f"nothing but {_listed(here.heard or ())} counts against it"
    if "on_fail" in own:
        yield f"{AGAINST[here.on_fail][0].lower()}{AGAINST[here.on_fail][1:]}"
    if share.gate:
        yield "then a person lets it go on, with a comment"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(GUARDED[name] for name in names)

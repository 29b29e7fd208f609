"""What a deployment does to numbers of the business, as its page shows it."""

from dataclasses import dataclass

from deployments import kpis
from deployments.models import Rollout
from deployments.plans import Plan
from monitoring.kpis import Compared
from monitoring.stats.uplift import Uplift

WIDTH = 200.0  # of the picture
SNIPPET = """import requests

requests.post(
    "{base}/api/v1/rollouts/{number}/kpis",
    headers={{"Authorization": f"Bearer {{token}}"}},
    json={{"kpi": "revenue", "units": [{{"unit": "customer-1", "pre": 80.0, "post": 95.5}}]}},
).raise_for_status()"""


@dataclass(frozen=True)
class Bar:
    """An interval as a picture `WIDTH` wide, with zero in its middle."""

    lo: float
    hi: float
    est: float

    @property
    def wide(self) -> float:
        """How wide the interval is."""
        return round(self.hi - self.lo, 1)


def told(found: Rollout, base: str) -> dict[str, object] | None:
    """Return what the panel shows; None for a deployment whose versions never share requests."""
    rows = kpis.compared(found)
    if not rows and not (found.kind == Rollout.Kind.DEPLOY and Plan.of(found.plan).shares):
        return None
    snippet = SNIPPET.format(base=base, number=found.pk)
    return {"rows": [_row(row) for row in rows], "snippet": snippet}


def _row(row: Compared) -> dict[str, object]:
    (live, candidate), (live_mean, candidate_mean) = row.sides, row.means
    return {
        "kpi": row.kpi,
        "share_pct": row.share_pct,
        "live": {"units": live, "mean": live_mean if live else None},
        "candidate": {"units": candidate, "mean": candidate_mean if candidate else None},
        "elsewhere": row.elsewhere,
        "uplift": row.uplift,
        "bar": _bar(row.uplift),
        "sentence": sentence(row.uplift),
    }


def _bar(uplift: Uplift) -> Bar | None:
    if uplift.est is None or uplift.always is None:
        return None
    lo, hi = uplift.always
    furthest = max(abs(lo), abs(hi)) * 1.1 or 1.0
    at = [WIDTH / 2 * (1 + value / furthest) for value in (lo, hi, uplift.est)]
    return Bar(*(round(value, 1) for value in at))


def sentence(uplift: Uplift) -> str:
    """Return what can be claimed, in a sentence."""
    if uplift.est is None or uplift.always is None:
        return f"Nothing is claimed: {uplift.why_not}."
    lo, hi = uplift.always
    if lo > 0:
        return "Units of the new version do better."
    return "Units of the new version do worse." if hi < 0 else "No difference is proved so far."

"""Counts requests and prints them as Prometheus reads them."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass
class Metrics:
    """What this process has answered."""

    labels: dict[str, str]
    statuses: Counter[int] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0
    rows: int = 0
    in_flight: int = 0

    def answered(self, status: int, took_s: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.buckets[bisect_left(BOUNDS_S, took_s)] += 1
        self.total_s += took_s

    def text(self, waiting: int, batches: int) -> str:
        """Return everything in the text format, with how many requests wait, and calls that answered several."""
        info = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.labels.items())
        lines = ["# TYPE signoff_model_info gauge", f"signoff_model_info{{{info}}} 1"]
        lines += ["# TYPE signoff_requests_total counter"]
        lines += [f'signoff_requests_total{{status="{code}"}} {count}' for code, count in sorted(self.statuses.items())]
        lines += ["# TYPE signoff_rows_total counter", f"signoff_rows_total {self.rows}"]
        lines += ["# TYPE signoff_requests_in_flight gauge", f"signoff_requests_in_flight {self.in_flight}"]
        lines += ["# TYPE signoff_requests_waiting gauge", f"signoff_requests_waiting {waiting}"]
        lines += ["# TYPE signoff_batches_total counter", f"signoff_batches_total {batches}"]
        return "\n".join([*lines, *self._histogram(), ""])

    def _histogram(self) -> list[str]:
        lines, seen = ["# TYPE signoff_request_seconds histogram"], 0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self.buckets, strict=True):
            seen += count
            lines.append(f'signoff_request_seconds_bucket{{le="{bound}"}} {seen}')
        return [*lines, f"signoff_request_seconds_sum {self.total_s:.6f}", f"signoff_request_seconds_count {seen}"]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

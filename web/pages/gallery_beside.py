"""Made-up live numbers of two versions that the gallery shows."""

from monitoring.beside import Beside, Compared
from monitoring.stats.quality import Measure
from web.pages.beside import shown
from web.pages.gallery_stock import Context, at
from web.pages.monitoring import Span

SPAN = Span("24h", at(24, 15, 0, 0), is_past=True)
BOTH = Beside(
    ("5", "6", "4"), "5", "6", 7,
    [
        Compared("requests", Measure(41_220, None, None, 41_220), Measure(4_610, None, None, 4_610)),
        Compared("errors", Measure(0.0041, 0.0035, 0.0048, 41_220), Measure(0.0098, 0.0073, 0.0130, 4_610)),
        Compared("p95_ms", Measure(41.2, 40.6, 41.8, 41_220), Measure(48.9, 46.1, 51.7, 4_610)),
        Compared("cpu_s", Measure(3.42, None, None, 41_220), Measure(4.07, None, None, 4_610)),
        Compared("cost", Measure(0.00428, None, None, 41_220), Measure(0.00509, None, None, 4_610)),
        Compared("coverage", Measure(0.62, 0.615, 0.625, 41_220), Measure(0.41, 0.396, 0.424, 4_610)),
        Compared("value", Measure(12.4, 10.9, 13.9, 25_556), Measure(14.1, 8.0, 20.2, 1_890)),
        Compared("accuracy", Measure(0.912, 0.908, 0.915, 25_556), Measure(0.931, 0.918, 0.942, 1_890)),
        Compared("auc", Measure(0.954, 0.951, 0.957, 25_556), Measure(0.951, 0.940, 0.962, 1_890)),
        Compared("brier", Measure(0.071, 0.069, 0.073, 25_556), None),
    ],
)  # fmt: skip


def states(endpoint: Context) -> dict[str, Context]:
    """Return the states of the page."""
    told = {
        "usual": BOTH,
        "never in the same hour": Beside(("5", "4"), "5", "4", 0, ()),
        "one version": Beside(("5",), "5", "", 0, ()),
    }
    return {name: {"endpoint": endpoint, "span": SPAN, **shown(one, SPAN)} for name, one in told.items()}

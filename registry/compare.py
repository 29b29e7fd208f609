"""The difference between two versions: metrics with a direction, params, signature, files. Pure functions."""

import re
from dataclasses import dataclass
from enum import StrEnum


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of metric names, as they stand between other signs; those of `…_WITHIN` also within a word, as in `logloss`.
LOWER = _words("""
    fpr fnr fdr for eer der wer cer ter ms seconds duration time size memory bytes false miss misses cost deviance bias
    regret ece brier hinge hamming entropy divergence distance disparity unfairness drift aic bic hallucination
    hallucinations violations variance
""")
LOWER_WITHIN = ("loss", "error", "rmse", "mse", "mae", "mape", "rmsle", "msle", "latency", "perplexity", "toxicity")
HIGHER = _words("""
    acc roc auroc auprc ap map f1 f2 fbeta score r2 kappa mcc sensitivity specificity tpr tnr ppv npv true lift gain
    ndcg mrr hit hits bleu rouge meteor bertscore iou dice jaccard ssim psnr coverage correlation pearson spearman gini
    ks silhouette likelihood elbo reward return profit revenue throughput rps qps similarity faithfulness relevance
    helpfulness em exact win success agreement quality youden homogeneity completeness ari ami nmi
""")
HIGHER_WITHIN = ("accuracy", "precision", "recall", "auc")


class Direction(StrEnum):
    """Which way a metric improves."""

    HIGHER = "higher"
    LOWER = "lower"


class Compatibility(StrEnum):
    """What callers of the old signature meet at the new one."""

    SAME = "same"
    COMPATIBLE = "compatible"
    BREAKING = "breaking"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """One row of a difference; None means the side does not have it."""

    name: str
    before: object
    after: object

    @property
    def changed(self) -> bool:
        """Whether the sides differ."""
        return self.before != self.after


@dataclass(frozen=True)
class MetricLine(Line):
    """A metric on both sides."""

    direction: Direction

    @property
    def change(self) -> float | None:
        """After minus before, or None where a side was not measured."""
        if isinstance(self.before, (int, float)) and isinstance(self.after, (int, float)):
            return float(self.after) - float(self.before)
        return None

    @property
    def word(self) -> str:
        """`better`, `worse`, `same`, or `not comparable`."""
        change = self.change
        if change is None:
            return "not comparable"
        if change == 0:
            return "same"
        return "better" if (change > 0) == (self.direction is Direction.HIGHER) else "worse"


def known_direction(metric: str) -> Direction | None:
    """Return a metric's direction by the words in its name, or None where they do not tell it.

    A negated loss rises (`neg_log_loss`, as scikit-learn has it); a false rate falls, whatever else is in its name.
    """
    name = metric.lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", name) if part]
    if parts[:1] in (["neg"], ["negative"]):
        return Direction.HIGHER
    if LOWER & set(parts) or any(word in name for word in LOWER_WITHIN):
        return Direction.LOWER
    return Direction.HIGHER if HIGHER & set(parts) or any(word in name for word in HIGHER_WITHIN) else None


def direction_of(metric: str) -> Direction:
    """Return a metric's direction; one that its name does not tell is taken to rise."""
    return known_direction(metric) or Direction.HIGHER


def compare_values(before: dict[str, object], after: dict[str, object]) -> list[Line]:
    """Return a line per key of either side, by name."""
    return [Line(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())]


def compare_metrics(before: dict[str, object], after: dict[str, object]) -> list[MetricLine]:
    """Return a line per metric of either side, by name."""
    names = sorted(before.keys() | after.keys())
    return [MetricLine(name, before.get(name), after.get(name), direction_of(name)) for name in names]


@dataclass(frozen=True)
class SignatureDifference:
    """How two signatures relate, and each reason in words."""

    verdict: Compatibility
    reasons: list[str]


def compare_signatures(before: dict[str, object], after: dict[str, object]) -> SignatureDifference:
    """Compare by what a caller of `before` would notice: a removed or retyped output, a required or retyped input."""
    if not before or not after:
        side = "neither version has" if not before and not after else "one version has no"
        return SignatureDifference(
            Compatibility.UNKNOWN, [f"{side} a signature" if not before and not after else f"{side} signature"]
        )
    breaking: list[str] = []
    noted: list[str] = []
    _compare_inputs(_by_name(before, "inputs"), _by_name(after, "inputs"), breaking, noted)
    _compare_outputs(_by_name(before, "outputs"), _by_name(after, "outputs"), breaking, noted)
    if breaking:
        return SignatureDifference(Compatibility.BREAKING, breaking + noted)
    return SignatureDifference(Compatibility.COMPATIBLE if noted else Compatibility.SAME, noted)


def _by_name(signature: dict[str, object], side: str) -> dict[str, dict[str, object]]:
    columns = signature.get(side)
    return {str(column["name"]): column for column in columns} if isinstance(columns, list) else {}


def _compare_inputs(
    old: dict[str, dict[str, object]], new: dict[str, dict[str, object]], breaking: list[str], noted: list[str]
) -> None:
    for name, column in new.items():
        if name not in old:
            (breaking if column["required"] else noted).append(
                f"new {'required' if column['required'] else 'optional'} input {name} ({column['type']})"
            )
        elif old[name]["type"] != column["type"]:
            breaking.append(f"input {name} was {old[name]['type']}, is {column['type']}")
        elif column["required"] and not old[name]["required"]:
            breaking.append(f"input {name} became required")
    noted.extend(f"input {name} is no longer read" for name in old if name not in new)


def _compare_outputs(
    old: dict[str, dict[str, object]], new: dict[str, dict[str, object]], breaking: list[str], noted: list[str]
) -> None:
    for name, column in old.items():
        if name not in new:
            breaking.append(f"output {name} is gone")
        elif new[name]["type"] != column["type"]:
            breaking.append(f"output {name} was {column['type']}, is {new[name]['type']}")
    noted.extend(f"new output {name} ({column['type']})" for name, column in new.items() if name not in old)

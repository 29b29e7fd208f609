"""Automatic checks of a request: facts measured when it is opened. A fact not there yet is pending, never passed."""

from collections.abc import Iterator

from registry import compare, evidence, manifests, subjects
from registry.models import Check, MetricThreshold, ModelVersion

Status = Check.Status


def evaluate(version: ModelVersion) -> list[Check]:
    """Return the checks of `version`, unsaved, in the order a reviewer reads them."""
    champion = subjects.champion_of(version)
    return [
        _frozen(version),
        *_thresholds(version),
        _signature(version, champion),
        *_no_worse(version, champion),
        _loading(version),
        _described(version),
    ]


def _frozen(version: ModelVersion) -> Check:
    files = manifests.files_of(version.manifest) if version.manifest else []
    measured = f"{len(files)} files, {sum(f.size for f in files):,} bytes"
    return Check(name="Files frozen under one digest", status=Status.PASSED, expected="a manifest", measured=measured)


def _thresholds(version: ModelVersion) -> Iterator[Check]:
    for threshold in MetricThreshold.objects.filter(model=version.model):
        value = evidence.measured(version, threshold.metric)
        met = value is not None and holds(value, threshold.comparison, threshold.value)
        yield Check(
            name=str(threshold),
            status=Status.PASSED if met else Status.FAILED if threshold.required else Status.WARN,
            required=threshold.required,
            expected=f"{threshold.get_comparison_display()} {threshold.value:g}",
            measured="not measured at registration" if value is None else f"{value:.6g}",
            why=""
            if met
            else f"Log {threshold.metric} before registering, and register again."
            if value is None
            else "",
        )


def holds(value: float, comparison: str, limit: float) -> bool:
    """Whether `value` compares so with `limit`."""
    if comparison == MetricThreshold.Comparison.ABOVE:
        return value > limit
    if comparison == MetricThreshold.Comparison.AT_LEAST:
        return value >= limit
    if comparison == MetricThreshold.Comparison.BELOW:
        return value < limit
    return value <= limit


def _signature(version: ModelVersion, champion: ModelVersion | None) -> Check:
    name = "Signature fits the champion's callers" if champion else "Signature present"
    if not version.signature:
        return Check(
            name=name,
            status=Status.WARN,
            required=False,
            expected="a signature",
            measured="none",
            why="Callers' input cannot be checked. Log the model with a signature or an input example.",
        )
    if champion is None:
        counts = f"{len(version.signature['inputs'])} in, {len(version.signature['outputs'])} out"
        return Check(name=name, status=Status.PASSED, expected="a signature", measured=counts)
    found = compare.compare_signatures(champion.signature, version.signature)
    status = {
        compare.Compatibility.SAME: Status.PASSED,
        compare.Compatibility.COMPATIBLE: Status.PASSED,
        compare.Compatibility.BREAKING: Status.WARN,
        compare.Compatibility.UNKNOWN: Status.WARN,
    }[found.verdict]
    return Check(
        name=name,
        status=status,
        required=False,
        expected="same or compatible",
        measured=found.verdict,
        why="; ".join(found.reasons)[:500],
    )


def _no_worse(version: ModelVersion, champion: ModelVersion | None) -> Iterator[Check]:
    if champion is None:
        return
    lines = compare.compare_metrics(evidence.read(champion)["metrics"], evidence.read(version)["metrics"])
    shared = [line for line in lines if line.change is not None]
    worse = [line for line in shared if line.word == "worse"]
    yield Check(
        name=f"No metric worse than version {champion.version}",
        status=Status.WARN if worse or not shared else Status.PASSED,
        required=False,
        expected="same or better",
        measured=f"{len(worse)} of {len(shared)} worse" if shared else "no metric in common",
        why="; ".join(f"{line.name} {line.before:.6g} → {line.after:.6g}" for line in worse)[:500],
    )


def _loading(version: ModelVersion) -> Check:
    pickles = version.environment.get("runs_code") or []
    return Check(
        name="Loads without running code of the file",
        status=Status.WARN if pickles else Status.PASSED,
        required=False,
        expected="no pickle",
        measured=", ".join(pickles)[:200] if pickles else version.environment.get("serialization") or "no pickle found",
        why="A pickle can run anything when it is loaded. Save with skops or ONNX where you can." if pickles else "",
    )


def _described(version: ModelVersion) -> Check:
    words = bool(version.description.strip() or version.annotations.exists() or version.model.description.strip())
    return Check(
        name="Described",
        status=Status.PASSED if words else Status.WARN,
        required=False,
        expected="a description or an annotation",
        measured="present" if words else "missing",
        why="" if words else "Say what it was trained on and what it must not be used for.",
    )

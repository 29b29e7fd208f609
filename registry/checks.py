"""Automatic checks of a request: facts measured when it is opened. A fact not there yet is pending, never passed."""

from collections.abc import Iterator, Sequence

from registry import cards, champions, compare, evidence, listed_files, subjects
from registry.models import ApprovalRequest, Check, MetricThreshold, ModelVersion, VersionFact
from registry.models.approvals import RequestState
from registry.policies.documents import CheckSpec
from registry.policy import FOLLOWS_PRODUCTION
from registry.stages import Stage

Status = Check.Status
MEASURED = ("status", "measured", "why")


def evaluate(version: ModelVersion, specs: Sequence[CheckSpec] = ()) -> list[Check]:
    """Return the checks of `version`, unsaved, in the order a reviewer reads them.

    What a policy asks for by `specs` has to pass; it stands for the advice that has the same name.
    """
    champion = champions.champion_of(version)
    found: dict[str, Check] = {}
    for check in (
        _frozen(version),
        *(asked_by(spec, version, champion) for spec in specs),
        *_thresholds(version),
        _signature(version, champion),
        *_no_worse(version, champion),
        _loading(version),
        _described(version),
    ):
        found.setdefault(check.name, check)
    return list(found.values())


def as_of_now(request: ApprovalRequest) -> list[Check]:
    """Return the request's checks; of an open one, those that were pending are measured again, and not saved."""
    found = list(request.checks.all())
    pending = [check for check in found if check.status == Status.PENDING]
    if pending and request.state == RequestState.OPEN:
        now = {check.name: check for check in evaluate(request.version, subjects.terms_of(request).checks)}
        for check in pending:
            fresh = now.get(check.name, check)
            check.status, check.measured, check.why = fresh.status, fresh.measured, fresh.why
    return found


def _frozen(version: ModelVersion) -> Check:
    files = listed_files.files_of(version.manifest) if version.manifest else []
    measured = f"{len(files)} files, {sum(f.size for f in files):,} bytes"
    return Check(name="Files frozen under one digest", status=Status.PASSED, expected="a manifest", measured=measured)


def asked_by(spec: CheckSpec, version: ModelVersion, champion: ModelVersion | None) -> Check:
    """Return a policy's check: required, so that a warning is a failure."""
    if spec.kind == "metric":
        return _bounded(version, spec.metric, spec.comparison, spec.bound)
    if spec.kind == "champion":
        return _not_much_worse(spec, version, champion)
    check = _signature(version, champion) if spec.kind == "signature" else _fact(spec, version)
    if spec.kind == "signature" and champion is None and not champions.never_was_one(version):
        check = _lost(check)
    check.required = True
    check.status = Status.FAILED if check.status == Status.WARN else check.status
    return check


def _not_much_worse(spec: CheckSpec, version: ModelVersion, champion: ModelVersion | None) -> Check:
    better = compare.Direction(spec.better) if spec.better else compare.direction_of(spec.metric)
    check = Check(
        name=spec.title,
        status=Status.PASSED,
        expected=f"{better} is better",
        measured="there never was another champion",
    )
    if champion is None:
        return check if champions.never_was_one(version) else _lost(check)
    before, after = evidence.measured(champion, spec.metric), evidence.measured(version, spec.metric)
    if not isinstance(before, float) or not isinstance(after, float):
        without = [(one, said) for one, said in ((champion, before), (version, after)) if not isinstance(said, float)]
        check.status, check.measured = Status.FAILED, _said(without[-1][1])
        numbers = " and version ".join(str(one.version) for one, _ in without)
        check.why = f"Version {numbers} did not log {spec.metric} as a number."
        return check
    loss = before - after if better is compare.Direction.HIGHER else after - before
    check.status = Status.PASSED if loss <= spec.bound else Status.FAILED
    check.measured = f"{_named(champion)} {before:.6g} → {after:.6g}"
    return check


def _named(champion: ModelVersion) -> str:
    """Return which version it is measured against; a champion of before is called so."""
    is_live = champion.stage == Stage.PRODUCTION or champion.aliases.filter(name=FOLLOWS_PRODUCTION).exists()
    return f"version {champion.version}" if is_live else f"the last champion, version {champion.version}:"


def _lost(check: Check) -> Check:
    """Nobody can tell how it does against champions that are deleted."""
    check.status, check.measured = Status.FAILED, "the champions before it are deleted"
    check.why = "Put a version into Production under a policy that does not compare with the champion, or register one."
    return check


def _fact(spec: CheckSpec, version: ModelVersion) -> Check:
    """Return whether a fact that arrives after registration is there, and good."""
    if spec.kind in VersionFact.Kind.values:
        return _examined(spec, version)
    if spec.kind == "card":
        return _card(spec, version)
    lock = version.environment.get("lock")
    return Check(
        name=spec.title,
        status=Status.PASSED if lock else Status.PENDING,
        expected="known",
        measured=f"lock {str(lock)[:12]}…" if lock else "not known yet",
        why="" if lock else version.environment.get("lock_why", "")[:500],
    )


def _examined(spec: CheckSpec, version: ModelVersion) -> Check:
    """Return what was found out about the files; pending while nobody has looked."""
    fact = VersionFact.objects.filter(version=version, kind=spec.kind).first()
    if fact is None:
        return Check(name=spec.title, status=Status.PENDING, expected="looked at", measured="not known yet")
    status = Status.PASSED if fact.good else Status.FAILED
    why = "" if fact.good else "; ".join(f"{path}: {why}" for path, why in fact.found)
    return Check(name=spec.title, status=status, expected="good", measured=fact.words, why=why[:500])


def _card(spec: CheckSpec, version: ModelVersion) -> Check:
    """Return whether the model card has no gap and was approved; pending until then."""
    card = cards.card_of(version)
    gaps = f"gaps: {', '.join(card.gaps)}" if card.gaps else "no gap"
    return Check(
        name=spec.title,
        status=Status.PASSED if card.is_complete else Status.PENDING,
        expected="no gap, approved",
        measured=f"{card.state.label.lower()}, {gaps}",
        why="" if card.is_complete else "Write what is missing on the card's page; another person approves it.",
    )


def _thresholds(version: ModelVersion) -> Iterator[Check]:
    for threshold in MetricThreshold.objects.filter(model=version.model):
        yield _bounded(version, threshold.metric, threshold.comparison, threshold.value, required=threshold.required)


def _bounded(version: ModelVersion, metric: str, comparison: str, bound: float, *, required: bool = True) -> Check:
    value = evidence.measured(version, metric)
    met = isinstance(value, float) and holds(value, comparison, bound)
    return Check(
        name=f"{metric} {comparison} {bound:g}",
        status=Status.PASSED if met else Status.FAILED if required else Status.WARN,
        required=required,
        expected=f"{MetricThreshold.Comparison(comparison).label} {bound:g}",
        measured=_said(value),
        why="" if isinstance(value, float) else f"Log {metric} as a number before registering, and register again.",
    )


def _said(value: float | str | None) -> str:
    """Return a metric at registration in words."""
    if value is None:
        return "not measured at registration"
    return f"was {value} at registration" if isinstance(value, str) else f"{value:.6g}"


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

"""Reads model cards: what was written, else what the run says; what nobody said is a gap."""

from dataclasses import dataclass, field

from accounts.actors import Actor
from accounts.permissions import Permission
from core import canonical
from registry import evidence
from registry.models import CardState, ModelCard, ModelVersion, RunInput

SECTIONS = {
    "purpose": "What it is for, and what it must not be used for.",
    "users": "Who uses it, and who is affected by what it says.",
    "limits": "Where it is known to be weak or wrong.",
    "data": "What it was trained and measured on, and how that was gathered.",
    "ethics": "Which harms were considered, and what was done about them.",
}
TAG = "signoff.card."  # a run's tag fills the section of that name


@dataclass(frozen=True)
class Section:
    """A part of the card. `source` says where its text is from; an empty text is a gap."""

    name: str
    asks: str
    text: str
    source: str


@dataclass(frozen=True)
class Card:
    """A version's card as it reads now."""

    sections: list[Section]
    slices: list[tuple[str, str, object]]
    state: CardState
    row: ModelCard | None = field(default=None, compare=False)
    datasets: list[tuple[str, str]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    @property
    def gaps(self) -> list[str]:
        """The sections that nobody wrote."""
        return [part.name for part in self.sections if not part.text]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing and another person approved it."""
        return not self.gaps and self.state == CardState.APPROVED

    @property
    def digest(self) -> str:
        """What a signature covers: the texts."""
        return canonical.digest({part.name: part.text for part in self.sections})


def card_of(version: ModelVersion) -> Card:
    """Return the card: what was written, else what the run and the descriptions say."""
    row = written_for(version)
    written = row.sections if row else {}
    datasets, models = inputs_of(version)
    filled = _filled(version, datasets)
    parts = [
        Section(name, asks, written[name], "written")
        if name in written
        else Section(name, asks, *filled.get(name, ("", "")))
        for name, asks in SECTIONS.items()
    ]
    state = CardState(row.state) if row else CardState.DRAFT
    return Card(parts, slices_of(version), state, row, datasets, models)


def written_for(version: ModelVersion) -> ModelCard | None:
    """Return the row of the card; None where nobody has written one."""
    try:
        return version.card
    except ModelCard.DoesNotExist:
        return None


def _filled(version: ModelVersion, datasets: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return what is known of the sections without anybody having written them, and from where."""
    tags = evidence.read(version)["tags"]
    found = {name: (str(tags[TAG + name]), f"tag {TAG}{name}") for name in SECTIONS if tags.get(TAG + name)}
    if description := version.description.strip() or version.model.description.strip():
        found.setdefault("purpose", (description, "description"))
    if datasets:
        lines = "\n".join(f"{name} ({digest})" for name, digest in datasets)
        found.setdefault("data", (lines, "data logged by the run"))
    return found


def slices_of(version: ModelVersion) -> list[tuple[str, str, object]]:
    """Return metrics by slice: one named `auc/region:eu` is `auc` for the slice `region:eu`."""
    metrics = evidence.read(version)["metrics"]
    named = ((key.partition("/"), value) for key, value in metrics.items())
    return sorted((metric, part, value) for (metric, _, part), value in named if part and metric in metrics)


def may_review(version: ModelVersion, *, actor: Actor) -> bool:
    """Whether the actor may approve the card: decides on requests, and neither wrote it nor made the version."""
    card = card_of(version)
    writer = card.row.edited_by_id if card.row else None
    person = actor.user.pk if actor.user else None
    return actor.holds(Permission.REQUEST_DECIDE) and person not in version.makers | {writer}


def inputs_of(version: ModelVersion) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what the version's run says it read: name and digest of data sets, and ids of models."""
    if not version.run_id:
        return [], []
    rows = list(RunInput.objects.filter(run__run_id=version.run_id).order_by("pk")[:40])
    said = [row.body.get("dataset") or row.body for row in rows if row.kind == "dataset"]
    datasets = [(str(one.get("name") or "unnamed"), str(one.get("digest") or "no digest")) for one in said]
    return datasets, [row.key for row in rows if row.kind == "model"]

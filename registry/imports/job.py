"""What every part of an import shares: where from, by whom, what is known already, and what came of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.models import User
from audit.record import Change, Subject, record
from core.refusals import Invalid, Refusal
from registry.imports.report import Difference, Facts, Four, Report, compare
from registry.imports.source import Json, Source
from registry.models import Imported

Progress = Callable[[str, int, int], None]


@dataclass
class Job:
    """One import under way. `ask` opens approval requests for what was in Production there."""

    source: Source
    actor: Actor
    report: Report
    progress: Progress
    ask: bool = False
    begun: bool = False
    seen: dict[str, set[str]] = field(default_factory=dict)

    def row(self, kind: str, there: str) -> Imported | None:
        """Return what was copied of it before, if anything."""
        return Imported.objects.filter(source=self.source.uri, kind=kind, there=there).first()

    def known(self, kind: str, there: str) -> Imported | None:
        """Return the same, and remember that it is still there."""
        self.seen.setdefault(kind, set()).add(there)
        return self.row(kind, there)

    def here(self, kind: str, there: str) -> str:
        """Return the id here of a thing that was copied whole, or an empty string."""
        row = self.row(kind, there)
        return row.here if row and row.done else ""

    def copied(self, kind: str, there: str, here: str) -> Imported:
        """Remember a copy; runs in the transaction that made it."""
        if not self.begun:
            self.begun = True
            record("import.begun", self.about, actor=self.actor)
        return Imported.objects.create(source=self.source.uri, kind=kind, there=there, here=here)

    def finish(self, row: Imported, there: Facts, here: Facts) -> None:
        """Say that every part of the copy is here, and what both sides say of it."""
        row.done, row.facts = True, {"there": there, "here": here}
        row.save(update_fields=["done", "facts"])
        self.report.added[row.kind] += 1
        self._compare(row, there, here)

    def compare(self, row: Imported, there: Facts, here: Facts | None) -> None:
        """Report where both sides differ; `here` is None where it was deleted."""
        self.report.unchanged[row.kind] += 1
        if here is None:
            self.report.differences.append(Difference(row.kind, row.there, "", "gone here"))
        else:
            self._compare(row, there, here)

    def _compare(self, row: Imported, there: Facts, here: Facts) -> None:
        four = Four(row.facts.get("there"), row.facts.get("here"), there, here)
        self.report.differences += compare(row.kind, row.there, four)

    def each(self, what: str, rows: Iterable[Json], do: Callable[[Json], None], name: Callable[[Json], str]) -> None:
        """Do each of `rows`; one that is refused is reported, and the others go on."""
        total = len(rows) if isinstance(rows, list) else 0
        for number, one in enumerate(rows):
            self.progress(what, number, total)
            try:
                do(one)
            except Refusal as why:
                self.report.failures.append(f"{what} {name(one)}: {why.sentence}")
            except (KeyError, TypeError, ValueError) as why:
                self.report.failures.append(f"{what} {name(one)}: the server's answer lacks or garbles {why}")

    def fitting(self, what: str, tags: Mapping[str, str], check: Callable[[str, str], object]) -> dict[str, str]:
        """Return the tags that can be kept here; the others are reported and left out, and what they tag is kept."""
        kept = {}
        for key, value in tags.items():
            try:
                check(key, value)
            except Invalid as why:
                self.report.failures.append(f"{what}: the tag {key[:80]!r} is left out: {why.sentence}")
            else:
                kept[key] = value
        return kept

    def end(self) -> None:
        """Report what is there no more, and tell the ledger what an import that wrote something did."""
        self.report.differences += self.gone()
        if self.begun:
            counts: dict[str, object] = {**self.report.added, "failures": len(self.report.failures)}
            with transaction.atomic():
                record("import.ended", self.about, actor=self.actor, change=Change(after=counts))

    @property
    def about(self) -> Subject:
        """The other server as the ledger names it."""
        return Subject("server", self.source.uri[:64], self.source.uri)

    def gone(self) -> Iterator[Difference]:
        """Yield what was copied once and is not there any more."""
        for row in Imported.objects.filter(source=self.source.uri).order_by("kind", "there"):
            if row.there not in self.seen.get(row.kind, set()):
                yield Difference(row.kind, row.there, "", "gone there")

    def person_of(self, name: str) -> User:
        """Return the active person of that name here, else whoever imports.

        So a person cannot sign here for what she made there, where both servers know her by one name.
        """
        found = User.objects.filter(username=name, is_active=True).first() if name else None
        return found or self.actor.person


def pairs(said: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return `[{key, value}]` as a dict."""
    return {str(one["key"]): str(one.get("value", "")) for one in said or ()}


together = transaction.atomic

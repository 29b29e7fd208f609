"""Kinds that are columns of one table: the replay reads each for itself, whoever uses a few rows reads all at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.expressions import Combinable

from audit.replay.attest import Row
from audit.replay.story import NOT_AS_TOLD, Kind
from registry.replayed.readers import Reader

Found = QuerySet[Any]
Column = str | Combinable


@dataclass(frozen=True)
class Read:
    """How a kind is read: from which columns, and into which word; None where there is nothing to say."""

    kind: Kind
    columns: tuple[Column, ...]
    word: Callable[..., str | None]


@dataclass
class Table:
    """`every` gives all rows in a stable order; `key` are the columns of a row's key, put together by `form`."""

    every: Callable[[], Found]
    key: tuple[str, ...]
    form: Callable[..., str]
    reads: list[Read] = field(default_factory=list)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of this table, in their order."""
        return tuple(one.kind for one in self.reads)

    def kind(
        self, name: str, words: str, tells: Mapping[str, Reader], *columns: Column,
        word: Callable[..., str | None] = str, complete: bool = True, among: Q | None = None,
    ) -> Kind:  # fmt: skip
        """Add a kind and return it; the replay reads the rows `among` all."""

        def rows() -> Iterator[tuple[str, str]]:
            found = self.every().filter(among or Q()).values_list(*self.key, *columns)
            for values in found.iterator(chunk_size=1_000):
                if (said := _said(word, values[len(self.key) :])) is not None:
                    yield self.form(*values[: len(self.key)]), said

        made = Kind(name, words, tells, rows, complete=complete)
        self.reads.append(Read(made, columns, word))
        return made

    def values(self, found: Found) -> QuerySet[Any, Any]:
        """Return the rows `found` with what all kinds read of them."""
        return found.values_list(*self.key, *(column for one in self.reads for column in one.columns))

    def rows(self, found: Found) -> Iterator[Row]:
        """Yield all that the kinds say of the rows `found`, read at once."""
        return self.told(self.values(found))

    def told(self, rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
        """Yield all that the kinds say of rows as `values` gives them."""
        for values in rows:
            rest = list(values[len(self.key) :])
            for one in self.reads:
                mine, rest = rest[: len(one.columns)], rest[len(one.columns) :]
                if (said := _said(one.word, mine)) is not None:
                    yield one.kind, self.form(*values[: len(self.key)]), said


def _said(word: Callable[..., str | None], values: Sequence[Any]) -> str | None:
    """Return the word; columns of another shape than ours are a word of their own, which no event says."""
    try:
        return word(*values)
    except NOT_AS_TOLD as why:
        return f"cannot be read: {type(why).__name__} {why}"[:400]

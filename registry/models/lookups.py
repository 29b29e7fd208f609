"""SQL's LIKE as MLflow's search means it: `like` minds case on both databases, `ilike` does not; nothing escapes."""

from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    Pattern = Lookup[str]
else:
    Pattern = Lookup  # Django subscripts it in stubs only

Sql = tuple[str, tuple[Any, ...]]


@CharField.register_lookup
@TextField.register_lookup
class Like(Pattern):
    """Matches `%` and `_` patterns, letters as written. SQLite's LIKE ignores case, so GLOB stands in for it."""

    lookup_name = "like"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """PostgreSQL: an empty ESCAPE makes a backslash an ordinary letter."""
        return _operator(self, "{} LIKE {} ESCAPE ''", compiler, connection)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """The same by GLOB."""
        sql, params = _operator(self, "{} GLOB {}", compiler, connection)
        return sql, (*params[:-1], glob(str(self.rhs)))


@CharField.register_lookup
@TextField.register_lookup
class ILike(Pattern):
    """Matches `%` and `_` patterns in any case."""

    lookup_name = "ilike"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """PostgreSQL has the operator."""
        return _operator(self, "{} ILIKE {} ESCAPE ''", compiler, connection)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """SQLite's LIKE is it."""
        return _operator(self, "{} LIKE {}", compiler, connection)


def _operator(lookup: "Lookup[str]", form: str, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
    left, left_params = lookup.process_lhs(compiler, connection)
    right, right_params = lookup.process_rhs(compiler, connection)
    return form.format(left, right), (*left_params, *right_params)


def glob(pattern: str) -> str:
    """Return the GLOB pattern that matches what LIKE `pattern` matches."""
    words = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(words.get(letter, letter) for letter in pattern)

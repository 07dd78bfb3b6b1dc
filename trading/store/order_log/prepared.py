"""Statements of the order path: built and compiled once, then handed to the driver as they are.

SQLAlchemy builds, looks up and wraps a statement anew at each call, which cost ten times what the database
does (docs/decisions/0055). Here a statement is made when its module is read and compiled once for each kind
of database; values go through the same types (`schema.Exact`) both ways. Statements that run once in a while
stay as they are everywhere else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from trading.market.errors import BadInput

type Values = Mapping[str, Any]
type Row = dict[str, Any]
type AnyRow = Mapping[str, Any] | sa.RowMapping  # as a reader of either kind takes it
_Convert = Callable[[Any], Any] | None


def given(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    """Return a place in a statement for the value called `name`; give the column's type where it is Exact."""
    return sa.bindparam(name, type_=type_, required=True)


def one_of(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return whether a column has one of some words of ours, written into the statement itself."""
    return column.in_([sa.literal_column(f"'{value}'") for value in sorted(values)])


def changed(table: sa.Table, names: Iterable[str]) -> dict[str, sa.BindParameter[Any]]:
    """Return what an Update sets: each of these columns to the value given under its name."""
    return {name: given(name, table.c[name].type) for name in names}


class _Compiled:
    """A statement in one database's words."""

    __slots__ = ("_constants", "_names", "_places", "_results", "is_positional", "sql")

    def __init__(self, statement: Any, dialect: Dialect, keys: Sequence[str] | None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        self.sql = str(compiled)
        if "POSTCOMPILE" in self.sql:
            raise BadInput(f"a prepared statement holds no list of values: use one_of. It was {self.sql}")
        self.is_positional = bool(compiled.positional)
        names = compiled.positiontup if self.is_positional else list(compiled.binds)
        self._places = [(name, _bind(compiled.binds[name], dialect)) for name in names or ()]
        # Values that the statement itself was written with.
        self._constants = {
            name: bind.value
            for name, bind in compiled.binds.items()
            if not bind.required and name not in (keys or ())
        }
        columns = statement.selected_columns if isinstance(statement, sa.Select) else ()
        self._names = [str(column.key) for column in columns]
        found = [_result(column.type, dialect) for column in columns]
        self._results = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    def arguments(self, values: Values) -> Any:
        """Return what the driver takes."""
        if self._constants:
            values = {**self._constants, **values}
        if self.is_positional:
            return [values[name] if to is None else to(values[name]) for name, to in self._places]
        return {name: values[name] if to is None else to(values[name]) for name, to in self._places}

    def row(self, raw: Sequence[Any]) -> Row:
        """Return one row by column."""
        if not self._results:
            return dict(zip(self._names, raw, strict=True))
        read = list(raw)
        for place, convert in self._results:
            read[place] = convert(read[place])
        return dict(zip(self._names, read, strict=True))


class Prepared:
    """One statement with places for values (`given`).

    Parameters
    ----------
    statement : sqlalchemy statement
        A Select, Insert, Update or Delete.
    keys : sequence of str, optional
        The columns that an Insert writes.
    """

    def __init__(self, statement: Any, keys: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._keys = keys
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: sa.Connection, **values: Any) -> list[Row]:
        """Return all rows, in the transaction of `connection`."""
        compiled = self._for(connection.dialect)
        return [compiled.row(raw) for raw in self._run(connection, compiled, values).fetchall()]

    def first(self, connection: sa.Connection, **values: Any) -> Row | None:
        """Return the first row, None if there is none."""
        compiled = self._for(connection.dialect)
        raw = self._run(connection, compiled, values).fetchone()
        return None if raw is None else compiled.row(raw)

    def scalar(self, connection: sa.Connection, **values: Any) -> Any:
        """Return the first value of the first row, None if there is none."""
        found = self.first(connection, **values)
        return None if found is None else next(iter(found.values()))

    def do(self, connection: sa.Connection, values: Values) -> int:
        """Change something; return how many rows."""
        return int(self._run(connection, self._for(connection.dialect), values).rowcount)

    def each(self, connection: sa.Connection, rows: Iterable[Values]) -> int:
        """Change something for each of `rows`; return how many rows in all."""
        compiled = self._for(connection.dialect)
        raw = _raw(connection)
        try:
            cursor = raw.cursor()
            cursor.executemany(compiled.sql, [compiled.arguments(row) for row in rows])
        except connection.dialect.loaded_dbapi.Error as error:
            _fail(connection, compiled.sql, error)
        return int(cursor.rowcount)

    def read(self, dialect: Dialect, raw: Any, values: Values) -> list[Row]:
        """Return all rows by a driver's own connection, outside of any transaction. The driver's errors."""
        compiled = self._for(dialect)
        return [
            compiled.row(each) for each in raw.execute(compiled.sql, compiled.arguments(values)).fetchall()
        ]

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled(self._statement, dialect, self._keys)
        return found

    def _run(self, connection: sa.Connection, compiled: _Compiled, values: Values) -> Any:
        try:
            return _raw(connection).execute(compiled.sql, compiled.arguments(values))
        except connection.dialect.loaded_dbapi.Error as error:
            _fail(connection, compiled.sql, error)


def new_rows(table: sa.Table, keys: Sequence[str], dialect: str) -> Prepared:
    """Return the statement that inserts rows whose keys are not there yet; `keys` are the columns given."""
    forgotten = [c.name for c in table.c if c.default is not None and c.name not in keys]
    if forgotten:  # SQLAlchemy would fill them in; a prepared statement does not
        raise BadInput(f"a new row of {table.name} must say its {', '.join(forgotten)}")
    maker = sqlite if dialect == "sqlite" else postgresql
    return Prepared(maker.insert(table).on_conflict_do_nothing(), keys)


def _raw(connection: sa.Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.dbapi_connection


def _fail(connection: sa.Connection, sql: str, error: Exception) -> NoReturn:
    """Raise what SQLAlchemy would have raised; a connection that is gone is not used again."""
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    told = sa.exc.DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_gone, dialect=dialect
    )
    if is_gone:
        connection.invalidate(error)
    raise told from error


def _bind(parameter: sa.BindParameter[Any], dialect: Dialect) -> _Convert:
    return parameter.type.dialect_impl(dialect).bind_processor(dialect)


def _result(type_: Any, dialect: Dialect) -> _Convert:
    convert: _Convert = type_.dialect_impl(dialect).result_processor(dialect, None)
    return convert

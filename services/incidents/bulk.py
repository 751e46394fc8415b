"""Many rows at once, by the quickest way that each database has: a projector's rows are plain tuples."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Engine


def insert(connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows in the order of the table's columns, in the running transaction.

    Raises IntegrityError when a row's key is taken; then the transaction must be rolled back.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        connection.exec_driver_sql(_statement(table), list(rows))


def among(
    database: Engine | Connection, column: sa.Column[Any], values: Iterable[Any]
) -> sa.ColumnElement[bool]:
    """That a column holds one of many values, as one parameter: the statement is made once for any number."""
    if database.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(column.type)))
    each = sa.func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _copy(connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """COPY; the driver's exceptions are turned into SQLAlchemy's, without the values of the row."""
    raw: Any = connection.connection.driver_connection
    errors = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(_copy_statement(table)) as copy:
            copy.set_types(_types(table))
            for row in rows:
                copy.write_row(row)
    except errors.IntegrityError:
        raise sa.exc.IntegrityError(f"COPY {table.name}", None, Exception("key taken")) from None


@cache
def _statement(table: sa.Table) -> str:
    columns = ", ".join(table.columns.keys())
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608  names are our own


@cache
def _copy_statement(table: sa.Table) -> str:
    return f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN (FORMAT BINARY)"


@cache
def _types(table: sa.Table) -> list[str]:
    names = {
        sa.BigInteger: "int8",
        sa.Integer: "int4",
        sa.Boolean: "bool",
        sa.LargeBinary: "bytea",
        sa.Double: "float8",
        postgresql.ARRAY: "int4[]",
    }
    return [names.get(type(column.type), "text") for column in table.columns]

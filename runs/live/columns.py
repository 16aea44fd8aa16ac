"""Rows of a run as JSON columns, built by the database in one consistent view.

Knows SQL and its two dialects; knows nothing of what the columns mean to a viewer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import BooleanField, JSONField, Model

LAST_ID = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A place among rows ordered by (seq, id): all up to here have been read."""

    seq: int
    id: int = LAST_ID


START = Mark(0)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows after a mark: `text` is a JSON object of columns, `end` the mark behind them."""

    text: str
    rows: int
    end: Mark


@contextmanager
def one_view() -> Iterator[None]:
    """Reads inside see one state of the database, and take no write lock for it."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _deferred():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield


@contextmanager
def _deferred() -> Iterator[None]:
    """By hand: atomic() would begin IMMEDIATE, which waits for the writer."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")


def count(cursor: CursorWrapper, model: type[Model], run_id: int, after: Mark, upto: int) -> int:
    """Rows after a mark that were last changed by a commit up to `upto`."""
    cursor.execute(*_select(model, "count(*)", run_id, after, Mark(upto)))
    return int(cursor.fetchone()[0])


def page(
    cursor: CursorWrapper,
    model: type[Model],
    names: Mapping[str, str],
    run_id: int,
    after: Mark,
    upto: int,
    most: int | None,
) -> Page:
    """The next rows after a mark, at most `most` of them (None: all). `names`: what a column is
    called in the JSON → the model's field."""
    rows, end = count(cursor, model, run_id, after, upto), Mark(upto)
    if most is not None and rows > most:
        rows, end = most, _mark_at(cursor, model, run_id, after, upto, most)
    if not rows:
        return Page("{" + ",".join(f'"{name}":[]' for name in names) + "}", 0, end)
    quoted = [_quoted(model, field) for field in names.values()]
    inner, values = _select(model, ", ".join([*quoted, "seq", "id"]), run_id, after, end)
    arrays = ", ".join(_array(model, field) for field in names.values())
    # Columns, quoted by the backend, come from the model; every value is a parameter.
    cursor.execute(f"SELECT {arrays} FROM ({inner} ORDER BY seq, id) AS changed", values)  # noqa: S608
    columns = zip(names, cursor.fetchone(), strict=True)
    return Page("{" + ",".join(f'"{name}":{array}' for name, array in columns) + "}", rows, end)


def _mark_at(
    cursor: CursorWrapper, model: type[Model], run_id: int, after: Mark, upto: int, nth: int
) -> Mark:
    if nth <= 0:
        return after
    sql, values = _select(model, "seq, id", run_id, after, Mark(upto))
    cursor.execute(f"{sql} ORDER BY seq, id LIMIT 1 OFFSET %s", [*values, nth - 1])
    return Mark(*cursor.fetchone())


def _select(
    model: type[Model], what: str, run_id: int, after: Mark, end: Mark
) -> tuple[str, list[int]]:
    table = connection.ops.quote_name(model._meta.db_table)
    sql = f"SELECT {what} FROM {table} WHERE run_id = %s AND seq >= %s AND seq <= %s"  # noqa: S608
    values = [run_id, after.seq, end.seq]
    if after.id == LAST_ID:
        values[1] += 1
    else:
        sql += " AND (seq, id) > (%s, %s)"
        values += [after.seq, after.id]
    if end.id != LAST_ID:
        sql += " AND (seq, id) <= (%s, %s)"
        values += [end.seq, end.id]
    return sql, values


def _quoted(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return connection.ops.quote_name(field.column)


def _array(model: type[Model], field: str) -> str:
    column, kind = _quoted(model, field), model._meta.get_field(field)
    if connection.vendor != "sqlite":
        return f"json_agg({column})::text"
    if isinstance(kind, BooleanField):
        return f"json_group_array(json(iif({column}, 'true', 'false')))"
    if isinstance(kind, JSONField):
        return f"json_group_array(json({column}))"
    return f"json_group_array({column})"

"""The hot statements of the single writer, both dialects side by side.

Everything else is ORM. Each statement takes one tuple a row, in the order of its columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, cast

from django.db.backends.utils import CursorWrapper

INT, FLOAT, TEXT, BOOL, JSON = "bigint", "double precision", "text", "boolean", "jsonb"
MOST_A_STATEMENT = 32  # rows: SQLite may take no more than 999 values
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """An upsert: `key` names the conflict, `fixed` columns are never changed again."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    fixed: frozenset[str] = frozenset()
    _upserts: dict[tuple[str, int], str] = field(default_factory=dict)  # by vendor and rows

    def upsert(self, vendor: str, rows: int = 1) -> str:
        """`rows`: how many SQLite is given at once; PostgreSQL takes any number as arrays."""
        if (vendor, rows) not in self._upserts:
            self._upserts[vendor, rows] = self._written(vendor, rows)
        return self._upserts[vendor, rows]

    def _written(self, vendor: str, rows: int) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        changed = [n for n in self.columns if n not in self.key and n not in self.fixed]
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in changed)
        key = ", ".join(f'"{name}"' for name in self.key)
        head = f"INSERT INTO {self.name} ({names}) {self._values(vendor, rows)}"
        return f"{head} ON CONFLICT ({key}) DO UPDATE SET {updates}"

    def _values(self, vendor: str, rows: int) -> str:
        if vendor == "sqlite":
            row = f"({', '.join('?' for _ in self.columns)})"
            return f"VALUES {', '.join([row] * rows)}"
        arrays = ", ".join(f"%s::{_array(kind)}" for kind in self.columns.values())
        casts = ", ".join(
            f"c{i}::jsonb" if kind == JSON else f"c{i}"
            for i, kind in enumerate(self.columns.values())
        )
        names = ", ".join(f"c{i}" for i in range(len(self.columns)))
        return f"SELECT {casts} FROM unnest({arrays}) AS rows({names})"  # noqa: S608

    def write(self, rows: list[Row], cursor: CursorWrapper) -> None:
        """Upsert the rows inside the cursor's open transaction."""
        if not rows:
            return
        vendor = cursor.db.vendor
        if vendor != "sqlite":
            cursor.execute(
                self.upsert(vendor), [list(column) for column in zip(*rows, strict=True)]
            )
            return
        # The bare driver: Django's wrapper rewrites the statement for every call. Many rows at
        # once: the driver lets go of the interpreter at each statement, and a busy loop gives it
        # back half a millisecond later. Row by row that is a commit's time.
        driver = cursor.cursor.connection
        with cursor.db.wrap_database_errors:
            for begin in range(0, len(rows), MOST_A_STATEMENT):
                block = rows[begin : begin + MOST_A_STATEMENT]
                driver.execute(self.upsert(vendor, len(block)), tuple(chain.from_iterable(block)))


def _array(kind: str) -> str:
    return "text[]" if kind == JSON else f"{kind}[]"


BRANCHES = Table(
    "runs_branch",
    {
        "id": INT, "run_id": INT, "number": INT, "join_number": INT, "pass_n": INT, "role": TEXT,
        "level": INT, "index": INT, "label": TEXT, "item_number": INT, "connection": TEXT,
        "model": TEXT, "input_hash": TEXT, "status": TEXT, "reason": TEXT, "error_kind": TEXT,
        "is_cut": BOOL, "tries": INT, "ready_ms": INT, "sent_ms": INT, "first_token_ms": INT,
        "ended_ms": INT, "backoff_until_ms": INT, "held_ms": INT, "trail": TEXT,
        "input_tokens": INT, "output_tokens": INT, "cost_usd": FLOAT, "reading": TEXT, "seq": INT,
    },
    key=("id",),
    fixed=frozenset({
        "run_id", "number", "join_number", "pass_n", "role", "level", "index", "label",
        "item_number", "connection", "model",
    }),
)  # fmt: skip

ATTEMPTS = Table(
    "runs_attempt",
    {
        "run_id": INT, "branch_id": INT, "number": INT, "uuid": TEXT, "status": TEXT,
        "ready_ms": INT, "admitted_ms": INT, "sent_ms": INT, "first_token_ms": INT,
        "ended_ms": INT, "held_ms": INT, "held_reason": TEXT, "limited_ms": INT,
        "short_ms": INT, "status_code": INT,
        "retry_after_s": FLOAT, "error_kind": TEXT, "error": TEXT, "input_tokens": INT,
        "output_tokens": INT, "cached_tokens": INT, "reserved_tokens": INT, "reserved_usd": FLOAT,
        "cost_usd": FLOAT, "is_cost_confirmed": BOOL, "is_hedge": BOOL, "seq": INT,
    },
    key=("branch_id", "number"),
    fixed=frozenset({"run_id", "uuid", "limited_ms", "short_ms"}),
)  # fmt: skip

ANSWERS = Table("runs_answer", {"branch_id": INT, "text": TEXT}, key=("branch_id",))

JOINS = Table(
    "runs_join",
    {
        "id": INT, "run_id": INT, "number": INT, "parent_number": INT, "position": INT,
        "label": TEXT, "item_number": INT, "children": INT, "branches_are_children": BOOL,
        "status": TEXT, "outcome": TEXT, "value": TEXT, "quality": JSON, "seq": INT,
    },
    key=("id",),
    fixed=frozenset({
        "run_id", "number", "parent_number", "position", "label", "item_number", "children",
        "branches_are_children",
    }),
)  # fmt: skip

OUTCOMES = Table(
    "runs_outcome",
    {
        "run_id": INT, "join_id": INT, "pass_n": INT, "kind": TEXT, "value": TEXT,
        "detail": TEXT, "contributions": JSON, "quality": JSON, "settings": JSON, "seq": INT,
    },
    key=("join_id", "pass_n"),
    fixed=frozenset({"run_id"}),
)  # fmt: skip

Taken = tuple[int, bool, bool, int | None, object]
"""The run's new seq, and its control columns in the order of `RETURNED`."""

RETURNED = "RETURNING seq, cancel_wanted, hold_wanted, in_flight_wanted, watched"
TAKE_SEQ = f"UPDATE runs_run SET seq = seq + 1 WHERE id = %s AND fence = %s {RETURNED}"  # noqa: S608
TAKE_SEQ_LATE = "UPDATE runs_run SET seq = seq + 1 WHERE id = %s RETURNING seq"


def take_next(
    cursor: CursorWrapper, columns: Mapping[str, Any], run_id: int, fence: int, seq: int
) -> Taken | None:
    """Take the number after `seq` and set the run's columns, in one statement; None where the fence
    or the number has moved on, and then nothing is written."""
    values: tuple[Any, ...] = (*columns.values(), run_id, fence, seq)
    statement = _take_next(cursor.db.vendor, tuple(columns))
    if cursor.db.vendor == "sqlite":
        with cursor.db.wrap_database_errors:
            found = cursor.cursor.connection.execute(statement, values).fetchone()
    else:
        cursor.execute(statement, values)
        found = cursor.fetchone()
    return cast("Taken | None", found)


@cache
def _take_next(vendor: str, columns: tuple[str, ...]) -> str:
    mark = "?" if vendor == "sqlite" else "%s"
    assigned = "".join(f", {column} = {mark}" for column in columns)
    which = f"id = {mark} AND fence = {mark} AND seq = {mark}"
    return f"UPDATE runs_run SET seq = seq + 1{assigned} WHERE {which} {RETURNED}"  # noqa: S608


def set_columns(cursor: CursorWrapper, columns: Mapping[str, Any], run_id: int) -> None:
    assigned = ", ".join(f"{column} = %s" for column in columns)
    cursor.execute(
        f"UPDATE runs_run SET {assigned} WHERE id = %s",  # noqa: S608  names are ours
        [*columns.values(), run_id],
    )

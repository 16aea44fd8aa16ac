"""Files to texts or rows: txt, md, csv, tsv, jsonl; pdf is in `pdf`. Bounded; bytes in, values out.

Knows nothing of configurations. Every refusal names the file and says what is allowed.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runs.domain.errors import InvalidInput
from runs.planning import pdf
from runs.planning.shape import MOST_CHILDREN, MOST_INPUT, cell

FIELD = "input"
TEXTS = ("txt", "text", "md", "markdown")
TABLES = ("csv", "tsv")
LINES = ("jsonl", "ndjson")
ALLOWED = "txt, md, csv, tsv, jsonl and pdf"
MOST_COLUMNS = 500
LONGEST_COLUMN = 120
RECORDED = "samples"  # of a recording read as rows: its answers are no input
_DELIMITERS = ",;\t|"

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it was uploaded or read: its name (a path's last part) and bytes."""

    name: str
    content: bytes

    @property
    def suffix(self) -> str:
        return self.name.rpartition(".")[2].casefold() if "." in self.name else ""

    @property
    def is_table(self) -> bool:
        return self.suffix in TABLES or self.suffix in LINES


def text_of(file: InputFile) -> str:
    """The text of any file. Raises `InvalidInput` where there is none, or too much."""
    if file.suffix == "pdf":
        return _bounded(pdf.text_of(file.name, file.content), file.name)
    if file.suffix and file.suffix not in {*TEXTS, *TABLES, *LINES}:
        raise _refused(f"{file.name}: this kind of file cannot be read; {ALLOWED} can", FIELD)
    refuse_large(len(file.content), file.name)
    text = decoded(file.content, file.name)
    if not text.strip():
        raise _refused(f"{file.name} is empty: remove it, or fill it", FIELD)
    return _bounded(text, file.name)


def rows_of(file: InputFile) -> tuple[Row, ...]:
    """The rows of a csv, tsv or jsonl file; all have the same columns."""
    if not file.is_table:
        raise _refused(f"{file.name} has no rows: give a csv, tsv or jsonl file", FIELD)
    text = text_of(file)
    return jsonl_rows(text, file.name) if file.suffix in LINES else csv_rows(text, file.name)


def rows_of_text(text: str, name: str = "The pasted text") -> tuple[Row, ...]:
    """Rows pasted as JSONL (where the first line is an object) or as csv with a header line."""
    return jsonl_rows(text, name) if text.lstrip().startswith("{") else csv_rows(text, name)


def decoded(content: bytes, name: str) -> str:
    """UTF-8 (with or without BOM), UTF-16 with BOM, else Windows' Latin-1. Lines end in \\n."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    elif b"\x00" in content:
        raise _refused(f"{name} is no text file; {ALLOWED} can be read", FIELD)
    else:
        text = _eight_bit(content)
    return clean(text)


def clean(text: str) -> str:
    """Without what no database takes (NUL, half surrogates), and with lines that end in \\n."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def csv_rows(text: str, name: str) -> tuple[Row, ...]:
    """The first line names the columns; shorter rows are filled with empty cells."""
    lines = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=False)
    try:
        records = [(lines.line_num, record) for record in lines if any(map(str.strip, record))]
    except csv.Error as error:
        raise _refused(f"{name}, line {lines.line_num}: {error}", FIELD) from None
    if not records:
        raise _refused(f"{name} is empty: give a line of column names, then rows", FIELD)
    columns = _columns(records[0][1], name)
    rows = []
    for line, record in records[1:]:
        if len(record) > len(columns) and any(map(str.strip, record[len(columns) :])):
            raise _refused(
                f"{name}, line {line}: {len(record)} cells, but only {len(columns)} columns are "
                "named in the first line; put cells that hold the separator in quotes",
                FIELD,
            )
        padding = [""] * (len(columns) - len(record))
        rows.append(dict(zip(columns, [*record, *padding], strict=False)))
    return _some(rows, name)


def jsonl_rows(text: str, name: str) -> tuple[Row, ...]:
    """One JSON object a line; values that are no text are kept as JSON."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            rows.append(_json_row(line, f"{name}, line {number}"))
    return same_columns(_some(rows, name), name)


def same_columns(rows: Sequence[Row], name: str) -> tuple[Row, ...]:
    """Each row with every column that any has, in order of first appearance; clean texts."""
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    _check_columns(columns, name)
    return tuple({column: row.get(column, "") for column in columns} for row in rows)


def refuse_large(size: int, name: str) -> None:
    """Raises where `size`, in characters or bytes of text, passes the bound."""
    if size > MOST_INPUT:
        raise _refused(
            f"{name} has {size / 1e6:.1f} MB of text; a run takes at most {MOST_INPUT / 1e6:.0f} "
            "MB. Give less, or split it over several runs.",
            FIELD,
        )


def _bounded(text: str, name: str) -> str:
    refuse_large(len(text), name)
    return text


def _eight_bit(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _delimiter(text: str) -> str:
    """The separator that the first line uses most; a comma where it uses none."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _columns(header: Iterable[str], name: str) -> tuple[str, ...]:
    columns = [column.strip() for column in header]
    while columns and not columns[-1]:
        columns.pop()
    if all(_is_number(column) for column in columns):
        raise _refused(f"{name}: the first line must name the columns, as in question,gold", FIELD)
    _check_columns(columns, name)
    return tuple(columns)


def _check_columns(columns: Sequence[str], name: str) -> None:
    for number, column in enumerate(columns, 1):
        if not column.strip() or len(column) > LONGEST_COLUMN:
            raise _refused(
                f"{name}: column {number} needs a name of 1 to {LONGEST_COLUMN} characters", FIELD
            )
        if set(column) & set("{}\r\n"):
            raise _refused(f"{name}: the name of column {number} must be without {{ and }}", FIELD)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if list(columns).count(column) > 1)
        raise _refused(f"{name}: two columns are called “{twice}”; give each its own name", FIELD)
    if len(columns) > MOST_COLUMNS:
        raise _refused(f"{name}: at most {MOST_COLUMNS} columns, {len(columns)} are named", FIELD)


def _json_row(line: str, place: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise _refused(f"{place}: this is no JSON; each line must be one object", FIELD) from None
    if not isinstance(value, dict) or not value:
        raise _refused(f'{place}: must be an object, as in {{"question": "…"}}', FIELD)
    return {
        clean(key): clean(str(cell(inner)))
        for key, inner in value.items()
        if not (key == RECORDED and isinstance(inner, list))
    }


def _some(rows: list[dict[str, str]] | list[Row], name: str) -> tuple[Row, ...]:
    if not rows:
        raise _refused(f"{name} has no rows below its first line", FIELD)
    if len(rows) > MOST_CHILDREN:
        raise _refused(f"{name} has {len(rows):,} rows; at most {MOST_CHILDREN:,} are taken", FIELD)
    return tuple(rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refused(message: str, field: str) -> InvalidInput:
    return InvalidInput(message, field)

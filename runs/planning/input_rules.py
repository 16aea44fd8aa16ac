"""Rules of the input that a configuration carries: one source, and a gold column that exists."""

from collections.abc import Iterator

from runs.domain.errors import InvalidInput
from runs.planning import pieces
from runs.planning.shape import Configuration, Input

SOURCES = ("text", "documents", "rows", "files", "dataset")


def errors(c: Configuration) -> Iterator[InvalidInput]:
    """All that does not fit together."""
    if c.input is None:
        return
    given = [name for name in SOURCES if getattr(c.input, name) is not None]
    is_for_the_launch = not given and c.input.gold is not None
    if len(given) != 1 and not is_for_the_launch:
        yield InvalidInput(
            f"must hold exactly one of {', '.join(SOURCES)}; it holds {len(given)}", "input"
        )
    if c.input.gold is not None:
        yield from _gold(c, c.input, c.input.gold)


def _gold(c: Configuration, given: Input, gold: str) -> Iterator[InvalidInput]:
    by = pieces.of(c)
    if given.documents is not None or (by != "row" and given.rows is None):
        needed = "each.by" if c.pattern == "voting" else "split.by"
        yield InvalidInput(
            f"names a column of a table: give rows, and set {needed} to row", "input.gold"
        )
    elif given.rows:
        columns = tuple(dict.fromkeys(column for row in given.rows for column in row))
        if gold not in columns:
            yield no_column(gold, columns)


def no_column(gold: str, columns: tuple[str, ...]) -> InvalidInput:
    """The refusal of a gold column that the rows do not have."""
    named = ", ".join(columns) or "none"
    return InvalidInput(f"no column is called “{gold}”; there are {named}", "input.gold")

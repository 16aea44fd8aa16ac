"""Which names a prompt may use: decided by pattern and split, for rows also by their columns."""

from collections.abc import Iterator, Sequence

from runs.domain.errors import InvalidInput
from runs.domain.plan import Item
from runs.planning import independence, pieces, rendering
from runs.planning.shape import Configuration

ANY_COLUMN = "row.<column>"
_BY_PIECE = {
    "document": ("document.text", "document.label", "input"),
    "chunks": ("chunk.text", "chunk.label", "input"),
    "line": ("line.text", "input"),
    "list": ("line.text", "input"),
    "row": ("row.text", ANY_COLUMN, "input"),
}


def known(configuration: Configuration) -> tuple[str, ...]:
    """Names that this configuration's items will have, before there are items."""
    by = pieces.of(configuration)
    return _BY_PIECE[by] if by else ("input",)


def errors(configuration: Configuration, items: Sequence[Item] = ()) -> Iterator[InvalidInput]:
    """One error for each name in a prompt that is not known; with `items`, by their fields."""
    names = tuple(items[0].fields) if items else known(configuration)
    gold = configuration.input.gold if configuration.input else None
    for number, prompt in enumerate(configuration.prompts):
        for name in rendering.variables(prompt.text):
            if gold and name == f"row.{gold}":
                yield InvalidInput(
                    f"{{{{ {name} }}}} is the gold column: no prompt sees the right answer",
                    f"prompts.{number}.text",
                )
            elif not _is_known(name, names):
                yield _unknown(name, names, configuration, f"prompts.{number}.text")
        for name in rendering.variables(prompt.system):
            yield InvalidInput(
                f"The system text is sent as it stands: use {{{{ {name} }}}} in the prompt's text "
                "instead.",
                f"prompts.{number}.system",
            )


def uses_input(configuration: Configuration) -> bool:
    """Whether any prompt names its input. A template not read yet may do so."""
    return any(
        not prompt.text or rendering.variables(prompt.text) for prompt in configuration.prompts
    )


def _is_known(name: str, names: tuple[str, ...]) -> bool:
    return name in names or (ANY_COLUMN in names and name.startswith("row."))


def _unknown(
    name: str, names: tuple[str, ...], configuration: Configuration, field: str
) -> InvalidInput:
    error = rendering.unknown(name, names, field)
    if not independence.is_for_another_branch(name, configuration):
        return error
    advice = "Only another branch could fill it, and they run side by side: chain these instead."
    return InvalidInput(f"{error.message} {advice}", field)

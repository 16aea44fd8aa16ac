"""What the pieces of the input are: sections, or the things that are each voted on."""

from runs.planning.shape import Configuration


def of(configuration: Configuration) -> str | None:
    """How the input is cut (`document`, `chunks`, `line`, `list`, `row`); None: read whole."""
    if configuration.pattern == "voting":
        return configuration.each.by if configuration.each else None
    by = configuration.split.by
    return None if by == "prompts" else by


def chunk_tokens(configuration: Configuration) -> int:
    """The most tokens of a piece, where it is a chunk."""
    if configuration.pattern == "voting" and configuration.each:
        return configuration.each.chunk_tokens
    return configuration.split.chunk_tokens

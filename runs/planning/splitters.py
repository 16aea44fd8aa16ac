"""Text to parts: chunks along headings, lines, list items. Texts in, texts out; nothing is lost."""

import re
from collections.abc import Iterator

from semantic_text_splitter import MarkdownSplitter

from runs.planning import tokens

# The splitter's work grows with the square of what it sees at once, so it sees a window.
_WINDOW_CHUNKS = 8
_LEAST_WINDOW = 8_000  # characters
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•]|\d{1,9}[.)])[ \t]+(?P<text>\S.*)")
_HEADING = re.compile(r"\s*#{1,6}[ \t]+(?P<text>[^\n]+?)[ \t]*#*[ \t]*(?:\n|$)")


def chunks(text: str, most_tokens: int) -> tuple[str, ...]:
    """`text` in parts of at most `most_tokens` (estimated), cut at the highest heading, paragraph,
    sentence or word that fits. Joined again they are `text`."""
    return tuple(_windowed(text, most_tokens))


def _windowed(text: str, most_tokens: int) -> Iterator[str]:
    """Only a window's last chunk may end where the text does not: it is cut again with the next."""
    splitter = MarkdownSplitter.from_callback(tokens.estimate, most_tokens, trim=False)
    window = max(_LEAST_WINDOW, _WINDOW_CHUNKS * most_tokens * tokens.CHARACTERS_A_TOKEN)
    start = 0
    while start + window < len(text):
        pieces = splitter.chunks(text[start : start + window])
        complete = pieces[:-1] or pieces
        yield from complete
        start += sum(map(len, complete))
    yield from splitter.chunks(text[start:])


def heading(chunk: str) -> str:
    """The Markdown heading that a chunk begins with, without its marks; "" where there is none."""
    found = _HEADING.match(chunk)
    return found["text"] if found else ""


def lines(text: str) -> tuple[str, ...]:
    """The lines that hold more than blanks, without the blanks around them."""
    return tuple(stripped for line in text.split("\n") if (stripped := line.strip()))


def list_items(text: str) -> tuple[str, ...]:
    """The items of the outermost list (-, *, +, 1., 1)), each with its indented lines.

    Text outside the list is left out: a line after a blank one belongs to an item only where it
    stands further right than the items' marks.
    """
    found = [(match, line) for line in text.split("\n") for match in [_ITEM.match(line)]]
    indents = [len(match["indent"].expandtabs(4)) for match, _ in found if match]
    if not indents:
        return ()
    return tuple(_items(found, min(indents)))


def _items(found: list[tuple[re.Match[str] | None, str]], outermost: int) -> Iterator[str]:
    item: list[str] = []
    after_blank = False
    for match, line in found:
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        if match and indent == outermost:
            if item:
                yield "\n".join(item)
            item = [match["text"].rstrip()]
        elif line.strip() and item and (indent > outermost or not after_blank):
            item.append(line.strip() if not match else line.rstrip())
        elif line.strip() and item:
            yield "\n".join(item)
            item = []
        after_blank = not line.strip()
    if item:
        yield "\n".join(item)

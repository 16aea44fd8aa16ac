"""Reads the token events of one reply without parsing each. Pure.

Most providers send a reply's tokens in events that are the same, character for character, but for
one string. What stands around that string is learned from one of them, and proven on it: with
another string in its place it must read as that string. Any event that fits then says what parsing
it would say, as long as the string needs no unescaping. All others are left to the parser.
"""

from collections.abc import Callable

MOST_LESSONS = 4  # a reply: some providers change another field with every event
PROBE = "a text of no provider"


class Mould:
    """`read`: the parser's way from an event's data to the token's text, empty for other events;
    may raise `ValueError`."""

    __slots__ = ("_after", "_before", "_least", "_lessons", "_read")

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._lessons = MOST_LESSONS
        self._before = self._after = ""
        self._least = 0  # characters of the shortest event that fits

    def text(self, data: str) -> str:
        """The text of an event that fits; empty for all others."""
        before, after = self._before, self._after
        if before and data.startswith(before) and data.endswith(after) and len(data) > self._least:
            text = data[len(before) : -len(after)]
            return text if _is_plain(text) else ""
        return ""

    def learn(self, data: str, text: str) -> None:
        """Take the parsed event, whose text this is, as what the next ones look like."""
        if not (self._lessons and _is_plain(text)):
            return
        self._lessons -= 1
        before, found, after = data.partition(f'"{text}"')
        if not found:
            return
        try:
            is_proven = self._read(f'{before}"{PROBE}"{after}') == PROBE
        except ValueError:  # the quotes found were those of two other strings
            return
        if is_proven:
            self._before, self._after = f'{before}"', f'"{after}'
            self._least = len(self._before) + len(self._after)


def _is_plain(text: str) -> bool:
    """Whether JSON writes the text as it stands."""
    return '"' not in text and "\\" not in text and text.isprintable()

"""Server-Sent Events over bytes: lines end at CR, LF or CRLF and nowhere else.

A parser that splits decoded text ends lines at U+2028 too and tears events apart. Knows no HTTP.
"""

from typing import NamedTuple

CR, LF = b"\r", b"\n"
BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    name: str
    data: str


class EventTooLarge(ValueError):
    """One event is larger than the parser was told to hold."""


class Parser:
    """Feed it bytes in any pieces; each call gives the events that they complete.

    `most_bytes`: the most that is held for one unfinished event.
    """

    def __init__(self, most_bytes: int = 4_000_000) -> None:
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []  # the unfinished line
        self._line_bytes = 0
        self._event_bytes = 0
        self._ended_in_cr = False
        self._is_first_line = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        if self._ended_in_cr and chunk:
            chunk = chunk.removeprefix(LF)  # the second half of a CRLF
            self._ended_in_cr = False
        if CR in chunk:
            self._ended_in_cr = chunk.endswith(CR)
            chunk = chunk.replace(b"\r\n", LF).replace(CR, LF)
        if self._is_between and (events := self._plain(chunk)):
            return events
        if LF not in chunk:
            self._hold(chunk)
            return []
        *lines, rest = chunk.split(LF)
        if self._pieces:
            lines[0] = b"".join((*self._pieces, lines[0]))
            self._pieces.clear()
            self._line_bytes = 0
        events = self._read(lines)
        self._hold(rest)
        return events

    def end(self) -> list[Event]:
        """The event that the body's end left without its blank line, if there is one.

        The standard drops it; some providers send their end mark so.
        """
        return self._read([b"".join(self._pieces), b""])

    @property
    def _is_between(self) -> bool:
        """Whether all that came before is told."""
        return not (self._pieces or self._data or self._name)

    def _plain(self, chunk: bytes) -> list[Event]:
        """The events of a chunk that is nothing but whole ones of one data line each, which nearly
        every chunk is; none for all others."""
        is_plain = (
            chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and len(chunk) <= self._most_bytes
        )
        if not is_plain:
            return []
        data = chunk[6:-2].decode("utf-8", "replace").split("\n\ndata: ")
        if chunk.count(LF) != 2 * len(data):
            return []
        self._is_first_line = False
        return [Event("", one) for one in data]

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        if self._is_first_line:
            lines[0] = lines[0].removeprefix(BOM)
            self._is_first_line = False
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(Event(self._name, data[0] if len(data) == 1 else "\n".join(data)))
                    data.clear()
                self._name = ""
                self._event_bytes = 0
            elif line.startswith(b"data: "):
                self._count(len(line))
                data.append(line[6:].decode("utf-8", "replace"))
            elif line.startswith(b"data:"):
                self._count(len(line))
                data.append(line[5:].decode("utf-8", "replace"))
            elif line == b"data":
                self._count(len(line))
                data.append("")
            elif line.startswith(b"event:"):
                self._name = line[6:].decode("utf-8", "replace").removeprefix(" ")
            elif line.startswith(b"error:"):  # no standard's field: llama.cpp's, until late in 2025
                self._name = "error"
                self._count(len(line))
                data.append(line[6:].removeprefix(b" ").decode("utf-8", "replace"))
        return events

    def _count(self, size: int) -> None:
        self._event_bytes += size
        if self._event_bytes > self._most_bytes:
            self._refuse()

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._line_bytes += len(piece)
            if self._line_bytes + self._event_bytes > self._most_bytes:
                self._refuse()
            self._pieces.append(piece)

    def _refuse(self) -> None:
        raise EventTooLarge(f"one event is larger than {self._most_bytes:,} bytes")

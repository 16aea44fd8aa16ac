"""Live text of watched branches: no part of the truth, sent in pieces ten times a second."""

import asyncio
from collections.abc import Callable, Mapping

from runs.engine.protocols import Clock, Observer

EVERY_S = 0.1


class OpenText:
    """The text of one open attempt so far, and how much of it was sent to watchers."""

    __slots__ = ("attempt", "branch", "length", "pieces", "sent")

    def __init__(self, branch: int, attempt: int) -> None:
        self.branch = branch
        self.attempt = attempt
        self.pieces: list[str] = []
        self.length = 0
        self.sent = 0

    def unsent(self) -> tuple[int, int, int, str] | None:
        if self.sent == self.length:
            return None
        text = "".join(self.pieces)
        self.pieces = [text]
        chunk = (self.branch, self.attempt, self.sent, text[self.sent :])
        self.sent = self.length
        return chunk


class LiveText:
    def __init__(self, run_id: int, observer: Observer, clock: Clock) -> None:
        self._run_id = run_id
        self._observer = observer
        self._clock = clock
        self._open: dict[int, OpenText] = {}
        self._beside: dict[int, OpenText] = {}  # shown once the other attempt has ended
        self._watched: Mapping[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, branch: int, attempt: int, *, is_shown: bool = True) -> Callable[[str], None]:
        """The receiver of an attempt's pieces."""
        text = OpenText(branch, attempt)
        (self._open if is_shown else self._beside)[branch] = text

        def piece(part: str) -> None:
            text.pieces.append(part)
            text.length += len(part)
            if branch in self._watched:
                self._later()

        return piece

    def end(self, branch: int, attempt: int, *, is_answered: bool) -> None:
        """The attempt is over. Without an answer the text of the one beside it is shown from now
        on; with one nothing more is shown of that."""
        beside = self._beside.pop(branch, None)
        text = self._open.get(branch)
        if text is None or (text.attempt != attempt and not is_answered):
            return
        if text.attempt == attempt and branch in self._watched:
            self._send([text])
        del self._open[branch]
        if beside is not None and not is_answered:
            self._open[branch] = beside
            self._later()

    def watch(self, watched: Mapping[int, int]) -> None:
        """Follow these branches until the given times (ms); a new one starts from offset 0."""
        if watched == self._watched:
            return
        for branch, until in watched.items():
            text = self._open.get(branch)
            if text is not None and self._watched.get(branch) != until:
                text.sent = 0
        self._watched = dict(watched)
        self._later()

    def _later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._clock.now_ms()
        live = [b for b, until in self._watched.items() if until > now and b in self._open]
        self._send([self._open[b] for b in live])

    def _send(self, texts: list[OpenText]) -> None:
        chunks = [chunk for text in texts if (chunk := text.unsent()) is not None]
        if chunks:
            self._observer.text(self._run_id, chunks)

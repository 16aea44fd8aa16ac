"""One answer on its way: as paced events or as one document, in the shapes of OpenAI's chat API."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.providers.simulator.http1 import Exchange

LEAST_PAUSE_S = 0.01  # faster tokens are sent several at a time: timers cost more than tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said: its pieces (a token each), how it ends, and the tokens it read, of them
    `cached_tokens` from a cache."""

    pieces: tuple[str, ...]
    finish: str
    input_tokens: int
    cached_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, Any]:
        """As the API counts."""
        count = len(self.pieces)
        usage = {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": count,
            "total_tokens": self.input_tokens + count,
        }
        if not self.cached_tokens:
            return usage
        return {**usage, "prompt_tokens_details": {"cached_tokens": self.cached_tokens}}


@dataclass(slots=True)
class Reply:
    """Sends an answer, whole or in part. `status`, `fault`, `sent_all` and `sent_tokens` are for
    the ledger.

    `pause_s`: seconds between tokens. `is_streamed`: as events, as the caller asked.
    """

    exchange: Exchange
    answer: Answer
    number: int
    model: str
    created: int
    is_streamed: bool
    wants_usage: bool
    pause_s: float
    headers: Mapping[str, str]
    status: int = 0
    sent_all: bool = False
    sent_tokens: int = 0
    fault: str = ""
    _prefix: bytes = field(default=b"", init=False)

    async def whole(self) -> None:
        """The answer as it should be."""
        if not self.is_streamed:
            await self.pace(len(self.answer.pieces))
            self.document(self.answer.text, self.answer.finish)
        elif self.pause_s:
            self.begin()
            await self.say(self.answer.pieces)
            self.end(self.answer.finish)
        else:
            self.begin()
            self._at_once()
        self.sent_all = True

    def begin(self) -> None:
        """The head of a stream, and the event that names the role."""
        self.status = 200
        self.exchange.head(200, {"Content-Type": "text/event-stream", **self.headers}, None)
        start = json.dumps(self._chunk([]))
        self._prefix = f"data: {start[:-3]}[".encode()  # up to its empty list of choices
        self.exchange.send(self._event('{"role": "assistant", "content": ""}', "null"))

    async def say(self, pieces: Sequence[str]) -> None:
        """Send the pieces at the reply's pace."""
        at_a_time = max(1, round(LEAST_PAUSE_S / self.pause_s)) if self.pause_s else len(pieces)
        for first in range(0, len(pieces), max(at_a_time, 1)):
            some = pieces[first : first + at_a_time]
            await self.pace(len(some))
            self.exchange.send(b"".join(map(self._token, some)))
            self.sent_tokens += len(some)
            await self.exchange.flush()

    async def pace(self, tokens: int) -> None:
        if self.pause_s:
            await asyncio.sleep(self.pause_s * tokens)

    def end(self, finish: str, *, done: bool = True) -> None:
        """The end of a stream: finish reason, usage, and the end mark."""
        self.exchange.send(self._ending(finish, done))
        self.exchange.finish()

    def event(self, data: str, name: str = "") -> None:
        """Any event of the caller's making."""
        named = f"event: {name}\n" if name else ""
        self.exchange.send(f"{named}data: {data}\n\n".encode())

    def document(self, text: str, finish: str) -> None:
        """The answer as one JSON document."""
        self.status = 200
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        document = {**self._chunk(choices), "object": "chat.completion", "usage": self.answer.usage}
        self.exchange.reply(200, document, self.headers)
        self.sent_tokens = len(self.answer.pieces)

    def refuse(
        self, status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.exchange.reply(status, {"error": error}, {**self.headers, **(headers or {})})
        self.sent_all = True

    def _at_once(self) -> None:
        body = b"".join(map(self._token, self.answer.pieces))
        self.exchange.send(body + self._ending(self.answer.finish, True))
        self.exchange.finish()
        self.sent_tokens = len(self.answer.pieces)

    def _ending(self, finish: str, done: bool) -> bytes:
        parts = [self._event("{}", json.dumps(finish))]
        if self.wants_usage:
            usage = json.dumps({**self._chunk([]), "usage": self.answer.usage})
            parts.append(f"data: {usage}\n\n".encode())
        if done:
            parts.append(b"data: [DONE]\n\n")
        return b"".join(parts)

    def _token(self, piece: str) -> bytes:
        return self._event(f'{{"content": {json.dumps(piece)}}}', "null")

    def _event(self, delta: str, finish: str) -> bytes:
        choice = f'{{"index": 0, "delta": {delta}, "finish_reason": {finish}}}]}}\n\n'
        return self._prefix + choice.encode()

    def _chunk(self, choices: list[Any]) -> dict[str, Any]:
        return {
            "id": f"simulated-{self.number}",
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }

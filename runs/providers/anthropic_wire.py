"""Anthropic's Messages on the wire: a request's body, and a reply read event by event. Pure."""

from collections.abc import Mapping
from typing import Any

from runs.domain.plan import CallSettings
from runs.domain.usage import Usage
from runs.providers.fast_json import loads
from runs.providers.mould import Mould
from runs.providers.replies import Reply, count, total
from runs.providers.sse import Event

COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)


def body_of(prompt: str, call: CallSettings) -> dict[str, Any]:
    """The request as JSON. It knows no seed. Settings that are not set are left out."""
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "system": call.system or None,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "stop_sequences": list(call.stop) or None,
    }
    if call.json_schema is not None:
        schema = {"type": "json_schema", "schema": dict(call.json_schema)}
        body["output_config"] = {"format": schema}
    return {name: value for name, value in body.items() if value is not None}


class MessagesReply(Reply):
    """Text is the deltas of text blocks; thinking and tools' inputs are no part of the answer."""

    STOPPED = frozenset({"end_turn", "stop_sequence", "tool_use"})
    CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
    WITHHELD = frozenset({"refusal"})

    def __init__(self, secret: str = "") -> None:
        super().__init__(secret)
        self._counts: dict[str, int] = {}
        self._mould = Mould(_text_of)

    def take(self, event: Event) -> str:
        if self.is_ended:
            return ""
        if text := self._mould.text(event.data):
            return self._pieces.add(text)
        chunk = self._parsed(event.data)
        kind = chunk.get("type")
        if kind == "content_block_delta":
            text = self._delta(chunk.get("delta"))
            self._mould.learn(event.data, text)
            return text
        if kind == "content_block_start":
            return self._block(chunk.get("content_block"))
        if kind == "message_start":
            self._start(chunk.get("message"))
        elif kind == "message_delta":
            self._stop(chunk.get("delta"))
            self._count(chunk.get("usage"))
        elif kind == "message_stop":
            self.is_ended = True
            return self._pieces.end()
        elif kind == "error" or event.name == "error" or "error" in chunk:
            raise self._error_inside(chunk)
        elif not isinstance(kind, str):
            raise self._malformed()
        return ""

    def take_whole(self, body: bytes) -> str:
        document = self._parsed(body)
        if document.get("type") == "error" or document.get("error"):
            raise self._error_inside(document)
        self._start(document)
        self._stop(document)
        self._count(document.get("usage"))
        blocks = document.get("content")
        if not isinstance(blocks, list):
            raise self._malformed()
        text = "".join([self._block(block) for block in blocks])
        self.is_ended = True
        return text + self._pieces.end()

    def _delta(self, delta: Any) -> str:
        if not isinstance(delta, dict):
            raise self._malformed()
        return self._text(delta.get("text")) if delta.get("type") == "text_delta" else ""

    def _block(self, block: Any) -> str:
        if not isinstance(block, dict):
            raise self._malformed()
        return self._text(block.get("text")) if block.get("type") == "text" else ""

    def _text(self, text: Any) -> str:
        if not isinstance(text, str):
            raise self._malformed()
        return self._pieces.add(text)

    def _start(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise self._malformed()
        self._name_model(message.get("model"))
        said = message.get("usage")
        if isinstance(said, Mapping):  # its count of the output is of a beginning
            self._count({**said, "output_tokens": None})

    def _stop(self, delta: Any) -> None:
        if not isinstance(delta, dict):
            raise self._malformed()
        reason = delta.get("stop_reason")
        if isinstance(reason, str) and reason:
            self._finish = reason
        details = delta.get("stop_details")
        if isinstance(details, Mapping) and isinstance(details.get("explanation"), str):
            self._why_withheld = details["explanation"]

    def _count(self, said: Any) -> None:
        """Each count is of the whole reply so far and stands until it is told anew. What came from
        the cache, or went into it, is counted beside `input_tokens`, not in it."""
        if not isinstance(said, Mapping):
            return
        told = {name: tokens for name in COUNTS if (tokens := count(said.get(name))) is not None}
        self._counts |= told
        fresh, read, stored, written = (self._counts.get(name) for name in COUNTS)
        tokens = None if fresh is None else total(fresh, read, stored)
        self.usage = Usage(tokens, written, read)


def _text_of(data: str) -> str:
    """The text of an event that carries a token; empty for all others."""
    chunk = loads(data)
    if type(chunk) is not dict or chunk.get("type") != "content_block_delta":
        return ""
    delta = chunk.get("delta")
    text = delta.get("text") if type(delta) is dict and delta.get("type") == "text_delta" else ""
    return text if type(text) is str else ""

"""The OpenAI chat dialect on the wire: a request's body, and a reply read piece by piece.

Pure. No validated object a token: only the few fields needed are looked at.
"""

from collections.abc import Mapping
from typing import Any

from runs.domain.errors import AnswerCut, BadReply, CallError, ContentFiltered
from runs.domain.limits import RateHints
from runs.domain.plan import CallSettings
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers import fast_json
from runs.providers.refusals import read_error
from runs.providers.sse import Event
from runs.providers.texts import Pieces, shortened

END = "[DONE]"
STOPPED = {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token"}
CUT = {"length", "max_tokens", "model_length", "max_length"}
MOST_TOKENS = 1_000_000_000  # a larger count is a provider's mistake


def body_of(prompt: str, call: CallSettings, *, limit_name: str = "max_tokens") -> dict[str, Any]:
    """The request as JSON. Settings that are not set are left out: the provider's default holds."""
    messages = [{"role": "system", "content": call.system}] if call.system else []
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [*messages, {"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True},
        limit_name: call.max_tokens,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "seed": call.seed,
        "stop": list(call.stop) or None,
    }
    if call.json_schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(call.json_schema), "strict": True},
        }
    return {name: value for name, value in body.items() if value is not None}


class Reply:
    """One reply in the making. `take` reads an event and gives its text; `completion` judges it."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret
        self._pieces = Pieces()
        self._finish = ""
        self._refusal: list[str] = []
        self._model = ""
        self.usage = Usage()
        self.hints: RateHints | None = None
        self.is_ended = False

    @property
    def text(self) -> str:
        return self._pieces.text

    def take(self, event: Event) -> str:
        """The text that the event brings; raises `BadReply` for an error or anything malformed."""
        if self.is_ended:
            return ""
        if event.data == END:
            self.is_ended = True
            return self._pieces.end()
        chunk = self._parsed(event.data)
        if event.name == "error" or chunk.get("error"):
            raise self._error_inside(chunk)
        if chunk.get("usage"):
            self.usage = usage_of(chunk["usage"])
        if not self._model and isinstance(chunk.get("model"), str):
            self._model = chunk["model"]
        choice = self._choice(chunk)
        return self._read(choice, choice.get("delta") or {}) if choice else ""

    def take_whole(self, body: bytes) -> str:
        """A reply that is one JSON document: some servers answer so though asked to stream."""
        document = self._parsed(body)
        if document.get("error"):
            raise self._error_inside(document)
        self.usage = usage_of(document.get("usage"))
        model = document.get("model")
        self._model = model if isinstance(model, str) else ""
        choice = self._choice(document)
        text = self._read(choice, choice.get("message") or {}) if choice else ""
        self.is_ended = True
        return text + self._pieces.end()

    def completion(self) -> Completion:
        """The answer; raises `CallError` unless the provider said that it is complete."""
        if not (self.is_ended and self._finish):
            raise self._failed(BadReply, "The reply ended without the provider's end mark.")
        if self._finish == "content_filter":
            raise self._failed(ContentFiltered)
        if self._refusal:
            told = shortened("".join(self._refusal), self._secret)
            raise self._failed(ContentFiltered, f"The model refused: {told}")
        if self._finish not in STOPPED | CUT:
            ended = shortened(self._finish, self._secret, 40)
            raise self._failed(BadReply, f"The reply ended with “{ended}”, not with an answer.")
        is_cut = self._finish in CUT
        if not self.text.strip():
            if is_cut:
                raise self._failed(AnswerCut, "The output limit was used up before any answer.")
            raise self._failed(BadReply, "The reply is empty.")
        finish = "length" if is_cut else "stop"
        return Completion(self.text, finish, self.usage, self._model, self.hints)

    def _parsed(self, data: str | bytes) -> Mapping[str, Any]:
        try:
            chunk = fast_json.loads(data)
        except (ValueError, RecursionError):
            raise self._malformed() from None
        if not isinstance(chunk, dict):
            raise self._malformed()
        return chunk

    def _choice(self, chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The first choice; None in a chunk that only carries usage."""
        choices = chunk.get("choices")
        if not choices:
            return None
        if not isinstance(choices, list) or not isinstance(choices[0], dict):
            raise self._malformed()
        return choices[0] if choices[0].get("index", 0) == 0 else None

    def _read(self, choice: Mapping[str, Any], delta: Any) -> str:
        if not isinstance(delta, dict):
            raise self._malformed()
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish
        if isinstance(delta.get("refusal"), str):
            self._refusal.append(delta["refusal"])
        content = delta.get("content")
        if content is None:
            return ""
        if not isinstance(content, str):
            raise self._malformed()
        return self._pieces.add(content)

    def _malformed(self) -> CallError:
        return self._failed(BadReply, "The reply is malformed.")

    def _error_inside(self, chunk: Mapping[str, Any]) -> CallError:
        told = shortened(read_error(chunk).message, self._secret)
        return self._failed(
            BadReply,
            f"The provider sent an error instead of an answer: {told or 'no reason given'}",
        )

    def _failed(self, kind: type[CallError], message: str = "") -> CallError:
        return kind(message, status_code=200, text=self.text, usage=self.usage)


def usage_of(said: Any) -> Usage:
    """Token counts; None for each that is not a plausible number."""
    if not isinstance(said, Mapping):
        return Usage()
    details = said.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Usage(
        _count(said.get("prompt_tokens")), _count(said.get("completion_tokens")), _count(cached)
    )


def _count(value: Any) -> int | None:
    is_count = type(value) is int and 0 <= value <= MOST_TOKENS
    return value if is_count else None

"""The OpenAI chat dialect on the wire: a request's body, and a reply read piece by piece. Pure."""

from collections.abc import Mapping
from typing import Any

from runs.domain.plan import CallSettings
from runs.domain.usage import Usage
from runs.providers.fast_json import loads
from runs.providers.mould import Mould
from runs.providers.replies import Reply, count, with_rest
from runs.providers.sse import Event

END = "[DONE]"


def body_of(
    prompt: str,
    call: CallSettings,
    *,
    limit_name: str = "max_tokens",
    wants_usage: bool = True,
) -> dict[str, Any]:
    """The request as JSON. Settings that are not set are left out: the provider's default holds."""
    messages = [{"role": "system", "content": call.system}] if call.system else []
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [*messages, {"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True} if wants_usage else None,
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


class ChatReply(Reply):
    """Text is `content` alone: what a model reasons beside it (`reasoning_content`, `reasoning`,
    parts of other types) is no part of its answer."""

    STOPPED = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token"})
    CUT = frozenset({"length", "max_tokens", "model_length", "max_length"})
    WITHHELD = frozenset({"content_filter"})

    def __init__(self, secret: str = "", *, sends_end_mark: bool = True) -> None:
        super().__init__(secret, sends_end_mark=sends_end_mark)
        self._mould = Mould(_text_of)

    def take(self, event: Event) -> str:
        if self.is_ended:
            return ""
        name, data = event
        if not name and (text := self._mould.text(data)):
            return self._pieces.add(text)
        if data == END:
            self.is_ended = True
            return self._pieces.end()
        chunk = self._parsed(data)
        if self._model and not name and (text := _token(chunk)):
            self._mould.learn(data, text)
            return self._pieces.add(text)
        if name == "error" or chunk.get("error"):
            raise self._error_inside(chunk)
        if chunk.get("usage"):
            self.usage = usage_of(chunk["usage"])
        if "x_groq" in chunk:
            self._take_groq(chunk["x_groq"])
        if not self._model:
            self._name_model(chunk.get("model"))
        choice = self._choice(chunk)
        return self._read(choice, choice.get("delta") or {}) if choice else ""

    def take_whole(self, body: bytes) -> str:
        document = self._parsed(body)
        if document.get("error"):
            raise self._error_inside(document)
        self.usage = usage_of(document.get("usage"))
        self._name_model(document.get("model"))
        choice = self._choice(document)
        text = self._read(choice, choice.get("message") or {}) if choice else ""
        self.is_ended = True
        return text + self._pieces.end()

    def _unended(self) -> str:
        told = super()._unended()
        if not self._finish:
            return told
        return f"{told} If this provider never sends one, say so under Providers."

    def _take_groq(self, said: Any) -> None:
        """Groq tells its usage, and that it broke an answer off, in a field of its own."""
        if not isinstance(said, Mapping):
            return
        if said.get("error"):
            raise self._error_inside(said)
        if said.get("usage"):
            self.usage = usage_of(said["usage"])

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
            if choice.get("error"):
                raise self._error_inside(choice)
            self._finish = finish
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            self._refusal.append(refusal)
        content = delta.get("content")
        if content is None:
            return ""
        if isinstance(content, list):
            content = self._joined(content)
        if not isinstance(content, str):
            raise self._malformed()
        return self._pieces.add(content)

    def _joined(self, parts: list[Any]) -> str:
        """Some reasoning models answer in parts, of which those of the type `text` are meant."""
        texts = []
        for part in parts:
            if not isinstance(part, dict):
                raise self._malformed()
            text = part.get("text") if part.get("type") == "text" else ""
            if not isinstance(text, str):
                raise self._malformed()
            texts.append(text)
        return "".join(texts)


def _text_of(data: str) -> str:
    return _token(loads(data))


def _token(chunk: Any) -> str:
    """The text of a chunk that carries a token and nothing else, which is nearly every one; empty
    for all others."""
    try:
        (choice,) = chunk["choices"]
        delta = choice["delta"]
        text = delta["content"]
    except (KeyError, TypeError, ValueError):
        return ""
    is_plain = (
        type(text) is str
        and not choice.get("finish_reason")
        and not chunk.get("usage")
        and not chunk.get("error")
        and "x_groq" not in chunk
        and not delta.get("refusal")
        and choice.get("index", 0) == 0
    )
    return text if is_plain else ""


def usage_of(said: Any) -> Usage:
    """Token counts; None for each that is not a plausible number."""
    if not isinstance(said, Mapping):
        return Usage()
    prompt, written = count(said.get("prompt_tokens")), count(said.get("completion_tokens"))
    return Usage(prompt, with_rest(prompt, written, said.get("total_tokens")), _cached(said))


def _cached(said: Mapping[str, Any]) -> int | None:
    """OpenAI's place, DeepSeek's, Moonshot's."""
    details = said.get("prompt_tokens_details")
    known = details.get("cached_tokens") if isinstance(details, Mapping) else None
    for value in (known, said.get("prompt_cache_hit_tokens"), said.get("cached_tokens")):
        if (tokens := count(value)) is not None:
            return tokens
    return None

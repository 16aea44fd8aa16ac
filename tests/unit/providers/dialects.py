"""What each dialect sends and is sent, in the shapes of its provider: one entry a dialect."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    ProviderUnavailable,
    QuotaExhausted,
    Throttled,
    UnknownModel,
    WrongKey,
)
from runs.domain.usage import Usage
from runs.providers.addresses import Reach
from runs.providers.anthropic import Anthropic
from runs.providers.gemini import Gemini
from runs.providers.openai_compatible import OpenAICompatible
from runs.providers.streamed import StreamedClient
from tests.unit.providers.servers import KEY

USAGE = Usage(7, 2, 4)  # what every `usage` below says
Events = list[tuple[str, Any]]  # an event's name, which may be empty, and its data


@dataclass(frozen=True)
class Refusal:
    """A reply with another status; `kind` is what it stands for."""

    status: int
    error: Any
    kind: type[CallError]
    headers: Sequence[str] = ()
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Dialect:
    """`pieces(texts)`, `ended(word)`: the events of a stream. `words`: how it says stop, length and
    filtered. `base`: the connection's path. `schema`: where a request holds its schema."""

    client: type[StreamedClient]
    base: str
    path: str
    key_header: str
    pieces: Callable[[Sequence[str]], Events]
    ended: Callable[[str, bool], Events]
    words: Mapping[str, str]
    error: Callable[[str, str], Events]
    listing: tuple[str, Any]
    schema: Callable[[Any], Any]
    refusals: Mapping[str, Refusal]

    def of(self, url: str, key: str = KEY, *, reuse: bool = True) -> StreamedClient:
        """A client of the test server at `url`."""
        return self.client(url.removesuffix("/v1") + self.base, key, Reach.LOOPBACK, reuse=reuse)

    def answer(self, *texts: str, word: str = "stop", usage: bool = True) -> Events:
        return [*self.pieces(texts), *self.ended(self.words[word], usage)]


def _chat_pieces(texts: Sequence[str]) -> Events:
    return [
        ("", {"model": "m-1", "choices": [{"index": 0, "delta": {"content": text}}]})
        for text in ("", *texts)
    ]


def _chat_ended(word: str, usage: bool) -> Events:
    counts = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    return [
        ("", {"choices": [{"index": 0, "delta": {}, "finish_reason": word}]}),
        *([("", {"choices": [], "usage": counts})] if usage else []),
        ("", "[DONE]"),
    ]


def _anthropic_error(code: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": code, "message": message}}


def _messages_pieces(texts: Sequence[str]) -> Events:
    counts = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "model": "m-1", "content": [], "usage": counts}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [{"index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts]
    return [
        _typed("message_start", message=message),
        _typed("content_block_start", **block),
        _typed("ping"),
        *(_typed("content_block_delta", **delta) for delta in deltas),
        _typed("content_block_stop", index=0),
    ]


def _messages_ended(word: str, usage: bool) -> Events:
    counts = {"usage": {"output_tokens": 2}} if usage else {}
    delta = {"stop_reason": word, "stop_sequence": None}
    return [_typed("message_delta", delta=delta, **counts), _typed("message_stop")]


def _typed(kind: str, **values: Any) -> tuple[str, Any]:
    return kind, {"type": kind, **values}


def _gemini_pieces(texts: Sequence[str]) -> Events:
    return [
        (
            "",
            {
                "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}],
                "modelVersion": "m-1",
            },
        )
        for text in texts
    ]


def _gemini_ended(word: str, usage: bool) -> Events:
    counts = {
        "promptTokenCount": 7,
        "candidatesTokenCount": 1,
        "thoughtsTokenCount": 1,
        "cachedContentTokenCount": 4,
        "totalTokenCount": 9,
    }
    candidate = {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": word}
    return [("", {"candidates": [candidate], **({"usageMetadata": counts} if usage else {})})]


def _google_error(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    typed = [{"@type": f"type.googleapis.com/google.rpc.{name}", **said} for name, said in details]
    error = {"code": code, "message": message, "status": status, "details": typed}
    return {"error": error}


def _quota(id_: str) -> tuple[str, dict[str, Any]]:
    return "QuotaFailure", {"violations": [{"quotaId": id_}]}


CHAT = Dialect(
    OpenAICompatible,
    base="/v1",
    path="/v1/chat/completions",
    key_header=f"authorization: bearer {KEY}",
    pieces=_chat_pieces,
    ended=_chat_ended,
    words={"stop": "stop", "length": "length", "filtered": "content_filter"},
    error=lambda code, message: [("", {"error": {"type": code, "message": message}})],
    listing=("/v1/models", {"data": [{"id": "b"}, {"id": "a"}]}),
    schema=lambda body: body["response_format"]["json_schema"]["schema"],
    refusals={
        "throttled": Refusal(429, {"error": {}}, Throttled, ["Retry-After: 7"], 7.0),
        "key": Refusal(401, {"error": {"message": f"Incorrect: {KEY}"}}, WrongKey),
        "model": Refusal(404, {"error": {"code": "model_not_found"}}, UnknownModel),
        "quota": Refusal(429, {"error": {"code": "insufficient_quota"}}, QuotaExhausted),
        "request": Refusal(400, {"error": {"message": f"bad {KEY}"}}, BadRequest),
        "down": Refusal(503, {"error": {"message": "no"}}, ProviderUnavailable),
        "no json": Refusal(502, "<html>", ProviderUnavailable),
    },
)

MESSAGES = Dialect(
    Anthropic,
    base="",
    path="/v1/messages",
    key_header=f"x-api-key: {KEY}",
    pieces=_messages_pieces,
    ended=_messages_ended,
    words={"stop": "end_turn", "length": "max_tokens", "filtered": "refusal"},
    error=lambda code, message: [("error", _anthropic_error(code, message))],
    listing=("/v1/models?limit=1000", {"data": [{"id": "b"}, {"id": "a"}], "has_more": False}),
    schema=lambda body: body["output_config"]["format"]["schema"],
    refusals={
        "throttled": Refusal(
            429, _anthropic_error("rate_limit_error", "no"), Throttled, ["retry-after: 7"], 7.0
        ),
        "overloaded": Refusal(529, _anthropic_error("overloaded_error", "Overloaded"), Throttled),
        "key": Refusal(401, _anthropic_error("authentication_error", f"invalid {KEY}"), WrongKey),
        "permission": Refusal(403, _anthropic_error("permission_error", f"no {KEY}"), WrongKey),
        "model": Refusal(404, _anthropic_error("not_found_error", "model: m"), UnknownModel),
        "billing": Refusal(402, _anthropic_error("billing_error", "Pay."), QuotaExhausted),
        "credit": Refusal(
            400,
            _anthropic_error(
                "invalid_request_error", "Your credit balance is too low to access the API."
            ),
            QuotaExhausted,
        ),
        "spend limit": Refusal(
            400,
            _anthropic_error(
                "invalid_request_error", "You have reached your specified API usage limits."
            ),
            QuotaExhausted,
        ),
        "request": Refusal(400, _anthropic_error("invalid_request_error", KEY), BadRequest),
        "large": Refusal(413, _anthropic_error("request_too_large", "no"), BadRequest),
        "down": Refusal(500, _anthropic_error("api_error", "no"), ProviderUnavailable),
    },
)

GEMINI = Dialect(
    Gemini,
    base="/v1beta",
    path="/v1beta/models/m:streamGenerateContent?alt=sse",
    key_header=f"x-goog-api-key: {KEY}",
    pieces=_gemini_pieces,
    ended=_gemini_ended,
    words={"stop": "STOP", "length": "MAX_TOKENS", "filtered": "SAFETY"},
    error=lambda code, message: [("", {"error": {"status": code, "message": message}})],
    listing=(
        "/v1beta/models?pageSize=1000",
        {
            "models": [
                {"name": "models/b", "supportedGenerationMethods": ["generateContent"]},
                {"name": "models/a"},
                {"name": "models/e", "supportedGenerationMethods": ["embedContent"]},
            ]
        },
    ),
    schema=lambda body: body["generationConfig"]["responseJsonSchema"],
    refusals={
        "throttled": Refusal(
            429,
            _google_error(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded.",
                _quota("GenerateRequestsPerMinutePerProjectPerModel"),
                ("RetryInfo", {"retryDelay": "37s"}),
            ),
            Throttled,
            retry_after_s=37.0,
        ),
        "throttled without more": Refusal(
            429, _google_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded."), Throttled
        ),
        "quota": Refusal(
            429,
            _google_error(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded.",
                _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
                ("RetryInfo", {"retryDelay": "37.25s"}),
            ),
            QuotaExhausted,
            retry_after_s=37.25,
        ),
        "key": Refusal(
            400,
            _google_error(
                400,
                "INVALID_ARGUMENT",
                f"API key not valid: {KEY}",
                ("ErrorInfo", {"reason": "API_KEY_INVALID"}),
            ),
            WrongKey,
        ),
        "permission": Refusal(403, _google_error(403, "PERMISSION_DENIED", KEY), WrongKey),
        "model": Refusal(404, [_google_error(404, "NOT_FOUND", "no m")], UnknownModel),
        "request": Refusal(400, _google_error(400, "INVALID_ARGUMENT", KEY), BadRequest),
        "down": Refusal(503, _google_error(503, "UNAVAILABLE", "no"), ProviderUnavailable),
        "late": Refusal(504, _google_error(504, "DEADLINE_EXCEEDED", "no"), ProviderUnavailable),
    },
)

DIALECTS = {"openai_compatible": CHAT, "anthropic": MESSAGES, "gemini": GEMINI}

# An error inside a 200, by the code that it carries in the dialect's own words.
INSIDE: Mapping[str, Mapping[str, type[CallError]]] = {
    "openai_compatible": {"server_error": BadReply, "rate_limit_exceeded": Throttled},
    "anthropic": {"api_error": BadReply, "overloaded_error": Throttled},
    "gemini": {"INTERNAL": BadReply},
}


def body_of(events: Events, *, line_end: str = "\n") -> bytes:
    """A stream's body. Text outside ASCII stands as it is, halves of characters escaped."""
    lines: list[str] = []
    for name, data in events:
        lines += [f"event: {name}"] if name else []
        lines += [f"data: {data if isinstance(data, str) else _json(data)}", ""]
    return "".join(line + line_end for line in lines).encode()


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data)
    return text


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def streamed(events: Events) -> bytes:
    """A whole reply, in chunks as every provider sends it."""
    return begun(events) + b"0\r\n\r\n"


def begun(events: Events) -> bytes:
    """A reply of which more is to come."""
    body = body_of(events)
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (len(body), body) if body else head

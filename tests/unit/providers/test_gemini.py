"""What only Google's generateContent has."""

import json
from typing import Any

import pytest

from runs.domain.errors import BadReply, CallError, ContentFiltered
from runs.domain.plan import CallSettings
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers.gemini_wire import GenerateReply, body_of
from runs.providers.sse import Event
from tests.unit.providers.dialects import GEMINI, streamed
from tests.unit.providers.servers import KEY, ignore, refused, request, sending

SCHEMA = {"type": "object"}


def call(**changes: Any) -> CallSettings:
    return CallSettings(**{"connection": "c", "model": "m", "max_tokens": 200, **changes})


def chunk(*parts: Any, reason: str | None = None, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts)}, **({"finishReason": reason} if reason else {})}
    return {"candidates": [candidate], **more}


def read(*chunks: Any) -> GenerateReply:
    reply = GenerateReply()
    for said in chunks:
        reply.take(Event("", json.dumps(said)))
    reply.end_of_body(is_framed=True)
    return reply


def test_the_body_holds_the_settings_that_are_set_and_no_others() -> None:
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    assert body_of("Hi", call()) == {
        "contents": contents,
        "generationConfig": {"maxOutputTokens": 200},
    }
    settings = {"temperature": 0.0, "top_p": 0.5, "stop": ("\n",), "seed": 0}
    assert body_of("Hi", call(system="Be short.", json_schema=SCHEMA, **settings)) == {
        "contents": contents,
        "systemInstruction": {"parts": [{"text": "Be short."}]},
        "generationConfig": {
            "maxOutputTokens": 200,
            "temperature": 0.0,
            "topP": 0.5,
            "seed": 0,
            "stopSequences": ["\n"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
    }


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-9", "gemini-9"),
        ("models/gemini-9", "gemini-9"),
        ("a/../b?key=1#x", "a%2F..%2Fb%3Fkey%3D1%23x"),
    ],
)
async def test_the_model_is_a_part_of_the_path(model: str, path: str) -> None:
    async with sending(streamed(GEMINI.answer("x"))) as server:
        await GEMINI.of(server.url).complete(request(model=model), ignore)
    asked = server.heads[0].split(" ")[1]
    assert asked == f"/v1beta/models/{path}:streamGenerateContent?alt=sse"
    assert KEY not in asked


def test_thoughts_are_no_text_but_are_paid() -> None:
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 30}
    reply = read(
        chunk({"text": "hm", "thought": True}, {"text": "Hel"}),
        chunk({"functionCall": {}}, {"text": "lo"}, reason="STOP", usageMetadata=counts),
    )
    assert reply.completion().text == "Hello"
    assert reply.completion().usage == Usage(5, 32, None)


def test_only_the_last_chunk_ends_an_answer() -> None:
    with pytest.raises(BadReply):
        read(chunk({"text": "Hel"}, reason="STOP"), chunk({"text": "lo"})).completion()
    ended = read(chunk({"text": "Hel"}, reason="STOP"), chunk({"text": "lo"}, reason="STOP"))
    assert ended.completion().text == "Hello"
    counted = read(chunk({"text": "x"}, reason="STOP"), {"usageMetadata": {"promptTokenCount": 3}})
    assert counted.completion().usage == Usage(3, None, None)


@pytest.mark.parametrize(
    "reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"]
)
def test_reasons_to_withhold(reason: str) -> None:
    with pytest.raises(ContentFiltered):
        read(chunk({"text": "Hel"}), chunk(reason=reason)).completion()


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER"])
def test_a_refused_prompt_is_withheld(reason: str) -> None:
    counts = {"promptTokenCount": 3}
    reply = read({"promptFeedback": {"blockReason": reason}, "usageMetadata": counts})
    with pytest.raises(ContentFiltered) as caught:
        reply.completion()
    assert caught.value.usage == Usage(3, None, None)


ODD = [
    {"candidates": 5},
    {"candidates": [5]},
    {"candidates": [{"content": 5}]},
    {"candidates": [{"content": {"parts": 5}}]},
    {"candidates": [{"content": {"parts": [5]}}]},
    {"candidates": [{"content": {"parts": [{"text": 5}]}}]},
]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_chunk_is_malformed(odd: Any) -> None:
    with pytest.raises(BadReply):
        read(odd)


@pytest.mark.parametrize("wraps", [lambda chunks: chunks, lambda chunks: chunks[-1]])
async def test_a_whole_document_is_an_answer_too(wraps: Any) -> None:
    chunks = [chunk({"text": ""}), chunk({"text": "Hello"}, reason="STOP")]
    reply = refused(200, json.dumps(wraps(chunks)), ["Content-Type: application/json"])
    async with sending(reply) as server:
        completion = await GEMINI.of(server.url).complete(request(), ignore)
    assert completion.text == "Hello"


def judged(document: str) -> Completion:
    reply = GenerateReply()
    reply.take_whole(document.encode())
    return reply.completion()


@pytest.mark.parametrize("body", ["{", "[5]", "[]", '[{"error": {"message": "boom"}}]'])
def test_a_whole_document_can_fail(body: str) -> None:
    with pytest.raises(CallError):
        judged(body)

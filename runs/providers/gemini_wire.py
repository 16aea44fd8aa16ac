"""Google's generateContent on the wire: a request's body, and a reply read chunk by chunk. Pure."""

from collections.abc import Mapping
from typing import Any

from runs.domain.plan import CallSettings
from runs.domain.usage import Usage
from runs.providers import fast_json
from runs.providers.replies import Reply, count, total, with_rest
from runs.providers.sse import Event

BLOCKED = "PROMPT_BLOCKED"  # stands for any reason for which the prompt itself was refused


def body_of(prompt: str, call: CallSettings) -> dict[str, Any]:
    """The request as JSON. The model is in the address. Settings that are not set are left out."""
    has_schema = call.json_schema is not None
    settings = {
        "maxOutputTokens": call.max_tokens,
        "temperature": call.temperature,
        "topP": call.top_p,
        "seed": call.seed,
        "stopSequences": list(call.stop) or None,
        "responseMimeType": "application/json" if has_schema else None,
        "responseJsonSchema": dict(call.json_schema) if call.json_schema is not None else None,
    }
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": {name: v for name, v in settings.items() if v is not None},
    }
    if call.system:
        body["systemInstruction"] = {"parts": [{"text": call.system}]}
    return body


class GenerateReply(Reply):
    """There is no end mark of its own: an answer ended where the last chunk of a body that is whole
    by its own framing names a reason; some models name it in every chunk. Thoughts are no part of
    the answer, but are paid as output."""

    STOPPED = frozenset({"STOP"})
    CUT = frozenset({"MAX_TOKENS"})
    WITHHELD = frozenset(
        {
            *("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", BLOCKED),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        }
    )

    def take(self, event: Event) -> str:
        return self._chunk(self._parsed(event.data), is_error=event.name == "error")

    def take_whole(self, body: bytes) -> str:
        """One chunk, or a list of them: what a server sends that was not asked for events."""
        try:
            document = fast_json.loads(body)
        except (ValueError, RecursionError):
            raise self._malformed() from None
        chunks = document if isinstance(document, list) else [document]
        if not all(isinstance(chunk, dict) for chunk in chunks):
            raise self._malformed()
        text = "".join([self._chunk(chunk) for chunk in chunks])
        return text + self.end_of_body(is_framed=True)

    def _ends_with_body(self, is_framed: bool) -> bool:
        return is_framed and bool(self._finish)

    def _chunk(self, chunk: Mapping[str, Any], *, is_error: bool = False) -> str:
        if is_error or chunk.get("error"):
            raise self._error_inside(chunk)
        if chunk.get("usageMetadata"):
            self.usage = usage_of(chunk["usageMetadata"])
        self._name_model(chunk.get("modelVersion"))
        candidates = chunk.get("candidates")
        if candidates:
            return self._candidate(candidates)
        feedback = chunk.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._finish = BLOCKED
            self._why_withheld = f"the prompt was blocked ({feedback['blockReason']})"
        return ""

    def _candidate(self, candidates: Any) -> str:
        if not isinstance(candidates, list) or not isinstance(candidates[0], dict):
            raise self._malformed()
        candidate = candidates[0]
        reason = candidate.get("finishReason")
        self._finish = reason if isinstance(reason, str) else ""
        content = candidate.get("content") or {}
        parts = (content.get("parts") or []) if isinstance(content, dict) else None
        if not isinstance(parts, list):
            raise self._malformed()
        return "".join([self._part(part) for part in parts])

    def _part(self, part: Any) -> str:
        if not isinstance(part, dict):
            raise self._malformed()
        text = part.get("text")
        if text is None or part.get("thought"):
            return ""
        if not isinstance(text, str):
            raise self._malformed()
        return self._pieces.add(text)


def usage_of(said: Any) -> Usage:
    """Token counts; None for each that is not a plausible number. A tool's prompt is input."""
    if not isinstance(said, Mapping):
        return Usage()
    prompt = total(said.get("promptTokenCount"), said.get("toolUsePromptTokenCount"))
    written = total(said.get("candidatesTokenCount"), said.get("thoughtsTokenCount"))
    written = with_rest(prompt, written, said.get("totalTokenCount"))
    return Usage(prompt, written, count(said.get("cachedContentTokenCount")))

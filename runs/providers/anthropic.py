"""Calls to Anthropic's Messages API and to what speaks it."""

from collections.abc import Mapping
from typing import Any

from runs.domain.plan import CallSettings
from runs.providers.anthropic_wire import MessagesReply, body_of
from runs.providers.streamed import StreamedClient

VERSION = "2023-06-01"


class Anthropic(StreamedClient):
    """`base_url` without the version, e.g. `https://api.anthropic.com`; with it is understood."""

    ENDINGS = ("/messages", "/v1")
    MODELS = "/v1/models?limit=1000"
    STRANGER = "nothing that speaks Anthropic's Messages. Their own is https://api.anthropic.com."

    def _path(self, call: CallSettings) -> str:
        return "/v1/messages"

    def _body(self, prompt: str, call: CallSettings) -> dict[str, Any]:
        return body_of(prompt, call)

    def _key_headers(self, key: str) -> Mapping[str, str]:
        version = {"anthropic-version": VERSION}
        return {"x-api-key": key, **version} if key else version

    def _reply(self) -> MessagesReply:
        return MessagesReply(self._key)

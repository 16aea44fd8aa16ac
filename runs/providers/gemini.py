"""Calls to Google's Gemini API and to what speaks it."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from runs.domain.plan import CallSettings
from runs.providers.gemini_wire import GenerateReply, body_of
from runs.providers.streamed import StreamedClient

PREFIX = "models/"
METHOD = "generateContent"


class Gemini(StreamedClient):
    """`base_url` with the version, e.g. `https://generativelanguage.googleapis.com/v1beta`.

    The key goes into a header, never into the address: addresses are written to logs.
    """

    ENDINGS = ("/models",)
    MODELS = "/models?pageSize=1000"
    STRANGER = (
        "nothing that speaks Google's Gemini API. Its own is"
        " https://generativelanguage.googleapis.com/v1beta."
    )

    def _path(self, call: CallSettings) -> str:
        name = quote(call.model.removeprefix(PREFIX), safe="")
        return f"/models/{name}:streamGenerateContent?alt=sse"

    def _body(self, prompt: str, call: CallSettings) -> dict[str, Any]:
        return body_of(prompt, call)

    def _key_headers(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def _reply(self) -> GenerateReply:
        return GenerateReply(self._key)

    def _named(self, listing: Any) -> Iterable[Any]:
        """Those that generate content; embedding models and the like are left out."""
        for row in listing["models"]:
            if METHOD in row.get("supportedGenerationMethods", [METHOD]):
                yield row["name"].removeprefix(PREFIX)

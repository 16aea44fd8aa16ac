"""Calls to any server that speaks OpenAI's chat completions, and the ways in which they differ."""

from collections.abc import Mapping
from typing import Any

from runs.domain.errors import BadRequest
from runs.domain.plan import CallSettings
from runs.engine.protocols import ModelRequest
from runs.providers.addresses import Reach
from runs.providers.chat_wire import ChatReply, body_of
from runs.providers.http import Response
from runs.providers.streamed import LISTING, StreamedClient

OPENROUTER = "https://openrouter.ai/api/"  # lists its models to everybody, whatever their key
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
UNKNOWN = (
    "unsupported",
    "not supported",
    "not support",
    "unrecognized",
    "unknown",
    "unexpected",
    "not permitted",
    "not allowed",
)


class OpenAICompatible(StreamedClient):
    """`base_url` up to and with the version, e.g. `https://api.example.com/v1`.

    A server that refuses a field by name is asked again without it, and never again with it.
    `sends_end_mark` False: the end of a whole body is taken for the answer's.
    """

    ENDINGS = ("/chat/completions",)
    STRANGER = "no OpenAI-compatible provider. Its address usually ends with /v1."

    def __init__(
        self,
        base_url: str,
        api_key: str,
        reach: Reach,
        *,
        reuse: bool | None = None,
        sends_end_mark: bool = True,
    ) -> None:
        super().__init__(base_url, api_key, reach, reuse=reuse)
        self._sends_end_mark = sends_end_mark
        self._limit_name = limit_name(self._base_url)
        self._wants_usage = True

    def _path(self, call: CallSettings) -> str:
        return "/chat/completions"

    def _body(self, prompt: str, call: CallSettings) -> dict[str, Any]:
        return body_of(prompt, call, limit_name=self._limit_name, wants_usage=self._wants_usage)

    def _key_headers(self, key: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _reply(self) -> ChatReply:
        return ChatReply(self._key, sends_end_mark=self._sends_end_mark)

    async def _asked(self, request: ModelRequest) -> Response:
        sent = self._limit_name, self._wants_usage
        try:
            return await super()._asked(request)
        except BadRequest as error:
            if not self._learned(error, *sent):
                raise
        return await self._asked(request)

    def _learned(self, error: BadRequest, limit_sent: str, asked_usage: bool) -> bool:
        """Whether the server refused a field that it can be asked without: each is given up once,
        so that this ends."""
        told = error.message.lower()
        if error.status_code not in {400, 422}:
            return False
        if asked_usage and "stream_options" in told:
            self._wants_usage = False
            return True
        if limit_sent == OLD_LIMIT and OLD_LIMIT in told and any(word in told for word in UNKNOWN):
            self._limit_name = NEW_LIMIT
            return True
        return False

    async def _listing(self) -> list[str]:
        if self._base_url.startswith(OPENROUTER):
            response = await self._opened("GET", "/key", LISTING)
            response.close()
        return await super()._listing()


def limit_name(base_url: str) -> str:
    """OpenAI's own newer models refuse the name that all others know."""
    return NEW_LIMIT if base_url.startswith("https://api.openai.com/") else OLD_LIMIT

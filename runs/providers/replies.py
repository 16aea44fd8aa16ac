"""A streamed reply in the making, whatever the dialect: what was said so far, and whether it is an
answer. Pure: no I/O, no clock."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from runs.domain.errors import AnswerCut, BadReply, CallError, ContentFiltered
from runs.domain.limits import RateHints
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers import fast_json
from runs.providers.error_bodies import read_error
from runs.providers.refusals import kind_inside
from runs.providers.sse import Event
from runs.providers.texts import Pieces, shortened

MOST_TOKENS = 1_000_000_000  # a larger count is a provider's mistake


class Reply(ABC):
    """`take` reads an event and gives its text; `completion` judges the whole.

    A dialect says in which words its answers end: `STOPPED`, `CUT` by the output limit, `WITHHELD`.
    No validated object a token: it looks only at the few fields that it needs.
    """

    STOPPED: ClassVar[frozenset[str]]
    CUT: ClassVar[frozenset[str]]
    WITHHELD: ClassVar[frozenset[str]]

    def __init__(self, secret: str = "") -> None:
        self._secret = secret
        self._pieces = Pieces()
        self._finish = ""
        self._refusal: list[str] = []
        self._model = ""
        self.usage = Usage()
        self.hints: RateHints | None = None
        self.is_ended = False

    @abstractmethod
    def take(self, event: Event) -> str:
        """The text that the event brings; raises `CallError` for an error or anything malformed."""

    @abstractmethod
    def take_whole(self, body: bytes) -> str:
        """A reply that is one JSON document: some servers answer so though asked to stream."""

    def end_of_body(self) -> str:
        """The body ended in order; gives text that was held back until here."""
        return ""

    @property
    def text(self) -> str:
        return self._pieces.text

    def completion(self) -> Completion:
        """The answer; raises `CallError` unless the provider said that it is complete."""
        if not (self.is_ended and self._finish):
            raise self._failed(BadReply, "The reply ended without the provider's end mark.")
        if self._refusal:
            told = shortened("".join(self._refusal), self._secret)
            raise self._failed(ContentFiltered, f"The model refused: {told}")
        if self._finish in self.WITHHELD:
            raise self._failed(ContentFiltered)
        is_cut = self._finish in self.CUT
        if not is_cut and self._finish not in self.STOPPED:
            ended = shortened(self._finish, self._secret, 40)
            raise self._failed(BadReply, f"The reply ended with “{ended}”, not with an answer.")
        if not self.text.strip():
            if is_cut:
                raise self._failed(AnswerCut, "The output limit was used up before any answer.")
            raise self._failed(BadReply, "The reply is empty.")
        finish = "length" if is_cut else "stop"
        return Completion(self.text, finish, self.usage, self._model, self.hints)

    def _parsed(self, data: str | bytes) -> dict[str, Any]:
        try:
            chunk = fast_json.loads(data)
        except (ValueError, RecursionError):
            raise self._malformed() from None
        if not isinstance(chunk, dict):
            raise self._malformed()
        return chunk

    def _malformed(self) -> CallError:
        return self._failed(BadReply, "The reply is malformed.")

    def _error_inside(self, chunk: Mapping[str, Any]) -> CallError:
        said = read_error(chunk)
        told = shortened(said.message, self._secret) or "no reason given"
        error = self._failed(
            kind_inside(said), f"The provider sent an error instead of an answer: {told}"
        )
        error.retry_after_s = said.retry_after_s
        return error

    def _failed(self, kind: type[CallError], message: str = "") -> CallError:
        return kind(message, status_code=200, text=self.text, usage=self.usage)


def count(value: Any) -> int | None:
    """A number of tokens; None where it is no plausible one."""
    is_count = type(value) is int and 0 <= value <= MOST_TOKENS
    return value if is_count else None


def total(*values: Any) -> int | None:
    """The sum of the counts that were said; None where none was."""
    known = [number for value in values if (number := count(value)) is not None]
    return sum(known) if known else None

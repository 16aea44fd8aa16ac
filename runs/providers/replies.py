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

    def __init__(self, secret: str = "", *, sends_end_mark: bool = True) -> None:
        self._secret = secret
        self._sends_end_mark = sends_end_mark
        self._pieces = Pieces(secret)
        self._finish = ""
        self._refusal: list[str] = []
        self._why_withheld = ""
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

    def end_of_body(self, *, is_framed: bool) -> str:
        """The body ended, and no part of it is known to be missing; gives text that was held back
        until here. `is_framed`: it told its own length, so that indeed nothing is missing."""
        rest = self._pieces.end()
        self.is_ended = self.is_ended or self._ends_with_body(is_framed)
        return rest

    def _ends_with_body(self, is_framed: bool) -> bool:
        """Whether the body's end is the answer's: only of a provider declared to send no mark."""
        if self._sends_end_mark:
            return False
        return bool(self._finish) or (is_framed and bool(self.text.strip()))

    @property
    def text(self) -> str:
        return self._pieces.text

    def completion(self) -> Completion:
        """The answer; raises `CallError` unless the provider said that it is complete."""
        finish = self._finish or ("" if self._sends_end_mark else min(self.STOPPED))
        if not (self.is_ended and finish):
            raise self._failed(BadReply, self._unended())
        if self._refusal:
            told = shortened("".join(self._refusal), self._secret)
            raise self._failed(ContentFiltered, f"The model refused: {told}")
        if finish in self.WITHHELD:
            why = shortened(self._why_withheld or finish, self._secret)
            raise self._failed(ContentFiltered, f"{ContentFiltered.advice} It says: {why}")
        is_cut = finish in self.CUT
        if not is_cut and finish not in self.STOPPED:
            ended = shortened(finish, self._secret, 40)
            raise self._failed(BadReply, f"The reply ended with “{ended}”, not with an answer.")
        if not self.text.strip():
            if is_cut:
                raise self._failed(AnswerCut, "The output limit was used up before any answer.")
            raise self._failed(BadReply, "The reply is empty.")
        mapped = "length" if is_cut else "stop"
        return Completion(self.text, mapped, self.usage, self._model, self.hints)

    def _unended(self) -> str:
        return "The reply ended without the provider's end mark."

    def _name_model(self, said: Any) -> None:
        """Note the model that answers, where it is said, once."""
        if not self._model and isinstance(said, str):
            self._model = shortened(said, self._secret)

    def _parsed(self, data: str | bytes) -> dict[str, Any]:
        try:
            chunk = fast_json.loads(data)
        except (ValueError, RecursionError):
            raise self._malformed() from None
        if type(chunk) is not dict:
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


def with_rest(prompt: int | None, written: int | None, said_total: Any) -> int | None:
    """Tokens of the output: at least what the total leaves beside the prompt. Some count thoughts,
    or an output of nothing, only there."""
    whole = count(said_total)
    if prompt is None or whole is None:
        return written
    return max(whole - prompt, written or 0)

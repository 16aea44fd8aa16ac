"""Every error of the product, in one tree. An error carries the decision and says what to do.

ParwebError
├── IllegalTransition         a state moved against TRANSITIONS: a bug
├── InvalidInput              a person's input; `field` says where, `message` what is allowed
├── InvalidConfiguration      several of them at once (`errors`)
├── Conflict                  a wish that the present state of things does not allow
├── Fenced                    this process lost the run to another owner
└── CallError                 an attempt ended without a usable completion
    ├── Throttled             429, 529: the provider asks for less (uses up no try)
    ├── ProviderUnavailable   408, 5xx, refused, reset, name not found
    ├── DeadlineExceeded      the total deadline or the idle timeout passed
    ├── BadReply              malformed, cut, empty, too large, an error inside a 200
    │   └── NothingRecorded   a replayed sample without an answer
    ├── AnswerCut             ended by the output limit (`length`); the text is kept
    ├── ContentFiltered       the provider withheld the answer
    ├── WrongKey              401, 403
    ├── QuotaExhausted        the account has nothing left
    ├── UnknownModel          404
    └── BadRequest            any other 4xx
"""

from runs.domain.limits import RateHints
from runs.domain.usage import Usage


class ParwebError(Exception):
    """Root of the tree."""


class IllegalTransition(ParwebError):
    def __init__(self, kind: str, old: str, new: str) -> None:
        super().__init__(f"{kind}: {old} may not become {new}")


class InvalidInput(ParwebError):
    """A person's input is not acceptable. `field` is the dotted path in the configuration."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.message = message
        self.field = field


class InvalidConfiguration(ParwebError):
    """All that is wrong with a configuration, so that a person can mend it in one go."""

    def __init__(self, errors: "list[InvalidInput]") -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class Conflict(ParwebError):
    """What was asked contradicts what stands: the message says what to do first."""


class Fenced(ParwebError):
    """Another owner holds the run now; drop what is unwritten and stop."""


class CallError(ParwebError):
    """An attempt that gave no usable completion.

    `retry_after_s`: seconds the provider asked to wait, if it did. `status_code`: HTTP status,
    if a reply came. `text`: what had arrived, kept where that is meant. `usage`: tokens, where the
    provider said. `hints`: what it said of its limits. `was_sent`: False where no byte of the
    request can have reached the provider, so that nothing can have been charged.
    """

    kind = "call"
    retryable = False
    advice = ""

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        retry_after_s: float | None = None,
        text: str = "",
        usage: Usage | None = None,
        was_sent: bool = True,
        hints: RateHints | None = None,
    ) -> None:
        super().__init__(message or self.advice)
        self.message = message or self.advice
        self.usage = usage
        self.was_sent = was_sent
        self.hints = hints
        self.status_code = status_code
        self.retry_after_s = retry_after_s
        self.text = text


class Throttled(CallError):
    kind = "throttled"
    retryable = True
    advice = (
        "The provider asked for less; the call waits and is tried again. Its limits can be entered "
        "under Providers."
    )


class ProviderUnavailable(CallError):
    kind = "unavailable"
    retryable = True
    advice = "The provider could not be reached. Check its address and that it is running."


class DeadlineExceeded(CallError):
    kind = "deadline"
    retryable = True
    advice = "No complete answer within the deadline. Raise the deadline or ask for less."


class BadReply(CallError):
    kind = "bad_reply"
    retryable = True
    advice = (
        "The reply was malformed or cut before its end mark. If all of them are, check the "
        "provider's kind and address."
    )


class NothingRecorded(BadReply):
    kind = "nothing_recorded"
    retryable = False
    advice = "No answer was recorded. Ask for no more samples than the recording has."


class AnswerCut(CallError):
    kind = "length"
    advice = "The answer hit the output limit. Raise “longest answer” or accept cut answers."


class ContentFiltered(CallError):
    kind = "content_filter"
    advice = (
        "The provider's content filter withheld the answer. Change the prompt or ask another model."
    )


class WrongKey(CallError):
    kind = "auth"
    advice = "The provider refused the key. Enter it again under Providers."


class QuotaExhausted(CallError):
    kind = "quota"
    advice = "The provider account has no quota left. Add credit there, then go on."

    @staticmethod
    def held(connection: str, then: str = "go on") -> str:
        """Why a run waits for a person, who may `then` do what it says."""
        return (
            f"The provider account behind “{connection}” has no quota left. "
            f"Add credit there, then {then}."
        )


class UnknownModel(CallError):
    kind = "unknown_model"
    advice = "The provider does not know this model. Check its name under Providers."


class BadRequest(CallError):
    kind = "bad_request"
    advice = "The provider refused the request. Check the settings of the call."

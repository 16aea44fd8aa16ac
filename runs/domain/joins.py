"""Settings of every aggregator: plain frozen values that a configuration carries.

The methods themselves live in `runs.aggregation`, one file each.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class ReaderKind(StrEnum):
    WHOLE_TEXT = "whole_text"
    LAST_LINE = "last_line"
    REGEX = "regex"
    NUMBER = "number"
    CHOICE = "choice"
    JSON_FIELD = "json_field"


@dataclass(frozen=True, slots=True)
class Reader:
    """How a value is read from an answer. `pattern` for regex (its group 1, or the whole match),
    `choices` for choice, `field` (dotted) for json_field."""

    kind: ReaderKind = ReaderKind.WHOLE_TEXT
    pattern: str = ""
    choices: tuple[str, ...] = ()
    field: str = ""

    def __post_init__(self) -> None:
        if self.kind is ReaderKind.REGEX and not self.pattern:
            raise ValueError("a regex reader needs a pattern")
        if self.kind is ReaderKind.CHOICE and len(self.choices) < 2:
            raise ValueError("a choice reader needs at least two choices")
        if self.kind is ReaderKind.JSON_FIELD and not self.field:
            raise ValueError("a JSON reader needs the name of a field")


@dataclass(frozen=True, slots=True)
class Concatenate:
    method: Literal["concatenate"] = "concatenate"
    heading: bool = True
    separator: str = "\n\n"


@dataclass(frozen=True, slots=True)
class Majority:
    """`least_share`: the leader's least share of the readable votes, 0..1."""

    method: Literal["majority"] = "majority"
    reader: Reader = field(default_factory=Reader)
    ties: Literal["declare", "first_seen"] = "declare"
    least_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.least_share <= 1:
            raise ValueError("the least share lies between 0 and 1")


MERGE_PROMPT = (
    "Write one text that says everything the parts below say, each thing once. "
    "Keep names, numbers and dates. Add nothing of your own.\n\n{{ missing }}\n\n{{ parts }}"
)


@dataclass(frozen=True, slots=True)
class Merge:
    """`prompt` may use `{{ parts }}` and `{{ missing }}`. `connection` and `model` empty: those of
    the branches. `parts`: texts a merge call reads at most. `max_tokens` of one merge."""

    method: Literal["merge"] = "merge"
    prompt: str = MERGE_PROMPT
    connection: str = ""
    model: str = ""
    parts: int = 6
    max_tokens: int = 400

    def __post_init__(self) -> None:
        if not 2 <= self.parts <= 50:
            raise ValueError("a merge reads between 2 and 50 parts")
        if "{{ parts }}" not in self.prompt:
            raise ValueError("the merge prompt must contain {{ parts }}")


@dataclass(frozen=True, slots=True)
class Gate:
    """The guards' answers are read by `reader`; a guard passes if it read one of `passes`.
    `require`: whether all guards or any one must pass."""

    method: Literal["gate"] = "gate"
    reader: Reader = field(
        default_factory=lambda: Reader(kind=ReaderKind.CHOICE, choices=("pass", "block"))
    )
    passes: tuple[str, ...] = ("pass",)
    require: Literal["all", "any"] = "all"


JoinSettings = Concatenate | Majority | Merge | Gate

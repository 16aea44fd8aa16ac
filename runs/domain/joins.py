"""Settings of every aggregator: plain frozen values that a configuration carries.

The methods themselves live in `runs.aggregation`, one file each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


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


class ItemsKind(StrEnum):
    LINES = "lines"
    COMMAS = "commas"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ItemReader:
    """How a list is read from an answer. `lines`: one item a line, bullets and numbers taken off;
    `json`: an array of texts or objects, `field` (dotted) names it inside an object. `key`: the
    fields that make two objects one item; their other fields stay with the item they came with.
    """

    kind: ItemsKind = ItemsKind.LINES
    field: str = ""
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concatenate:
    method: Literal["concatenate"] = "concatenate"
    heading: bool = True
    separator: str = "\n\n"


PICK_PROMPT = (
    "Below are several answers to one task, each under a letter. Pick the best one.\n\n"
    "{{ task }}\n\n{{ rubric }}\n\n{{ answers }}\n\n"
    "End with the letter of the best answer alone."
)
SCORE_PROMPT = (
    "Below is an answer to a task. Score it from 0 (useless) to 10 (perfect).\n\n"
    "{{ task }}\n\n{{ rubric }}\n\n{{ answers }}\n\nEnd with the score alone."
)


@dataclass(frozen=True, slots=True)
class JudgeCall:
    """The model that judges. `connection` and `model` empty: those of the branches. `rubric`: what
    makes an answer good. `task`: what was asked; empty: the prompt of the votes. `max_tokens` of
    one verdict. `temperature` None: the provider's. `prompt` empty: the method's own, answered as
    JSON; an own one may use `{{ answers }}`, `{{ rubric }}` and `{{ task }}`."""

    connection: str = ""
    model: str = ""
    max_tokens: int = 200
    rubric: str = ""
    prompt: str = ""
    task: str = ""
    temperature: float | None = 0.0

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError("the temperature lies between 0 and 2")
        if self.prompt and "{{ answers }}" not in self.prompt:
            raise ValueError("the judge's prompt must contain {{ answers }}")


@dataclass(frozen=True, slots=True)
class Majority:
    """`least_share`: the leader's least share of the readable votes (of their weight), 0..1.
    `weights`: of a vote by the name of its voter (a model or prompt) or its number (from 1);
    others weigh 1. `judge` is read only with ties `judge`."""

    method: Literal["majority"] = "majority"
    reader: Reader = field(default_factory=Reader)
    ties: Literal["declare", "first_seen", "judge"] = "declare"
    least_share: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    judge: JudgeCall = field(default_factory=JudgeCall)

    def __post_init__(self) -> None:
        if not 0 <= self.least_share <= 1:
            raise ValueError("the least share lies between 0 and 1")
        if any(not 0 < weight <= 1000 for weight in self.weights.values()):
            raise ValueError("a weight is above 0 and at most 1000")


@dataclass(frozen=True, slots=True)
class Union:
    """One list of all items. `least_support`: answers that must name an item, a number from 1 (the
    union), `majority` (more than half of those read) or `all` (the intersection). `likeness`: how
    like (0..100) two items must be to fold into one; 100 folds equal ones only."""

    method: Literal["union"] = "union"
    items: ItemReader = field(default_factory=ItemReader)
    least_support: int | Literal["majority", "all"] = 1
    likeness: float = 100.0

    def __post_init__(self) -> None:
        if isinstance(self.least_support, int) and self.least_support < 1:
            raise ValueError("the least support is 1 or more, majority or all")
        if not 50 <= self.likeness <= 100:
            raise ValueError("the likeness lies between 50 and 100")


@dataclass(frozen=True, slots=True)
class Numeric:
    """`trim`: the share (0..0.5) of the numbers left out at either end of a trimmed mean."""

    method: Literal["numeric"] = "numeric"
    reader: Reader = field(default_factory=lambda: Reader(kind=ReaderKind.NUMBER))
    statistic: Literal["median", "mean", "trimmed_mean"] = "median"
    trim: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.trim < 0.5:
            raise ValueError("the trim is at least 0 and below 0.5")


@dataclass(frozen=True, slots=True)
class Fields:
    """JSON objects voted field by field. `schema`: a JSON schema of the object; answers that do not
    fit it are unreadable. Empty: any object. `ties` within a field: declared, or the value seen
    first (lowest branch index)."""

    method: Literal["fields"] = "fields"
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    ties: Literal["declare", "first_seen"] = "declare"


@dataclass(frozen=True, slots=True)
class Judge:
    """`pick`: one verdict on all answers, asked in both orders. `score`: each answer scored alone
    by the rubric, from 0 to 10; the highest score wins."""

    method: Literal["judge"] = "judge"
    mode: Literal["pick", "score"] = "pick"
    judge: JudgeCall = field(default_factory=JudgeCall)


MERGE_PROMPT = (
    "Write one text that says everything the parts below say, each thing once. "
    "Keep names, numbers and dates. Add nothing of your own.\n\n{{ missing }}\n\n{{ parts }}"
)


@dataclass(frozen=True, slots=True)
class Merge:
    """`prompt` may use `{{ parts }}` and `{{ missing }}`. `connection` and `model` empty: those of
    the branches. `parts`: texts a merge call reads at most. `max_tokens` of one merge. `check`: ask
    a model afterwards what of the result has no source, contradicts another or was left out."""

    method: Literal["merge"] = "merge"
    prompt: str = MERGE_PROMPT
    connection: str = ""
    model: str = ""
    parts: int = 6
    max_tokens: int = 400
    check: bool = False

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


JoinSettings = Concatenate | Majority | Union | Numeric | Fields | Merge | Judge | Gate

"""The shape of a configuration: its fields, their bounds and defaults. No rules across fields.

One shape serves the form, the YAML file, a stored revision and a run's frozen copy.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from runs.domain.joins import (
    Concatenate,
    Fields,
    Gate,
    ItemReader,
    JoinSettings,
    Judge,
    JudgeCall,
    Majority,
    Merge,
    Numeric,
    Reader,
    Union,
)
from runs.domain.policies import OnFailure
from runs.planning.fields import characters, marks, number, whole

MOST_CHILDREN = 100_000  # of a run
MOST_INPUT = 5_000_000  # characters of text
MOST_PROMPTS = 50

Pattern = Literal["sectioning", "voting"]
SplitBy = Literal["document", "chunks", "line", "list", "row", "prompts"]
Vary = Literal["none", "temperature", "template", "model"]
PromptRole = Literal["section", "guard"]
EachBy = Literal["document", "chunks", "line", "list", "row"]
Stop = Literal["all", "confident", "strict", "decided"]
ProviderKind = Literal["openai_compatible", "anthropic", "gemini", "local", "simulated", "replay"]

ConnectionName = Annotated[str, characters(1, 80)]
ModelName = Annotated[str, characters(1, 120)]
StopText = Annotated[str, marks(1, 200)]
FilePath = Annotated[str, characters(1, 4096)]
Temperature = Annotated[float, number(0, 2)]


def cell(value: object) -> object:
    """A row's cell as text: an empty one is "", anything but text is written as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str)


class Shape(BaseModel):
    """Unknown fields are refused; values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class FailureSettings(Shape):
    """`least` counts usable children and is read only with `at_least`."""

    policy: OnFailure = OnFailure.MARK_GAPS
    least: Annotated[int, whole(1, MOST_CHILDREN)] = 1


class Split(Shape):
    """Sectioning only. `chunk_tokens` is read only with `chunks`."""

    by: SplitBy = "document"
    chunk_tokens: Annotated[int, whole(50, 100_000)] = 800


class Each(Shape):
    """Voting only: one vote for every piece of the input, and the join of their results. The join
    of the configuration joins the votes on one piece."""

    by: EachBy = "row"
    chunk_tokens: Annotated[int, whole(50, 100_000)] = 800
    join: Annotated[JoinSettings, Field(discriminator="method")] = Concatenate(separator="\n")
    on_failure: FailureSettings = FailureSettings()


class ModelChoice(Shape):
    connection: ConnectionName
    model: ModelName


class Votes(Shape):
    """Voting only. Variations go round and round through the votes. `samples` is the most votes
    there may be; `stop` says when fewer are enough: `all` asks for every vote, `confident` and
    `strict` stop once the leader would win the full vote with .95 and .99, `decided` once nothing
    can change it. A wave launches at least `wave_least` and at most `wave_most` votes."""

    samples: Annotated[int, whole(1, 10_000)] = 5
    stop: Stop = "all"
    wave_least: Annotated[int, whole(1, 10_000)] = 1
    wave_most: Annotated[int, whole(1, 10_000)] | None = None
    vary: Vary = "none"
    temperatures: Annotated[tuple[Temperature, ...], Field(max_length=50)] = ()
    models: Annotated[tuple[ModelChoice, ...], Field(max_length=50)] = ()


class Prompt(Shape):
    """A text, or a stored template by name; `version` None is its newest. A frozen run has both:
    the text is what is sent. `system` is sent as it stands. `json_schema` None: the call's."""

    name: Annotated[str, characters(0, 120)] = ""
    text: Annotated[str, characters(0, 200_000)] = ""
    system: Annotated[str, characters(0, 200_000)] = ""
    role: PromptRole = "section"
    template: Annotated[str, characters(0, 120)] = ""
    version: Annotated[int, whole(1, 1_000_000)] | None = None
    json_schema: dict[str, Any] | None = None


class Call(Shape):
    """How each branch's call is made; None leaves the choice to the provider."""

    connection: ConnectionName
    model: ModelName
    max_tokens: Annotated[int, whole(1, 200_000)] = 400
    temperature: Temperature | None = None
    top_p: Annotated[float, number(0.001, 1)] | None = None
    seed: Annotated[int, whole(0, 2**31 - 1)] | None = None
    stop: Annotated[tuple[StopText, ...], Field(max_length=16)] = ()
    json_schema: dict[str, Any] | None = None
    accept_cut: bool = False


class Limits(Shape):
    """`calls`, `tokens` and `cost_usd` are hard caps of the run; None is no cap. `hedge`: second
    attempts of slow calls, as a share of the calls; None sends none."""

    tries: Annotated[int, whole(1, 10)] = 4
    deadline_s: Annotated[float, number(1, 3600)] = 120.0
    in_flight: Annotated[int, whole(1, 10_000)] | None = None
    calls: Annotated[int, whole(1, 1_000_000)] | None = None
    tokens: Annotated[int, whole(1, 1_000_000_000)] | None = None
    cost_usd: Annotated[float, number(0.000001, 1_000_000)] | None = None
    hedge: Annotated[float, number(0.01, 0.5)] | None = None


class Provider(Shape):
    """A connection that a file brings along; the key comes from `api_key_env`. Prices are dollars
    per million tokens; None: those of the table, if it has any. Only `replay` reads
    `recording`, the path of recorded answers, `shuffle`, the seed of the order of a question's
    samples (None: as recorded), and `pace`: seconds a call, as in `0.5`, or tokens a second, as in
    `80/s`; empty is at once. `sends_end_mark` False: the end of its streams is accepted as the
    end of the answer."""

    name: ConnectionName
    kind: ProviderKind = "openai_compatible"
    base_url: Annotated[str, characters(0, 500)] = ""
    api_key_env: Annotated[str, characters(0, 120)] = ""
    in_flight: Annotated[int, whole(1, 10_000)] = 8
    calls_per_minute: Annotated[int, whole(1, 10_000_000)] | None = None
    tokens_per_minute: Annotated[int, whole(1, 2**31 - 1)] | None = None
    sends_end_mark: bool = True
    price_input: Annotated[float, number(0, 1e6)] | None = None
    price_output: Annotated[float, number(0, 1e6)] | None = None
    price_cached: Annotated[float, number(0, 1e6)] | None = None
    recording: Annotated[str, characters(0, 4096)] = ""
    shuffle: Annotated[int, whole(0, 2**31 - 1)] | None = None
    pace: Annotated[str, characters(0, 20)] = ""


class InputDocument(Shape):
    label: Annotated[str, characters(0, 200)] = ""
    text: Annotated[str, characters(0, MOST_INPUT)]


Row = dict[str, Annotated[str, BeforeValidator(cell)]]


class Input(Shape):
    """One source is given, or none where the launch gives it. `files` are paths, `dataset` the name
    of a stored one. `gold`: the column of rows that holds the right answer; it is never shown to a
    model."""

    text: Annotated[str, characters(0, MOST_INPUT)] | None = None
    documents: Annotated[tuple[InputDocument, ...], Field(max_length=10_000)] | None = None
    rows: Annotated[tuple[Row, ...], Field(max_length=MOST_CHILDREN)] | None = None
    files: (
        Annotated[tuple[Annotated[str, characters(1, 4096)], ...], Field(max_length=1000)] | None
    ) = None
    dataset: Annotated[str, characters(1, 120)] | None = None
    gold: Annotated[str, characters(1, 120)] | None = None


class Configuration(Shape):
    name: Annotated[str, characters(1, 120)]
    pattern: Pattern
    join: Annotated[JoinSettings, Field(discriminator="method")]
    on_failure: FailureSettings = FailureSettings()
    split: Split = Split()
    votes: Votes = Votes()
    each: Each | None = None
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=MOST_PROMPTS)]
    call: Call
    limits: Limits = Limits()
    provider: Provider | None = None
    input: Input | None = None


JOINS: Mapping[str, type] = {
    "concatenate": Concatenate,
    "majority": Majority,
    "union": Union,
    "numeric": Numeric,
    "fields": Fields,
    "merge": Merge,
    "judge": Judge,
    "gate": Gate,
}

# Every group of fields by its path in the configuration; `*` stands for a place in a list.
GROUPS: Mapping[str, type] = {
    "": Configuration,
    "on_failure": FailureSettings,
    "split": Split,
    "votes": Votes,
    "each": Each,
    "votes.models.*": ModelChoice,
    "prompts.*": Prompt,
    "call": Call,
    "limits": Limits,
    "provider": Provider,
    "input": Input,
    "input.documents.*": InputDocument,
    "join.reader": Reader,
    "join.items": ItemReader,
    "join.judge": JudgeCall,
}

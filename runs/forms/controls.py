"""The editor's controls: which field a path of the configuration has, and the cards to choose from.

Names of fields are paths of the configuration, with one difference: what a join's method alone
has stands under the method's name (`merge.parts` for `join.parts`), so that a choice once made
is kept while another method is looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runs.forms.fields import (
    AreaField,
    DecimalField,
    EscapedLinesField,
    JsonField,
    NameField,
    NumbersField,
    OneOfField,
    PairsField,
    TickField,
    WholeField,
)
from runs.forms.join_controls import join_controls, model_input


@dataclass(frozen=True, slots=True)
class Card:
    """One choice of a question: its value, what it is called and what it does."""

    value: str
    title: str
    what: str = ""


CARDS: Mapping[str, tuple[Card, ...]] = {
    "kind": (
        Card("documents", "Documents", "one a file, or pasted texts"),
        Card("rows", "Rows", "a table: CSV or JSONL"),
    ),
    "join.method": (
        Card("majority", "Majority", "the answer most votes agree on"),
        Card("union", "Union", "one list, duplicates folded"),
        Card("numeric", "Number", "the median or mean of the answers"),
        Card("fields", "Fields", "JSON objects, voted field by field"),
        Card("concatenate", "Concatenate", "keep every part, in order"),
        Card("merge", "Merge", "a model writes one text, level by level"),
        Card("judge", "Judge", "a model picks or scores the answers"),
        Card("gate", "Gate", "checks decide whether the answer goes out"),
    ),
    "on_failure.policy": (
        Card("stop", "Stop the run", "the first failure ends it"),
        Card("all", "Need all", "the others still end, then it fails"),
        Card("at_least", "Need at least…", "so many usable answers are enough"),
        Card("mark_gaps", "Go on, marking the gap", "the join is told what is missing"),
    ),
    "pattern": (
        Card("voting", "Take votes", "the same question, several times"),
        Card("sectioning", "Split into sections", "different parts, side by side"),
    ),
    "votes.stop": (
        Card("all", "Ask all of them", "every vote is cast"),
        Card("confident", "Stop when sure", "95 % sure to win the full vote"),
        Card("strict", "Stop when very sure", "99 % sure to win the full vote"),
        Card("decided", "Stop when decided", "no vote left could change it"),
    ),
    "split.by": (
        Card("document", "One branch a document", "each file or text of its own"),
        Card("chunks", "Chunks of one text", "by tokens, along headings"),
        Card("line", "One branch a line", "every line that is not blank"),
        Card("list", "One branch a list item", "bullets and numbered points"),
        Card("row", "One branch a row", "of a CSV or JSONL table"),
        Card("prompts", "Different prompts", "one input, several tasks"),
    ),
    "input.kind": (
        Card("text", "Paste a text"),
        Card("files", "Upload files"),
        Card("dataset", "Use a dataset"),
        Card("none", "Give it at launch", "on the command line"),
        Card("inline", "In the configuration", "documents or rows, as JSON"),
    ),
}

VARY = [
    ("none", "nothing"),
    ("temperature", "the temperature"),
    ("template", "the prompt"),
    ("model", "the model"),
]
EACH = [
    ("", "once, over the whole input"),
    ("row", "on every row of a table"),
    ("document", "on every document"),
    ("chunks", "on every chunk of a text"),
    ("line", "on every line"),
    ("list", "on every list item"),
]
EACH_METHODS = [
    (card.value, f"{card.title.lower()}: {card.what}")
    for card in CARDS["join.method"]
    if card.value != "gate"
]
POLICIES = [(card.value, f"{card.title}: {card.what}") for card in CARDS["on_failure.policy"]]
ROLES = [("section", "gives the answer"), ("guard", "checks beside it")]
PROVIDER_KINDS = [
    ("openai_compatible", "OpenAI-compatible"),
    ("anthropic", "Anthropic"),
    ("gemini", "Google Gemini"),
    ("simulated", "Simulated"),
    ("local", "Local model"),
    ("replay", "Replay of a recording"),
]


_JOIN = join_controls()

FIELDS: Mapping[str, Callable[[], Any]] = {
    "name": lambda: NameField(label="Name", max_length=120),
    "pattern": lambda: OneOfField(label="Votes or sections"),
    "join.method": lambda: OneOfField(label="Join"),
    **_JOIN,
    "on_failure.policy": lambda: OneOfField(label="Failures"),
    "on_failure.least": lambda: WholeField(label="Usable answers needed", least=1),
    "split.by": lambda: OneOfField(label="Split"),
    "split.chunk_tokens": lambda: WholeField(
        label="Tokens a chunk, at most", least=50, most=100_000
    ),
    "votes.samples": lambda: WholeField(label="Votes, at most", least=1, most=10_000),
    "votes.stop": lambda: OneOfField(label="When to stop asking"),
    "votes.wave_least": lambda: WholeField(label="Votes a wave, at least", least=1, most=10_000),
    "votes.wave_most": lambda: WholeField(
        label="Votes a wave, at most", least=1, most=10_000, help_text="Empty: no bound."
    ),
    "votes.vary": lambda: OneOfField(label="What varies between them", choices=VARY),
    "votes.temperatures": lambda: NumbersField(
        label="Temperatures, in turn", help_text="Such as 0.2, 0.7, 1.0"
    ),
    "votes.models": lambda: PairsField(
        label="Models, in turn", rows=3, help_text="One “connection / model” a line."
    ),
    "each.by": lambda: OneOfField(label="The vote is taken", choices=EACH),
    "each.chunk_tokens": lambda: WholeField(
        label="Tokens a chunk, at most", least=50, most=100_000
    ),
    "each.join.method": lambda: OneOfField(
        label="Their results are joined by", choices=EACH_METHODS
    ),
    **{f"each.{name}": control for name, control in _JOIN.items()},
    "each.on_failure.policy": lambda: OneOfField(
        label="When a vote gives no result", choices=POLICIES
    ),
    "each.on_failure.least": lambda: WholeField(label="Results needed", least=1),
    "call.connection": lambda: OneOfField(label="Connection"),
    "call.model": lambda: NameField(label="Model", widget=model_input()),
    "call.max_tokens": lambda: WholeField(label="Longest answer, tokens", least=1, most=200_000),
    "call.temperature": lambda: DecimalField(
        label="Temperature", most=2, help_text="Empty: as the provider has it."
    ),
    "call.top_p": lambda: DecimalField(label="Top p", most=1),
    "call.seed": lambda: WholeField(
        label="Seed", least=0, help_text="Not sent to Anthropic, whose models know none."
    ),
    "call.stop": lambda: EscapedLinesField(
        label="Stop at", rows=2, help_text="One text a line; \\n stands for a line break."
    ),
    "call.json_schema": lambda: JsonField(label="JSON schema of the answer", rows=4),
    "call.accept_cut": lambda: TickField(label="Accept answers cut at the longest length"),
    "limits.cost_usd": lambda: DecimalField(
        label="Spend at most, $", help_text="Empty: no cap on money."
    ),
    "limits.calls": lambda: WholeField(label="Calls at most", least=1),
    "limits.tokens": lambda: WholeField(
        label="Tokens at most", least=1, help_text="Read and written, of all calls together."
    ),
    "limits.in_flight": lambda: WholeField(
        label="In flight at once", least=1, help_text="Empty: as the provider allows."
    ),
    "limits.tries": lambda: WholeField(label="Tries a branch", least=1, most=10),
    "limits.deadline_s": lambda: DecimalField(label="Deadline of a call, s", least=1),
    "limits.hedge": lambda: DecimalField(
        label="Second attempts of slow calls, share",
        least=0.01,
        most=0.5,
        help_text="Empty: none. 0.1: up to 10 % more calls, paid for, for a shorter tail. "
        "None before 20 calls of a kind have been answered.",
    ),
    "provider.name": lambda: NameField(label="Name", help_text="Empty: none of its own."),
    "provider.kind": lambda: OneOfField(label="Kind", choices=PROVIDER_KINDS),
    "provider.base_url": lambda: NameField(label="Address"),
    "provider.api_key_env": lambda: NameField(label="Environment variable with the key"),
    "provider.in_flight": lambda: WholeField(label="In flight at once", least=1),
    "provider.calls_per_minute": lambda: WholeField(label="Calls a minute", least=1),
    "provider.tokens_per_minute": lambda: WholeField(label="Tokens a minute", least=1),
    "provider.sends_end_mark": lambda: TickField(label="Ends its streams with an end mark"),
    "provider.price_input": lambda: DecimalField(
        label="$ per million tokens read", help_text="Empty: from the price table."
    ),
    "provider.price_output": lambda: DecimalField(
        label="$ per million tokens written", help_text="Empty: from the price table."
    ),
    "provider.price_cached": lambda: DecimalField(
        label="$ per million tokens read from a cache", help_text="Empty: as other input."
    ),
    "provider.recording": lambda: NameField(label="Recording", help_text="As it was stored."),
    "provider.shuffle": lambda: WholeField(
        label="Shuffle by seed", least=0, help_text="Empty: in the recorded order."
    ),
    "provider.pace": lambda: NameField(
        label="Pace",
        help_text="Seconds a call, as 0.5, or tokens a second, as 80/s. Empty: at once.",
    ),
    "input.kind": lambda: OneOfField(label="Input"),
    "input.text": lambda: AreaField(label="Text", rows=8),
    "input.dataset": lambda: OneOfField(label="Dataset"),
    "input.gold": lambda: NameField(
        label="Column of right answers", help_text="If there is one: no prompt sees it."
    ),
    "input.inline": lambda: JsonField(label="Documents or rows", rows=8),
}

PROMPT_FIELDS: Mapping[str, Callable[[], Any]] = {
    "name": lambda: NameField(label="Name"),
    "role": lambda: OneOfField(label="This prompt", choices=ROLES),
    "template": lambda: OneOfField(label="Template"),
    "system": lambda: AreaField(label="System prompt", rows=2),
    "text": lambda: AreaField(label="Prompt", rows=6, is_code=True),
    "json_schema": lambda: JsonField(
        label="JSON schema of its answer", rows=3, help_text="Empty: as “More about the call” says."
    ),
}

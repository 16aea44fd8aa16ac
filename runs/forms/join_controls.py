"""The controls of a join's settings, for the join of the branches and for that of their results.

Each setting stands under its method's name, so that a choice once made is kept while another
method is looked at.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from runs.forms.fields import (
    AreaField,
    DecimalField,
    EscapedField,
    LinesField,
    NameField,
    ObjectField,
    OneOfField,
    SupportField,
    TextField,
    TickField,
    WeightsField,
    WholeField,
)

Controls = Mapping[str, Callable[[], Any]]

READER_KINDS = [
    ("choice", "one of a list of choices"),
    ("last_line", "the last line"),
    ("number", "the last number"),
    ("regex", "what a pattern matches"),
    ("json_field", "a field of a JSON answer"),
    ("whole_text", "the whole text"),
]
ITEM_KINDS = [
    ("lines", "lines, one item each"),
    ("commas", "words between commas"),
    ("json", "a JSON list"),
]
TIES = [
    ("declare", "say that it is a tie"),
    ("first_seen", "take the lowest numbered branch"),
    ("judge", "ask a judge"),
]
FIELD_TIES = TIES[:2]
STATISTICS = [
    ("median", "the median"),
    ("mean", "the mean"),
    ("trimmed_mean", "the mean without the ends"),
]
MODES = [("pick", "picks the best, asked in both orders"), ("score", "scores each answer alone")]
REQUIRE = [("all", "all checks pass"), ("any", "any check passes")]


def model_input() -> forms.TextInput:
    """Any name may be typed; the page's list offers those of the person's providers."""
    return forms.TextInput(attrs={"list": "models"})


def join_controls() -> dict[str, Callable[[], Any]]:
    """The control of every setting of every method, by `<method>.<setting>`."""
    return {
        **_concatenate(),
        **_majority(),
        **_union(),
        **_numeric(),
        **_fields(),
        **_merge(),
        "judge.mode": lambda: OneOfField(label="The judge", choices=MODES),
        **_judge("judge"),
        **_reader("gate"),
        "gate.passes": lambda: LinesField(
            label="A check passes when it reads", rows=2, help_text="One value a line."
        ),
        "gate.require": lambda: OneOfField(label="The answer goes out when", choices=REQUIRE),
    }


def _concatenate() -> Controls:
    return {
        "concatenate.heading": lambda: TickField(label="Put each part under its label"),
        "concatenate.separator": lambda: EscapedField(
            label="Between two parts", help_text="\\n stands for a line break."
        ),
    }


def _majority() -> Controls:
    return {
        **_reader("majority"),
        "majority.ties": lambda: OneOfField(label="When two answers tie", choices=TIES),
        "majority.least_share": lambda: DecimalField(
            label="Least share of the leader",
            most=1,
            help_text="0 to 1; below it nothing is decided.",
        ),
        "majority.weights": lambda: WeightsField(
            label="Weights",
            rows=3,
            help_text="One “voter = weight” a line: a model, a prompt, or the number of a vote. "
            "All others weigh 1.",
        ),
        **_judge("majority"),
    }


def _union() -> Controls:
    return {
        "union.items.kind": lambda: OneOfField(label="Items are read from", choices=ITEM_KINDS),
        "union.items.field": lambda: NameField(
            label="List's field", help_text="Empty: the JSON itself. Dots go deeper."
        ),
        "union.items.key": lambda: LinesField(
            label="Same item when equal in",
            rows=2,
            help_text="Fields, one a line. Empty: in everything.",
        ),
        "union.least_support": lambda: SupportField(
            label="Answers that must name it",
            help_text="1 keeps everything; or a number, majority, all.",
        ),
        "union.likeness": lambda: DecimalField(
            label="Fold items this alike, %",
            least=50,
            most=100,
            help_text="100 folds equal ones only.",
        ),
    }


def _numeric() -> Controls:
    return {
        **_reader("numeric"),
        "numeric.statistic": lambda: OneOfField(label="The result is", choices=STATISTICS),
        "numeric.trim": lambda: DecimalField(
            label="Left out at either end", most=0.49, help_text="A share of the numbers, as 0.1."
        ),
    }


def _fields() -> Controls:
    return {
        "fields.schema": lambda: ObjectField(
            label="JSON schema of the answers",
            rows=5,
            help_text="Answers that do not fit are unreadable. Empty: any object.",
        ),
        "fields.ties": lambda: OneOfField(label="When a field's values tie", choices=FIELD_TIES),
    }


def _merge() -> Controls:
    return {
        "merge.prompt": lambda: AreaField(
            label="Merge prompt",
            is_code=True,
            rows=5,
            help_text="{{ parts }} holds the answers, {{ missing }} names those that failed.",
        ),
        "merge.connection": lambda: OneOfField(label="Connection"),
        "merge.model": lambda: NameField(
            label="Model", help_text="Empty: the branches' model.", widget=model_input()
        ),
        "merge.parts": lambda: WholeField(label="Parts per merge", least=2, most=50),
        "merge.max_tokens": lambda: WholeField(label="Longest merged text, tokens", least=1),
        "merge.check": lambda: TickField(
            label="Ask a model afterwards what has no source, contradicts or was left out"
        ),
    }


def _judge(method: str) -> Controls:
    at = f"{method}.judge"
    return {
        f"{at}.connection": lambda: OneOfField(label="Judge's connection"),
        f"{at}.model": lambda: NameField(
            label="Judge's model", help_text="Empty: the branches' model.", widget=model_input()
        ),
        f"{at}.max_tokens": lambda: WholeField(label="Longest verdict, tokens", least=1),
        f"{at}.rubric": lambda: AreaField(
            label="What makes an answer good", rows=3, help_text="In a few words; may be empty."
        ),
        f"{at}.temperature": lambda: DecimalField(
            label="Judge's temperature", most=2, help_text="Empty: as the provider has it."
        ),
        f"{at}.task": lambda: AreaField(
            label="The task it is told", rows=2, help_text="Empty: the prompt of the votes."
        ),
        f"{at}.prompt": lambda: AreaField(
            label="Judge's prompt",
            is_code=True,
            rows=4,
            help_text="Empty: the built-in one. {{ answers }} holds the answers; "
            "{{ rubric }} and {{ task }} may stand in it.",
        ),
    }


def _reader(method: str) -> Controls:
    return {
        f"{method}.reader.kind": lambda: OneOfField(
            label="The answer is read from", choices=READER_KINDS
        ),
        f"{method}.reader.choices": lambda: LinesField(label="Choices, one a line", rows=3),
        f"{method}.reader.pattern": lambda: TextField(
            label="Pattern", help_text="A regular expression; its first group, if it has one."
        ),
        f"{method}.reader.field": lambda: NameField(
            label="JSON field", help_text="Dots go deeper: result.label"
        ),
    }

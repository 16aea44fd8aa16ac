"""The calls that joins will ask for, in bulk: merges and their check, verdicts of judges.

The joins decide in `runs.aggregation` what they ask; here it is only weighed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from runs.domain.joins import (
    PICK_PROMPT,
    SCORE_PROMPT,
    Concatenate,
    Fields,
    JoinSettings,
    Judge,
    JudgeCall,
    Majority,
    Merge,
    Union,
)
from runs.planning import tokens
from runs.planning.callers import Key, judge_of
from runs.planning.loads import Load, expected_of

JUDGED_AT_ONCE = 8  # answers that one verdict compares
CHECK_TOKENS = 200  # of the check's own words


@dataclass(frozen=True, slots=True)
class Texts:
    """What `joins` joins alike read: `children` texts each, tokens of them all together. `asked`:
    tokens of the question they answer."""

    joins: int
    children: int
    expected: int
    most: int
    asked: int = 0


def merge_levels(children: int, parts: int) -> tuple[int, ...]:
    """Merge calls of each level. A group of one goes up without a call."""
    levels = []
    while children > 1:
        levels.append(children // parts + (children % parts > 1))
        children = -(-children // parts)
    return tuple(levels)


def verdict_calls(answers: int, *, is_most: bool) -> int:
    """Calls that pick one of `answers`, each group in both orders; at most two of a group go on."""
    calls = 0
    while answers > 1:
        groups = -(-answers // JUDGED_AT_ONCE)
        calls += 2 * groups
        if groups == 1:
            break
        answers = groups * (2 if is_most else 1)
    return calls


def loads_of(join: JoinSettings, key: Key, texts: Texts, level: int) -> Iterator[Load]:
    """The calls of joins with those settings over those texts, from `level` on."""
    if isinstance(join, Merge):
        yield from _merges(join, key, texts, level)
    elif judge := judge_of(join):
        yield _verdicts(join, judge, key, texts, level)


def result_of(join: JoinSettings, texts: Texts) -> Texts:
    """What one join above reads of the results of those joins."""
    expected, most = texts.expected, texts.most
    if isinstance(join, Merge):
        most = texts.joins * join.max_tokens
        expected = expected_of(most)
    elif not isinstance(join, Concatenate | Union | Fields):
        expected, most = expected // texts.children, most // texts.children
    return Texts(1, texts.joins, max(expected, 1), max(most, 1), texts.asked)


def _merges(join: Merge, key: Key, texts: Texts, level: int) -> Iterator[Load]:
    read_expected, read_most = texts.expected, texts.most
    asking = tokens.estimate(join.prompt)
    for calls_a_join in merge_levels(texts.children, join.parts):
        calls = calls_a_join * texts.joins
        most = calls * join.max_tokens
        yield Load(
            level,
            "merge",
            key,
            calls,
            calls,
            read_expected + calls * asking,
            expected_of(most),
            most,
            read_most + calls * asking,
        )
        read_expected, read_most = expected_of(most), most
        level += 1
    if join.check and texts.children > 1:
        most = texts.joins * join.max_tokens
        own = texts.joins * CHECK_TOKENS
        yield Load(
            level,
            "judge",
            key,
            texts.joins,
            texts.joins,
            texts.expected + read_expected + own,
            expected_of(most),
            most,
            texts.most + read_most + own,
        )


def _verdicts(join: JoinSettings, judge: JudgeCall, key: Key, texts: Texts, level: int) -> Load:
    """A judge reads each answer in both orders, or scores each; one of a tie is seldom asked."""
    is_scored = isinstance(join, Judge) and join.mode == "score"
    is_seldom = isinstance(join, Majority)
    words = judge.prompt or (SCORE_PROMPT if is_scored else PICK_PROMPT)
    task = tokens.estimate(judge.task) if judge.task else texts.asked
    asking = tokens.estimate(words) + tokens.estimate(judge.rubric) + task
    if is_scored:
        least = most = texts.children if texts.children > 1 else 0
    else:
        least = 0 if is_seldom else verdict_calls(texts.children, is_most=False)
        most = verdict_calls(_most_judged(join, texts.children), is_most=True)
    times_read = 1 if is_scored else 2
    calls, calls_most = least * texts.joins, most * texts.joins
    output = calls_most * judge.max_tokens
    # Up to two of each eight answers are read again on the next level.
    again = 1 if calls_most <= 2 * texts.joins else 2
    return Load(
        level,
        "judge",
        key,
        calls,
        calls_most,
        (texts.expected * times_read + calls * asking) if calls else 0,
        expected_of(calls * judge.max_tokens) if calls else 0,
        output,
        texts.most * times_read * again + calls_most * asking,
    )


def _most_judged(join: JoinSettings, children: int) -> int:
    """Answers that a judge compares at most: in a tie never more than there are choices."""
    choices = len(join.reader.choices) if isinstance(join, Majority) else 0
    return min(children, choices) if choices else children

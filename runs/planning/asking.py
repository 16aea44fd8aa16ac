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
from runs.planning import asks, tokens
from runs.planning.callers import Key, judge_of
from runs.planning.history import History, expected_of
from runs.planning.loads import FRAME_TOKENS, LEAST_SHARE, MOST_SHARE, Load, LoadKind

JUDGED_AT_ONCE = 8  # answers that one verdict compares
CHECK_TOKENS = 200  # of the check's own words
PART_TOKENS = 40  # that a part's heading and fence take at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What `joins` joins alike read: `children` texts each, tokens of them all together. `asked`:
    tokens of the question they answer."""

    joins: int
    children: int
    least: int
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


def loads_of(
    join: JoinSettings, key: Key, texts: Texts, level: int, history: History
) -> Iterator[Load]:
    """The calls of joins with those settings over those texts, from `level` on."""
    if isinstance(join, Merge):
        yield from _merges(join, key, texts, level, history)
    elif judge := judge_of(join):
        yield _verdicts(join, judge, key, texts, level, history)


def result_of(join: JoinSettings, texts: Texts) -> Texts:
    """What one join above reads of the results of those joins."""
    least, expected, most = texts.least, texts.expected, texts.most
    if isinstance(join, Merge):
        most = texts.joins * join.max_tokens
        least, expected = texts.joins, expected_of(most)
    elif not isinstance(join, Concatenate | Union | Fields):
        least, expected = least // texts.children, expected // texts.children
        most = most // texts.children
    return Texts(
        joins=1,
        children=texts.joins,
        least=least,
        expected=max(expected, 1),
        most=max(most, 1),
        asked=texts.asked,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What calls of a join read, over all of them: their own words and what they are given."""

    own: int
    own_most: int
    least: int
    expected: int
    most: int
    parts: int


def _load(
    kind: LoadKind,
    settings: JoinSettings,
    key: Key,
    level: int,
    calls: tuple[int, int],
    longest: int,
    reading: _Reading,
    history: History,
) -> Load:
    """`calls`: to be expected, and at most."""
    expected, most = calls
    asking = asks.of_join(settings, kind)
    answers = history.answers(asking, key)
    told = reading.own + reading.expected
    shares = history.shares(asking, key, told / expected) if expected else None
    return Load(
        level=level,
        kind=kind,
        key=key,
        asks=asking,
        calls=expected,
        calls_most=most,
        longest=longest,
        input_least=int(reading.own * LEAST_SHARE) + reading.least if expected else 0,
        input_tokens=round(told * (shares.expected if shares else 1.0)),
        input_most=round(reading.own_most * MOST_SHARE)
        + reading.most
        + most * FRAME_TOKENS
        + reading.parts * PART_TOKENS,
        output_least=int(expected * answers.least(longest)),
        output_expected=round(expected * answers.expected(longest)),
        output_most=most * longest,
        told_tokens=told,
    )


def _merges(join: Merge, key: Key, texts: Texts, level: int, history: History) -> Iterator[Load]:
    least, expected, most = texts.least, texts.expected, texts.most
    asking = tokens.estimate(join.prompt)
    children = texts.children
    for calls_a_join in merge_levels(texts.children, join.parts):
        calls = calls_a_join * texts.joins
        reading = _Reading(
            own=calls * asking,
            own_most=calls * asking,
            least=least,
            expected=expected,
            most=most,
            parts=children * texts.joins,
        )
        load = _load("merge", join, key, level, (calls, calls), join.max_tokens, reading, history)
        yield load
        least, expected, most = load.output_least, load.output_expected, load.output_most
        children = calls_a_join
        level += 1
    if join.check and texts.children > 1:
        own = texts.joins * CHECK_TOKENS
        reading = _Reading(
            own=own,
            own_most=own,
            least=texts.least + least,
            expected=texts.expected + expected,
            most=texts.most + most,
            parts=(texts.children + 1) * texts.joins,
        )
        calls = texts.joins
        yield _load("judge", join, key, level, (calls, calls), join.max_tokens, reading, history)


def _verdicts(
    join: JoinSettings, judge: JudgeCall, key: Key, texts: Texts, level: int, history: History
) -> Load:
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
    # Up to two of each eight answers are read again on the next level.
    again = 1 if calls_most <= 2 * texts.joins else 2
    reading = _Reading(
        own=calls * asking,
        own_most=calls_most * asking,
        least=texts.least * times_read if calls else 0,
        expected=texts.expected * times_read if calls else 0,
        most=texts.most * times_read * again,
        parts=texts.children * texts.joins * times_read * again,
    )
    counts = (calls, calls_most)
    return _load("judge", join, key, level, counts, judge.max_tokens, reading, history)


def _most_judged(join: JoinSettings, children: int) -> int:
    """Answers that a judge compares at most: in a tie never more than there are choices."""
    choices = len(join.reader.choices) if isinstance(join, Majority) else 0
    return min(children, choices) if choices else children

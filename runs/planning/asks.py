"""What a call asks, as a short print: calls of one print are told the same.

By the words and not by a template's name: a file names none, an edited text is another question,
and one text under two names is the same. What else shapes the answer counts too: system text,
schema, stop.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from runs.domain.joins import PICK_PROMPT, SCORE_PROMPT, JoinSettings, Judge, Merge
from runs.domain.plan import BranchSpec
from runs.planning.callers import judge_of
from runs.planning.loads import LoadKind
from runs.planning.shape import Call, Prompt


def of_prompt(call: Call, prompt: Prompt) -> str:
    """The print of the branches that `prompt` makes."""
    schema = prompt.json_schema or call.json_schema
    return _print(prompt.text, prompt.system, schema, call.stop)


def of_branch(spec: BranchSpec) -> str:
    """The same, of a branch that is there."""
    call = spec.call
    return _print(spec.prompt, call.system, call.json_schema, call.stop)


def of_join(settings: JoinSettings, kind: LoadKind) -> str:
    """The print of calls that a join asks for: its merges, its check or its judge's verdicts."""
    if isinstance(settings, Merge):
        return _print(settings.prompt, f"{kind} of a merge")
    judge = judge_of(settings)
    if judge is None:
        return ""
    is_scored = isinstance(settings, Judge) and settings.mode == "score"
    words = judge.prompt or (SCORE_PROMPT if is_scored else PICK_PROMPT)
    return _print(words, judge.rubric)


def _print(
    text: str, system: str = "", schema: Mapping[str, Any] | None = None, stop: Sequence[str] = ()
) -> str:
    content = json.dumps([text, system, schema, list(stop)], sort_keys=True)
    return blake2b(content.encode(), digest_size=16).hexdigest()

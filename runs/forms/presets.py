"""What the editor shows for a new configuration: one start for each way to begin."""

from collections.abc import Mapping
from typing import Any

from runs.domain.joins import MERGE_PROMPT

VOTE = {
    "name": "A vote",
    "pattern": "voting",
    "join": {
        "method": "majority",
        "reader": {"kind": "choice", "choices": ["yes", "no"]},
        "ties": "declare",
    },
    "votes": {"samples": 15, "stop": "confident"},
    "prompts": [{"name": "Question", "text": "{{ input }}\n\nAnswer with one word: yes or no."}],
    "call": {"max_tokens": 40, "temperature": 0.7},
    "input": {"text": ""},
}
SPLIT = {
    "name": "A summary of many",
    "pattern": "sectioning",
    "join": {"method": "merge", "prompt": MERGE_PROMPT},
    "split": {"by": "document"},
    "prompts": [
        {
            "name": "Summarise",
            "text": "Summarise this text in three sentences.\n\n{{ document.text }}",
        }
    ],
    "call": {"max_tokens": 160, "temperature": 0.3},
    "input": {"files": []},
}
ROWS = {
    "name": "A table, row by row",
    "pattern": "sectioning",
    "join": {"method": "concatenate"},
    "split": {"by": "row"},
    "prompts": [
        {"name": "Each row", "text": "Describe this entry in one sentence.\n\n{{ row.text }}"}
    ],
    "call": {"max_tokens": 120, "temperature": 0.3},
    "input": {"files": []},
}
GATE = {
    "name": "An answer with checks",
    "pattern": "sectioning",
    "join": {"method": "gate"},
    "split": {"by": "prompts"},
    "on_failure": {"policy": "all"},
    "prompts": [
        {"name": "Answer", "text": "{{ input }}"},
        {
            "name": "Safety",
            "role": "guard",
            "text": "Is it safe to answer this? Say one word: pass or block.\n\n{{ input }}",
        },
    ],
    "call": {"max_tokens": 200, "temperature": 0.3},
    "input": {"text": ""},
}
WAYS: Mapping[str, Mapping[str, Any]] = {"vote": VOTE, "split": SPLIT, "rows": ROWS, "gate": GATE}


def preset(way: str, *, name: str, connection: str, model: str) -> dict[str, Any]:
    """The configuration's dict of a `way`; an unknown way is a vote."""
    spec = dict(WAYS.get(way, VOTE))
    return spec | {"name": name, "call": {**spec["call"], "connection": connection, "model": model}}

"""Configurations that between them use every field, for the round trip through the form."""

from copy import deepcopy
from typing import Any

from runs.services.examples import EXAMPLES, Caller
from tests.factories import sectioning_spec, voting_spec

CALLER = Caller("Local model", "smollm2-135m")
CALL = {"connection": "hosted", "model": "large", "max_tokens": 300}


OTHERS: dict[str, dict[str, Any]] = {
    "concatenate": sectioning_spec(
        join={"method": "concatenate", "heading": False, "separator": "\n---\t\\n\n"},
        split={"by": "chunks", "chunk_tokens": 300},
        prompts=[{"name": "Each", "text": "Sum up:\n\n{{ chunk.text }}\n", "system": "Be brief."}],
        input={"text": "# One\n\nfirst\n\n# Two\n\nsecond\n"},
    ),
    "merge by another model": sectioning_spec(
        join={
            "method": "merge",
            "prompt": "Unite: {{ parts }}",
            "connection": "hosted",
            "model": "large",
            "parts": 3,
            "max_tokens": 900,
        },
        on_failure={"policy": "at_least", "least": 2},
        input={"documents": [{"label": "a", "text": "x"}, {"label": "b", "text": "y\nz"}]},
    ),
    "rows": sectioning_spec(
        split={"by": "row"},
        prompts=[{"name": "Row", "text": "About {{ row.title }}"}],
        input={"rows": [{"title": "one", "gold": "1"}, {"title": "two", "gold": "2"}]},
    ),
    "lines": sectioning_spec(
        split={"by": "line"},
        prompts=[{"text": "{{ line.text }}"}],
        on_failure={"policy": "stop"},
    ),
    "several prompts": sectioning_spec(
        split={"by": "prompts"},
        prompts=[
            {"name": "First", "text": "{{ input }} 1"},
            {"name": "Second", "template": "Stored", "version": 3},
            {"name": "Third", "template": "Stored@home"},
        ],
        input={"dataset": "Some texts"},
    ),
    "regex votes": voting_spec(
        join={
            "method": "majority",
            "reader": {"kind": "regex", "pattern": r"answer:\s*(\w+)"},
            "ties": "first_seen",
            "least_share": 0.55,
        },
        votes={"samples": 21, "vary": "temperature", "temperatures": [0.2, 0.75, 1.0]},
    ),
    "votes of models": voting_spec(
        votes={
            "samples": 4,
            "vary": "model",
            "models": [
                {"connection": "hosted", "model": "large"},
                {"connection": "Local model", "model": "org/small / v2"},
            ],
        },
    ),
    "votes on rows, weighed, with a judge of ties": voting_spec(
        join={
            "method": "majority",
            "reader": {"kind": "last_line"},
            "ties": "judge",
            "weights": {"large": 2.5, "3": 0.1},
            "judge": {
                "connection": "hosted",
                "model": "large",
                "max_tokens": 20,
                "rubric": "Short.\nTrue.",
                "prompt": "{{ rubric }}: {{ answers }}",
                "task": "Classify",
                "temperature": None,
            },
        },
        votes={"samples": 40, "stop": "decided", "wave_least": 2, "wave_most": 9},
        each={
            "by": "row",
            "join": {"method": "merge", "parts": 9, "check": True},
            "on_failure": {"policy": "at_least", "least": 2},
        },
        prompts=[{"text": "{{ row.question }}"}],
        input={"rows": [{"question": "1+1", "answer": "2"}], "gold": "answer"},
    ),
    "votes on chunks": voting_spec(
        join={"method": "judge", "mode": "score"},
        each={"by": "chunks", "chunk_tokens": 99},
    ),
    "votes on documents, all by default": voting_spec(each={"by": "document"}),
    "votes on lines, in a union": voting_spec(
        join={"method": "numeric", "statistic": "trimmed_mean", "trim": 0.2},
        each={
            "by": "line",
            "join": {
                "method": "union",
                "items": {"kind": "json", "field": "a.b", "key": ["name", "year"]},
                "least_support": "majority",
                "likeness": 92.5,
            },
        },
    ),
    "a judge of sections": sectioning_spec(
        join={"method": "judge", "judge": {"rubric": "Shorter is better."}},
        split={"by": "row"},
        prompts=[{"text": "{{ row.q }}"}],
        input={"dataset": "Rows", "gold": "a"},
    ),
    "rows given at the launch": voting_spec(
        each={"by": "row"}, prompts=[{"text": "{{ row.q }}"}], input={"gold": "a"}
    ),
    "a list": sectioning_spec(join={"method": "union", "least_support": 2}),
    "a reader without a kind": sectioning_spec(
        join={"method": "numeric", "reader": {"pattern": "x"}}
    ),
    "fields": sectioning_spec(
        join={"method": "fields", "schema": {"type": "object"}, "ties": "first_seen"}
    ),
    "stop when sure": voting_spec(votes={"samples": 15, "stop": "confident"}),
    "a replay": voting_spec(
        provider={
            "name": "recorded",
            "kind": "replay",
            "recording": "gsm8k.jsonl",
            "shuffle": 7,
            "pace": "80/s",
        },
        call={"connection": "recorded", "model": "large"},
    ),
    "everything of a call": voting_spec(
        call={
            **CALL,
            "temperature": 0.0,
            "top_p": 0.9,
            "seed": 7,
            "stop": ["\n\nQ:", " END"],
            "json_schema": {"type": "object", "properties": {"label": {"type": "string"}}},
            "accept_cut": True,
        },
        limits={
            "tries": 2,
            "deadline_s": 45.5,
            "in_flight": 3,
            "calls": 50,
            "tokens": 9_000,
            "cost_usd": 0.25,
            "hedge": 0.1,
        },
    ),
    "a provider of its own": voting_spec(
        provider={
            "name": "my-vllm",
            "base_url": "http://10.0.0.8:8000/v1",
            "api_key_env": "MY_KEY",
            "in_flight": 16,
            "calls_per_minute": 600,
            "tokens_per_minute": 200_000,
            "sends_end_mark": False,
            "price_input": 0.15,
            "price_output": 0.6,
            "price_cached": 0.0,
        },
        call={"connection": "my-vllm", "model": "large"},
    ),
}


def every_spec() -> dict[str, dict[str, Any]]:
    """By a name for the test's report."""
    specs = {example.__name__: example(CALLER) for example in EXAMPLES}
    return specs | deepcopy(OTHERS)

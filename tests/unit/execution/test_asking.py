"""The calls that joins ask for: whose model, which form, and what a judge is told."""

import pytest

from runs.domain.joins import Concatenate, Gate, Judge, JudgeCall, Majority, Merge
from runs.domain.plan import CallSettings, Item, PlannedJoin, Role
from runs.domain.results import Ask, CallKey, Child, ChildState, JoinCall
from runs.engine.state import JoinState
from runs.execution.asking import asked_call, with_task
from runs.execution.planner import RunPlanner
from runs.planning.configuration import parse

OWN = CallSettings(
    connection="own", model="small", max_tokens=50, temperature=0.9, top_p=0.5, seed=7,
    system="Be brief.", stop=("END",), json_schema={"type": "string"},
)  # fmt: skip
SCHEMA = {"type": "object"}
NAMED = JudgeCall(connection="other", model="big", max_tokens=300)


@pytest.mark.parametrize("method", [Judge, Majority])
def test_a_judge_is_the_model_named_or_else_the_branches(method):
    named = asked_call(method(judge=NAMED), OWN, Role.JUDGE, SCHEMA)
    assert named == CallSettings("other", "big", 300, 0.0, None, 7, json_schema=SCHEMA)
    own = asked_call(method(), OWN, Role.JUDGE, None)
    assert own == CallSettings("own", "small", 200, 0.0, None, 7)
    free = asked_call(method(judge=JudgeCall(temperature=None)), OWN, Role.JUDGE, None)
    assert free.temperature is None


def test_a_check_is_made_by_the_merges_model_without_chance():
    settings = Merge(connection="other", model="big", max_tokens=300, check=True)
    merge = asked_call(settings, OWN, Role.MERGE, None)
    assert merge == CallSettings("other", "big", 300, 0.9, 0.5, 7)
    check = asked_call(settings, OWN, Role.JUDGE, SCHEMA)
    assert check == CallSettings("other", "big", 300, 0.0, None, 7, json_schema=SCHEMA)


def test_only_a_judge_that_is_told_nothing_else_learns_the_task():
    def task():
        return "Count."

    assert with_task(Judge(), task).judge.task == "Count."
    assert with_task(Majority(ties="judge"), task).judge.task == "Count."
    told = Judge(judge=JudgeCall(task="Sum."))
    for settings in (told, Majority(), Merge(), Gate(), Concatenate()):
        assert with_task(settings, task) == settings


# -- through the planner -----------------------------------------------------------------------


def planner(join, **more):
    configuration = parse(
        {
            "name": "Vote",
            "pattern": "voting",
            "join": join,
            "votes": {"samples": 2},
            "prompts": [{"text": "Say {{ input }}", "system": "Be brief."}],
            "call": {"connection": "own", "model": "small"},
            **more,
        }
    )
    planned = PlannedJoin(0, None, 0, "", 2)
    item = Item(0, "One", {"input": "{{ answers }}", "document.text": "{{ answers }}"})
    return RunPlanner(configuration, [planned], {0: item, 1: item})


def state():
    return JoinState(0, None, 0, "", 2, 0, branches_are_children=True)


def children(*texts):
    return [
        Child(index, f"Vote {index + 1}", ChildState.ANSWERED, text, role=Role.VOTE)
        for index, text in enumerate(texts)
    ]


def test_a_judge_of_votes_is_told_what_the_votes_were_asked():
    result = planner({"method": "judge"}).aggregate(state(), children("one", "two"), {})
    assert isinstance(result, Ask)
    prompt = result.calls[0].prompt
    assert "\nBe brief.\n\nSay {{ answers }}\n</task-" in prompt, "and input is never filled in"
    assert prompt.count("letter=") == 2


def test_a_judge_of_different_parts_is_told_no_task():
    split = {"pattern": "sectioning", "split": {"by": "document"}}
    asking = planner({"method": "judge"}, **split)
    result = asking.aggregate(state(), children("one", "two"), {})
    assert "task-" not in result.calls[0].prompt


def test_the_schema_of_a_call_reaches_its_spec():
    asking = planner({"method": "judge", "judge": {"connection": "other", "model": "big"}})
    call = JoinCall(CallKey(Role.JUDGE, 0, 1), "Which?", "Judge, second order", SCHEMA)
    spec = asking.asked(state(), call)
    assert (spec.index, spec.role, spec.label) == (1, Role.JUDGE, "Judge, second order")
    assert (spec.call.connection, spec.call.model) == ("other", "big")
    assert spec.call.json_schema == SCHEMA
    assert spec.call.system == ""

"""Plans: the tree, and the branches that follow from it."""

from typing import Any

import pytest

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.plan import BranchSpec, PlannedJoin, Role
from runs.planning import build
from runs.planning.configuration import Configuration
from runs.planning.inputs import InputFile, Material, items_from
from tests.effort import Effort
from tests.unit.planning.samples import CALL, gate, items, made, sectioning, voting


def branches(configuration: Configuration, count: int = 1) -> list[BranchSpec]:
    name = "document.text" if configuration.split.by == "document" else "input"
    plan = build.plan(configuration, items(count, name))
    (root,) = plan.joins
    return [build.branch_spec(configuration, root, index) for index in range(root.children)]


def test_sections_are_one_branch_an_item() -> None:
    configuration = made(
        sectioning(prompts=[{"text": "{{ document.text }}", "system": "Be brief."}])
    )
    plan = build.plan(configuration, items(3))
    assert plan.joins == (PlannedJoin(0, None, 0, "", 3),)
    assert plan.child_branches == 3
    found = branches(configuration, 3)
    assert [(b.index, b.item, b.role, b.label) for b in found] == [
        (0, 0, Role.SECTION, ""),
        (1, 1, Role.SECTION, ""),
        (2, 2, Role.SECTION, ""),
    ]
    assert {(b.prompt, b.call.system) for b in found} == {("{{ document.text }}", "Be brief.")}


def test_votes_all_read_the_same_item() -> None:
    found = branches(made(voting(votes={"samples": 3})))
    assert [(b.label, b.item, b.role) for b in found] == [
        ("Vote 1", 0, Role.VOTE),
        ("Vote 2", 0, Role.VOTE),
        ("Vote 3", 0, Role.VOTE),
    ]


def test_the_call_is_as_configured() -> None:
    call = {
        **CALL,
        "temperature": 0.3,
        "top_p": 0.9,
        "stop": ["END"],
        "json_schema": {"type": "object"},
    }
    (branch,) = branches(made(voting(votes={"samples": 1}, call=call)))
    assert (branch.call.temperature, branch.call.top_p, branch.call.stop) == (0.3, 0.9, ("END",))
    assert branch.call.json_schema == {"type": "object"}
    assert branch.call.max_tokens == 400


def test_temperatures_go_round_through_the_votes() -> None:
    votes = {"samples": 5, "vary": "temperature", "temperatures": [0, 0.7]}
    found = branches(made(voting(votes=votes)))
    assert [branch.call.temperature for branch in found] == [0, 0.7, 0, 0.7, 0]
    assert found[1].label == "Vote 2 · temperature 0.7"


def test_models_go_round_through_the_votes() -> None:
    models = [{"connection": "a", "model": "small"}, {"connection": "b", "model": "large"}]
    found = branches(made(voting(votes={"samples": 3, "vary": "model", "models": models})))
    assert [(b.call.connection, b.call.model) for b in found] == [
        ("a", "small"),
        ("b", "large"),
        ("a", "small"),
    ]
    assert found[1].label == "Vote 2 · large"


def test_prompts_go_round_through_the_votes() -> None:
    prompts = [{"name": "Plain", "text": "A {{ input }}"}, {"text": "B", "system": "Be strict."}]
    found = branches(made(voting(votes={"samples": 3, "vary": "template"}, prompts=prompts)))
    assert [(b.prompt, b.call.system) for b in found] == [
        ("A {{ input }}", ""),
        ("B", "Be strict."),
        ("A {{ input }}", ""),
    ]
    assert [branch.label for branch in found][:2] == ["Vote 1 · Plain", "Vote 2 · Prompt 2"]


def test_each_vote_has_a_seed_of_its_own() -> None:
    found = branches(made(voting(votes={"samples": 3}, call={**CALL, "seed": 2**31 - 2})))
    assert [branch.call.seed for branch in found] == [2**31 - 2, 2**31 - 1, 0]


def test_a_gate_is_one_join_of_main_answer_and_guards() -> None:
    found = branches(made(gate()))
    assert [(b.label, b.role, b.item) for b in found] == [
        ("Answer", Role.SECTION, 0),
        ("Safety", Role.GUARD, 0),
        ("Topic", Role.GUARD, 0),
    ]


def test_a_join_deeper_in_a_tree_reads_its_own_items() -> None:
    configuration = made(sectioning())
    inner = PlannedJoin(index=2, parent=0, position=1, label="", children=4, item=7)
    assert build.branch_spec(configuration, inner, 3).item == 10
    assert build.branch_spec(made(voting()), inner, 3).item == 7


@pytest.mark.parametrize(
    ("spec", "count", "field", "said"),
    [
        (
            sectioning(on_failure={"policy": "at_least", "least": 4}),
            3,
            "on_failure.least",
            "1 to 3",
        ),
        (gate(on_failure={"policy": "at_least", "least": 4}), 1, "on_failure.least", "1 to 3"),
        (sectioning(), 0, "input", "empty"),
        (voting(prompts=[{"template": "Lost"}]), 1, "prompts.0.template", "“Lost” was not found"),
    ],
)
def test_what_only_the_items_show_is_refused(
    spec: dict[str, Any], count: int, field: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        branches(made(spec), count)
    assert caught.value.field == field
    assert said in caught.value.message


def test_a_column_that_no_row_has_is_refused_with_the_columns_listed() -> None:
    prompts = [{"text": "{{ row.questoin }}"}]
    configuration = made(sectioning(split={"by": "row"}, prompts=prompts))
    with pytest.raises(InvalidInput, match=r"Did you mean \{\{ row.question \}\}") as caught:
        build.plan(configuration, items(1, "row.question"))
    assert caught.value.field == "prompts.0.text"


def test_several_such_errors_are_told_together() -> None:
    spec = sectioning(
        split={"by": "row"},
        prompts=[{"text": "{{ row.a }} {{ row.b }}"}],
        on_failure={"policy": "at_least", "least": 2},
    )
    with pytest.raises(InvalidConfiguration) as caught:
        build.plan(made(spec), items(1, "row.question"))
    assert len(caught.value.errors) == 3


@pytest.mark.parametrize(
    ("spec", "count", "said"),
    [
        (sectioning(prompts=[{"text": "Hello"}]), 2, "all 2 branches ask the same"),
        (voting(call={**CALL, "temperature": 0}), 1, "nearly the same"),
        (voting(votes={"samples": 2, "vary": "none", "temperatures": [1]}), 1, "are not used"),
        (
            voting(votes={"samples": 2, "vary": "temperature", "temperatures": [0, 1, 2]}),
            1,
            "only the first 2",
        ),
        (
            voting(
                join={"method": "majority", "reader": {"kind": "choice", "choices": ["a", "b"]}},
                votes={"samples": 4},
            ),
            1,
            "4 votes over two choices can tie",
        ),
        (sectioning(on_failure={"policy": "at_least", "least": 2}), 2, "All 2 branches are needed"),
        (sectioning(prompts=[{"text": "{{ document.text }} as above"}]), 2, "chain these instead"),
    ],
)
def test_settings_that_do_less_than_they_seem_to_are_told(
    spec: dict[str, Any], count: int, said: str
) -> None:
    configuration = made(spec)
    name = "document.text" if configuration.split.by == "document" else "input"
    (warning,) = build.plan(configuration, items(count, name)).warnings
    assert said in warning


@pytest.mark.parametrize("spec", [sectioning(), voting(), gate()])
def test_ordinary_plans_have_no_warnings(spec: dict[str, Any]) -> None:
    assert build.plan(made(spec), items(4)).warnings == ()


def test_fifty_thousand_rows_are_planned_in_two_seconds() -> None:
    spec = sectioning(split={"by": "row"}, prompts=[{"text": "{{ row.question }}"}])
    content = "question,gold\n" + "What is one and one?,2\n" * 50_000
    effort = Effort()
    files = (InputFile("questions.csv", content.encode()),)
    plan = build.plan(made(spec), items_from(made(spec), Material(files=files)))
    assert effort.seconds() < 2
    assert plan.child_branches == 50_000


def nested(**changes: Any) -> Configuration:
    prompts = [{"text": "{{ input }}"}]
    return made(voting(votes={"samples": 3}, each={"by": "row"}, prompts=prompts, **changes))


def test_a_vote_on_each_piece_is_a_root_over_one_join_a_piece() -> None:
    plan = build.plan(nested(), items(2, "input"))
    labels = [item.label for item in plan.items]
    assert plan.joins == (
        PlannedJoin(0, None, 0, "", 2, branches_are_children=False),
        PlannedJoin(1, 0, 0, labels[0], 3, item=0),
        PlannedJoin(2, 0, 1, labels[1], 3, item=1),
    )
    assert plan.child_branches == build.children_of(nested(), 2) == 6
    assert build.branches_a_join(nested(), 2) == 3


def test_the_votes_on_a_piece_read_that_piece() -> None:
    plan = build.plan(nested(), items(2, "input"))
    found = [build.branch_spec(nested(), plan.joins[2], index) for index in range(3)]
    assert [(branch.item, branch.index, branch.role) for branch in found] == [
        (1, 0, Role.VOTE),
        (1, 1, Role.VOTE),
        (1, 2, Role.VOTE),
    ]


def test_more_votes_on_all_pieces_than_a_run_takes_are_refused() -> None:
    configuration = made(
        voting(votes={"samples": 10_000}, each={"by": "row"}, prompts=[{"text": "{{ input }}"}])
    )
    with pytest.raises(InvalidInput, match="110,000 branches"):
        build.plan(configuration, items(11, "input"))


def test_a_branch_names_its_voter() -> None:
    models = [{"connection": "a", "model": "small"}, {"connection": "b", "model": "large"}]
    varied = branches(made(voting(votes={"samples": 3, "vary": "model", "models": models})))
    assert [branch.voter for branch in varied] == ["small", "large", "small"]
    warm = {"samples": 2, "vary": "temperature", "temperatures": [0, 0.5]}
    assert [b.voter for b in branches(made(voting(votes=warm)))] == [
        "temperature 0",
        "temperature 0.5",
    ]
    assert {branch.voter for branch in branches(made(sectioning()))} == {CALL["model"]}

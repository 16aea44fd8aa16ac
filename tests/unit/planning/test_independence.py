"""Independence: references to another branch's answer are found, ordinary prompts are not."""

import pytest

from runs.domain.plan import Item
from runs.planning import build
from runs.planning.configuration import Configuration
from runs.planning.independence import is_for_another_branch, reference, warnings
from tests.unit.planning.samples import gate, items, made, sectioning, voting


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Do the same as above for this one.", "as above"),
        ("As mentioned above, be brief.", "As mentioned above"),
        ("Continue where the previous section ended.", "previous section"),
        ("Use the earlier answer.", "earlier answer"),
        ("See section 2 for the names.", "See section 2"),
        ("refer to part #3", "refer to part #3"),
        ("Based on the answer from step 1, go on.", "answer from step 1"),
        ("Compare it with the other sections.", "other sections"),
        ("Shorten the summary of the previous\n document.", "previous document"),
        ("Leave out what the next chunk says.", "next chunk"),
        ("Rank the answers above.", "the answers above"),
        ("Use the result of task 4.", "result of task 4"),
    ],
)
def test_references_to_another_answer_are_found(text: str, words: str) -> None:
    assert reference(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "Summarise the following document in three sentences.",
        "{{ document.text }}\n\nSummarise the text above.",
        "Write the answer on the last line.",
        "List the risks of this section.",
        "Name two other reasons and the next steps.",
        "What happened before the outage? Who noticed first?",
        "1. List the facts.\n2. Weigh them.\nUse the result of step 1 in step 2.",
        "Answer with one word: billing, bug or other.",
        "Step 1: list. Then write.",
        "",
    ],
)
def test_ordinary_prompts_are_left_in_peace(text: str) -> None:
    assert reference(text) is None


def test_the_warning_names_the_prompt_and_says_chain_these() -> None:
    prompts = [
        {"name": "Facts", "text": "List the facts. {{ input }}"},
        {"name": "Advice", "text": "From the findings of Facts, advise. {{ input }}"},
        {"text": "Shorten the previous answer. {{ input }}"},
    ]
    configuration = made(sectioning(split={"by": "prompts"}, prompts=prompts))
    second, third = warnings(configuration, ())
    assert "Prompt “Advice”" in second
    assert "“findings of Facts”" in second
    assert "Prompt “3”" in third
    assert all("chain these instead" in warning for warning in (second, third))


def test_a_variable_that_only_another_branch_could_fill_is_found() -> None:
    prompts = [{"name": "Key facts", "text": "a"}, {"name": "Advice", "text": "b"}]
    configuration = made(sectioning(split={"by": "prompts"}, prompts=prompts))
    for name in ("key_facts", "Key facts", "answer_1", "answers", "previous", "section2.text"):
        assert is_for_another_branch(name, configuration)
    for name in ("input", "document.text", "row.answer", "line.text", "topic"):
        assert not is_for_another_branch(name, configuration)
    unchecked = Configuration.model_construct(
        **{**dict(configuration), "prompts": made(voting()).prompts[:0] + configuration.prompts}
    )
    assert warnings(unchecked) == ()


def test_list_items_that_lean_on_one_another_are_counted() -> None:
    texts = ["Buy tea", *["Do it as above"] * 7, "Drink it"]
    items = [Item(n, str(n), {"line.text": text, "input": text}) for n, text in enumerate(texts)]
    listed = made(sectioning(split={"by": "list"}, prompts=[{"text": "{{ line.text }}"}]))
    (warning,) = warnings(listed, items)
    assert warning.startswith("Items 2, 3, 4, 5, 6 and 2 more seem to refer")
    assert warnings(listed, items[:2])[0].startswith("Item 2 seems to refer")


def test_documents_may_refer_to_their_own_sections() -> None:
    items = [Item(0, "a", {"document.text": "See section 2.", "input": "See section 2."})]
    assert warnings(made(sectioning()), items) == ()


@pytest.mark.parametrize("spec", [sectioning(), voting(), gate()])
def test_independent_prompts_give_no_warning(spec: dict[str, object]) -> None:
    assert warnings(made(spec), ()) == ()


def test_sections_that_ask_the_same_are_told() -> None:
    same = [Item(n, f"Item {n}", {"document.text": text}) for n, text in enumerate("abacab")]
    (said,) = build.plan(made(sectioning()), same).warnings
    assert said == (
        "Sections overlap: 1 and 3 ask the same, and 2 more repeat an earlier one. "
        "Each is called and paid for."
    )


def test_only_what_the_prompt_reads_makes_sections_differ() -> None:
    rows = [Item(n, "", {"row.q": "same", "row.id": str(n)}) for n in range(2)]
    by_row = {"split": {"by": "row"}}
    asked = made(sectioning(**by_row, prompts=[{"text": "{{ row.q }}"}]))
    apart = made(sectioning(**by_row, prompts=[{"text": "{{ row.q }} {{ row.id }}"}]))
    assert any("Sections overlap" in said for said in build.plan(asked, rows).warnings)
    assert build.plan(apart, rows).warnings == ()


def test_votes_on_one_input_do_not_overlap() -> None:
    assert build.plan(made(voting()), items(1)).warnings == ()

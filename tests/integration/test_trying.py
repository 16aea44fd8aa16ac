"""Trying a join on pasted answers: outcomes at once, prices where a model would be asked."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from runs.models import Configuration, Connection, Run
from runs.services.trying import LONGEST_ANSWER, MOST_ANSWERS
from tests.factories import make_connection, sectioning_spec, voting_spec
from tests.integration.test_pages_editor import post, typed


@pytest.fixture(autouse=True)
def connection(user: User) -> Connection:
    return make_connection(
        user, name="Simulated", model_names=["simulated"], price_input=1.0, price_output=2.0
    )


def tried(client: Client, answers: str, spec: dict | None = None, **changes: str) -> str:
    response = post(client, reverse("configuration_try"), typed(spec, **changes), answers=answers)
    assert response.status_code == 200
    return response.text


def joined(join: dict[str, Any], **more: Any) -> dict[str, Any]:
    return voting_spec(join=join, **more)


def test_nothing_pasted_is_explained(signed_in: Client) -> None:
    assert "as soon as answers are pasted" in tried(signed_in, "  \n ")


def test_a_majority_shows_its_value_and_what_became_of_each_answer(signed_in: Client) -> None:
    page = tried(signed_in, "billing\n---\nbilling\n -----\nbug\r\n---\r\nnothing of it")
    assert "Decided" in page
    assert "2 of 3 votes" in page
    assert page.count('data-kind="used"') == 2
    assert page.count('data-kind="outvoted"') == 1
    assert page.count('data-kind="unreadable"') == 1
    assert "Agreement" in page


def test_an_answer_left_empty_is_a_branch_that_failed(signed_in: Client) -> None:
    page = tried(signed_in, "billing\n---\n\n---\nbilling", **{"on_failure.policy": "all"})
    assert "Failed" in page
    assert 'data-kind="failed"' in page


def test_a_tie_is_a_tie(signed_in: Client) -> None:
    assert "Tie" in tried(signed_in, "billing\n---\nbug")


def test_the_weights_of_voters_count(signed_in: Client) -> None:
    spec = voting_spec()
    spec["join"]["weights"] = {"2": 5}
    page = tried(signed_in, "billing\n---\nbug\n---\nbilling", spec)
    assert '<div class="quote" data-value>bug</div>' in page


@pytest.mark.parametrize(
    ("join", "answers", "words"),
    [
        ({"method": "concatenate"}, "one\n---\ntwo", ["Joined", "Answer 2", "two"]),
        ({"method": "union"}, "- an ant\n- a bee\n---\n- a bee", ["an ant", "a bee", "Items kept"]),
        ({"method": "numeric"}, "It is 3.\n---\n5\n---\n100", ["5", "Median", "Highest"]),
        (
            {"method": "fields"},
            '{"a": 1, "b": "x"}\n---\n{"a": 1, "b": "y"}\n---\n{"a": 2, "b": "y"}',
            ["Least agreement", "y"],
        ),
    ],
)
def test_joins_without_a_model_give_their_outcome(
    signed_in: Client, join: dict[str, Any], answers: str, words: list[str]
) -> None:
    page = tried(signed_in, answers, joined(join))
    assert all(word in page for word in words), page


def test_a_gate_reads_the_checks_after_the_answer(signed_in: Client) -> None:
    spec = sectioning_spec(
        join={"method": "gate"},
        split={"by": "prompts"},
        prompts=[{"text": "{{ input }}"}, {"text": "{{ input }}", "role": "guard"}],
    )
    assert "Released" in tried(signed_in, "Hello\n---\npass", spec)
    assert "Withheld" in tried(signed_in, "Hello\n---\nblock", spec)


@pytest.mark.parametrize(
    ("join", "calls"),
    [
        ({"method": "merge", "parts": 2}, "2 calls"),
        ({"method": "merge", "parts": 5, "check": True}, "2 calls"),
        ({"method": "judge"}, "2 calls"),
        ({"method": "judge", "mode": "score"}, "3 calls"),
        ({"method": "majority", "ties": "judge"}, "2 calls"),
    ],
)
def test_a_join_that_asks_a_model_tells_calls_and_price_and_asks_nothing(
    signed_in: Client, join: dict[str, Any], calls: str
) -> None:
    page = tried(signed_in, "one\n---\ntwo\n---\nthree", joined(join))
    assert f"need a model: {calls}" in page
    assert "Simulated / simulated" in page
    assert "Cost, expected" in page
    assert "$" in page
    assert "only a run asks models" in page
    assert not Run.objects.exists()
    assert not Configuration.objects.exists()


def test_the_price_of_somebody_elses_connection_is_not_known(
    signed_in: Client, other_user: User
) -> None:
    make_connection(other_user, name="Theirs", price_input=1.0, price_output=1.0)
    spec = joined({"method": "merge", "connection": "Theirs", "model": "m"})
    assert "price not known" in tried(signed_in, "one\n---\ntwo", spec)


def test_the_rest_of_the_configuration_may_be_missing(signed_in: Client) -> None:
    missing = {"call.model": "", "name": "", "prompts.0.text": "", "votes.samples": "x"}
    assert "Decided" in tried(signed_in, "bug\n---\nbug", **missing)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"majority.reader.choices": "one"}, "Choices"),
        ({"join.method": ""}, "Join"),
        ({"join.method": "fields", "fields.schema": "{"}, "JSON schema"),
        ({"join.method": "merge", "merge.prompt": "x"}, "Merge prompt"),
        ({"majority.least_share": "much"}, "Least share"),
    ],
)
def test_a_join_that_is_not_complete_says_what_is_missing(
    signed_in: Client, changes: dict[str, str], label: str
) -> None:
    page = tried(signed_in, "bug\n---\nbug", **changes)
    assert "not complete yet" in page
    assert label in page


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("\n---\n".join("x" for _ in range(MOST_ANSWERS + 1)), f"{MOST_ANSWERS} at most"),
        ("x" * (LONGEST_ANSWER + 1), "characters"),
    ],
)
def test_too_much_is_refused_inline(signed_in: Client, answers: str, words: str) -> None:
    assert words in tried(signed_in, answers)


def test_what_was_pasted_is_shown_as_text(signed_in: Client) -> None:
    page = tried(signed_in, "<script>alert(1)</script>", joined({"method": "concatenate"}))
    assert "<script>" not in page


@pytest.mark.parametrize("answers", ["\x00", "\ud800", "---\n---", "-" * 5000, "{" * 9000])
def test_strange_answers_are_answered(signed_in: Client, answers: str) -> None:
    text = answers.encode("utf-8", "replace").decode()
    for join in ({"method": "union", "items": {"kind": "json"}}, {"method": "fields"}):
        tried(signed_in, text, joined(join))


def test_only_a_post_of_a_signed_in_person_is_answered(client: Client, signed_in: Client) -> None:
    assert signed_in.get(reverse("configuration_try")).status_code == 405
    assert Client().post(reverse("configuration_try")).status_code == 302


def test_the_editor_offers_to_try_the_join(signed_in: Client) -> None:
    page = signed_in.get(reverse("configuration_new")).text
    assert "Try this join on pasted answers" in page
    assert reverse("configuration_try") in page

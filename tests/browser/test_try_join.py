"""Trying a join in a browser: the outcome follows pasted answers and settings, and asks nobody."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance import oracle
from tests.browser.pages import Complaints, field, is_marked, mark, open_triage
from tests.processes import Parweb, Simulator

pytestmark = pytest.mark.browser

ANSWERS = "\n---\n".join(f'{{"label": "{team}"}}' for team in ("billing", "bug", "billing", "bug"))


def test_the_outcome_follows_the_answers_and_the_settings(
    page: Page, complaints: Complaints, parweb: Parweb, slow_simulator: Simulator
) -> None:
    open_triage(page, parweb)
    mark(page)
    outcome = page.locator("#try-outcome")
    page.get_by_text("Try this join on pasted answers").click()
    expect(outcome).to_contain_text("as soon as answers are pasted")
    page.get_by_label("Answers to try").fill(ANSWERS)
    expect(outcome.locator(".verdict")).to_contain_text("Tie")
    expect(outcome.locator(".parts li")).to_have_count(4)

    field(page, "majority.ties").select_option("first_seen")
    expect(outcome.locator(".verdict")).to_contain_text("Decided")
    expect(outcome.locator("[data-value]")).to_have_text("billing")

    field(page, "majority.ties").select_option("judge")
    expect(outcome).to_contain_text("need a model: 2 calls")
    expect(outcome).to_contain_text("only a run asks models")

    page.get_by_role("radio", name=re.compile("^Concatenate")).check()
    expect(outcome.locator(".verdict")).to_contain_text("Joined")
    assert is_marked(page)
    assert complaints == []
    assert slow_simulator.entries() == []
    assert oracle.query(parweb.data, "SELECT count(*) FROM runs_run") == [(0,)]


def test_it_works_by_keyboard_and_tells_what_is_missing(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    open_triage(page, parweb)
    outcome = page.locator("#try-outcome")
    page.get_by_text("Try this join on pasted answers").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.insert_text('{"label": "bug"}')
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="See the outcome")).to_be_focused()
    page.keyboard.press("Enter")
    expect(outcome.locator("[data-value]")).to_have_text("bug")

    field(page, "majority.reader.field").fill("")
    expect(outcome).to_contain_text("not complete yet")
    outcome.get_by_role("link", name="JSON field").click()
    expect(field(page, "majority.reader.field")).to_be_focused()
    assert complaints == []


def test_what_is_pasted_is_no_part_of_the_configuration(page: Page, parweb: Parweb) -> None:
    open_triage(page, parweb)
    key = field(page, "idempotency_key").input_value()
    page.get_by_text("Try this join on pasted answers").click()
    page.get_by_label("Answers to try").fill(ANSWERS)
    expect(page.locator("#try-outcome .parts li")).to_have_count(4)
    assert field(page, "idempotency_key").input_value() == key
    expect(page.locator("button.go")).to_have_text("Launch 9 calls")


def test_votes_that_may_stop_early_are_planned_as_a_range(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    open_triage(page, parweb)
    plan = page.locator("#plan")
    page.get_by_role("radio", name=re.compile("^Stop when sure")).check()
    expect(page.locator("button.go")).to_have_text("Launch up to 9 calls")
    expect(plan).to_contain_text("4–9")
    expect(page.get_by_text("not: is right")).to_be_visible()
    field(page, "each.by").select_option("line")
    field(page, "input.text").fill("I was charged twice.\nThe app crashes.")
    expect(plan).to_contain_text("2 × up to 9 votes")
    page.get_by_role("radio", name=re.compile("^Union")).check()
    expect(page.get_by_role("radio", name=re.compile("^Stop when sure"))).to_be_hidden()
    expect(page.locator("button.go")).to_have_text("Launch 18 calls")
    assert complaints == []

"""The editor in a browser: the plan follows what is typed, and nothing wrong is launched."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance import oracle
from tests.browser.pages import Complaints, field, is_marked, mark, open_triage
from tests.processes import Parweb, Simulator

pytestmark = pytest.mark.browser

COUNT_ASKED = """() => {
  window.asked = 0;
  document.getElementById("plan").addEventListener("htmx:trigger", () => { window.asked += 1; });
}"""


def test_the_plan_follows_what_is_typed(page: Page, complaints: Complaints, parweb: Parweb) -> None:
    open_triage(page, parweb)
    mark(page)
    button = page.locator("button.go")
    expect(button).to_have_text("Launch 9 calls")
    field(page, "votes.samples").fill("12")
    expect(button).to_have_text("Launch 12 calls")
    page.get_by_role("radio", name="Split into sections").check()
    expect(button).not_to_have_text("Launch 12 calls")
    assert is_marked(page)
    assert complaints == []


def test_what_is_typed_while_the_plan_is_asked_for_is_asked_next(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    open_triage(page, parweb)
    button = page.locator("button.go")
    expect(button).to_have_text("Launch 9 calls")
    page.wait_for_load_state("networkidle")
    page.evaluate(COUNT_ASKED)
    asks: list[Route] = []

    def hold_first(route: Route) -> None:
        asks.append(route)
        if len(asks) > 1:
            route.continue_()

    page.route("**/plan", hold_first)
    for asked, votes in enumerate(("12", "15", "18"), start=1):
        field(page, "votes.samples").fill(votes)
        page.wait_for_function("asked => window.asked === asked", arg=asked)
    assert len(asks) == 1, "one at a time"
    asks[0].continue_()
    expect(button).to_have_text("Launch 18 calls")
    assert len(asks) == 2, "of what was typed meanwhile only the last"
    assert complaints == []


def test_a_wrong_value_is_told_beside_its_field_and_launches_nothing(
    page: Page, parweb: Parweb, slow_simulator: Simulator
) -> None:
    open_triage(page, parweb)
    votes = field(page, "votes.samples")
    votes.fill("0")
    expect(page.locator("#plan .mend")).to_contain_text("Votes")
    expect(page.locator("button.go")).to_have_text("Launch")
    page.locator("button.go").click()
    expect(page.locator("#errors")).to_be_focused()
    error = page.locator(".field", has=votes).locator(".errorlist")
    expect(error).to_be_visible()
    expect(error).to_contain_text("1")
    expect(votes).to_have_value("0")
    expect(votes).to_have_attribute("aria-invalid", "true")
    page.locator("#errors .mend a").first.click()
    expect(votes).to_be_focused()
    assert oracle.query(parweb.data, "SELECT count(*) FROM runs_run") == [(0,)]
    assert slow_simulator.entries() == []

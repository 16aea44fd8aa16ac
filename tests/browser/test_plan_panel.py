"""The panel before a launch in a browser: it follows what is typed, and says how it knows."""

import re
import sqlite3

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.pages import (
    PATIENCE_MS,
    Complaints,
    field,
    is_marked,
    launch,
    mark,
    open_triage,
)
from tests.processes import Parweb

pytestmark = pytest.mark.browser

SMALL = {"width": 390, "height": 844}


@pytest.fixture
def dear(parweb: Parweb) -> Parweb:
    """Simulated calls that cost something."""
    with sqlite3.connect(parweb.data / "parweb.sqlite3", timeout=20) as db:
        db.execute(
            "UPDATE runs_connection SET price_input = 100, price_output = 400 "
            "WHERE kind = 'simulated'"
        )
    return parweb


def fact(page: Page, what: str) -> Locator:
    """A figure of the panel with its small print."""
    return page.locator("#plan [data-figures]:not([data-stale]) .row", has_text=what)


def notes(page: Page) -> Locator:
    return page.locator("#plan .note")


def amounts(shown: Locator) -> list[float]:
    return [float(amount) for amount in re.findall(r"\$([\d.]+)", shown.inner_text())]


def test_calls_money_and_warnings_follow_what_is_typed(
    page: Page, complaints: Complaints, dear: Parweb
) -> None:
    open_triage(page, dear)
    mark(page)
    expect(fact(page, "Calls")).to_contain_text("9")
    expected, most = amounts(fact(page, "Cost, expected"))
    assert 0 < expected < most

    votes = field(page, "votes.samples")
    votes.fill("18")
    expect(fact(page, "Calls")).to_contain_text("18")
    twice, _ = amounts(fact(page, "Cost, expected"))
    assert twice == pytest.approx(2 * expected, rel=0.01)
    expect(votes).to_be_focused()

    longest = field(page, "call.max_tokens")
    longest.fill("1200")
    expect(fact(page, "Tokens")).to_contain_text("10,800 out")
    longer, _ = amounts(fact(page, "Cost, expected"))
    assert longer > 5 * twice

    cap = field(page, "limits.cost_usd")
    cap.fill("0.01")
    expect(notes(page)).to_contain_text(["The cap of $0.01 is below the expected cost"])
    expect(fact(page, "Cost, expected")).to_contain_text("up to $0.0100, its cap")
    cap.fill("")
    field(page, "limits.tokens").fill("2000")
    expect(fact(page, "Tokens")).to_contain_text("up to 2,000 in all, its cap")
    expect(notes(page)).to_contain_text(["The cap of 2,000 tokens is below"])
    field(page, "limits.tokens").fill("")
    expect(page.locator("#plan")).not_to_contain_text("The cap of")

    votes.fill("1")
    expect(notes(page)).to_contain_text(["There is only one branch: a single call would do."])
    assert is_marked(page)
    assert complaints == []


def test_a_wrong_value_leaves_the_last_good_figures_in_sight(page: Page, parweb: Parweb) -> None:
    open_triage(page, parweb)
    votes = field(page, "votes.samples")
    votes.fill("12")
    expect(fact(page, "Calls")).to_contain_text("12")
    votes.fill("0")
    expect(page.locator("#plan .mend")).to_contain_text("Votes")
    stale = page.locator("#plan [data-stale]")
    expect(stale).to_contain_text("12")
    expect(page.locator("#plan .stale")).to_have_text("Before the last change it was:")
    expect(votes).to_be_focused()
    votes.fill("7")
    expect(fact(page, "Calls")).to_contain_text("7")
    expect(stale).to_have_count(0)


def test_a_server_that_fails_is_told_and_the_figures_stay(page: Page, parweb: Parweb) -> None:
    open_triage(page, parweb)
    failures = []

    def fail(route: Route) -> None:
        failures.append(route)
        route.abort()

    page.route("**/plan", fail)
    field(page, "votes.samples").fill("12")
    error = page.locator("#plan-error")
    expect(error).to_be_visible()
    expect(fact(page, "Calls")).to_contain_text("9")
    page.unroute("**/plan")
    field(page, "votes.samples").fill("14")
    expect(fact(page, "Calls")).to_contain_text("14")
    expect(error).to_be_hidden()
    assert failures


def test_a_run_teaches_the_next_estimate(page: Page, complaints: Complaints, dear: Parweb) -> None:
    open_triage(page, dear)
    basis = page.locator("#plan .basis")
    expect(basis).to_contain_text("assumed to be half as long as allowed")
    expect(basis).to_contain_text("the time is a guess")
    editor = page.url
    launch(page, votes__samples="5")
    foretold = page.locator(".foretold")
    expect(foretold).to_contain_text("within that range", timeout=PATIENCE_MS)
    page.goto(editor)
    expect(basis).to_contain_text("Learned from 1 earlier run of this prompt")
    expect(basis).to_contain_text("(median of 5 calls)")
    expect(basis).not_to_contain_text("guess")
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_screen(
    page: Page, complaints: Complaints, dear: Parweb, scheme: str
) -> None:
    page.set_viewport_size(SMALL)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_triage(page, dear)
    field(page, "limits.cost_usd").fill("0.01")
    expect(page.locator("#plan")).to_contain_text("The cap of $0.01")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= SMALL["width"]
    for row in page.locator("#plan .row").all():
        box = row.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= SMALL["width"]
    assert complaints == []

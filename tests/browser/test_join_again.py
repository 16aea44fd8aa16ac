"""A run that ended is joined again in the browser, compared, and counts in another way."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance import oracle
from tests.browser.pages import PATIENCE_MS, Complaints, field, launch, open_triage
from tests.browser.test_axe import grave
from tests.processes import Parweb, Simulator

pytestmark = pytest.mark.browser


def ended_triage(page: Page, parweb: Parweb) -> int:
    open_triage(page, parweb)
    run = launch(page)
    expect(page.get_by_role("link", name="Join again")).to_be_visible(timeout=PATIENCE_MS)
    return run


def calls(parweb: Parweb) -> int:
    return int(oracle.query(parweb.data, "SELECT count(*) FROM runs_attempt")[0][0])


def test_another_reader_is_previewed_joined_compared_and_counts(
    page: Page, complaints: Complaints, parweb: Parweb, slow_simulator: Simulator
) -> None:
    run = ended_triage(page, parweb)
    asked = calls(parweb)
    page.get_by_role("link", name="Join again").click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("The same outcome as what counts now")

    field(page, "majority.reader.kind").select_option("whole_text")
    expect(preview).not_to_contain_text("The same outcome as what counts now")
    expect(preview).to_contain_text("No model is asked: it costs nothing")
    assert grave(page) == []
    page.get_by_role("button", name="Join again").dblclick()

    page.wait_for_url(re.compile(rf"/runs/{run}/compare/\?passes=1,2$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Two passes side by side")
    count = page.get_by_role("button", name="Let this one count")
    expect(count).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".sets tbody")).to_contain_text("the whole answer")
    expect(page.locator(".kg")).to_contain_text("baseline")
    assert calls(parweb) == asked
    assert oracle.query(parweb.data, "SELECT count(*) FROM runs_pass") == [(2,)]
    assert grave(page) == []

    count.click()
    page.wait_for_url(re.compile(rf"/runs/{run}/$"))
    expect(page.get_by_role("status").first).to_contain_text("Pass 2 counts now")
    expect(page.locator("#passes [data-counts]")).to_contain_text("the whole answer")
    expect(page.locator("#passes li")).to_have_count(2)
    assert complaints == []


def test_a_merge_shows_its_price_first_and_asks_only_what_it_said(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    run = ended_triage(page, parweb)
    asked = calls(parweb)
    page.get_by_role("link", name="Join again").click()
    page.get_by_role("radio", name=re.compile("^Merge")).focus()
    page.keyboard.press("Space")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("need a model: 3 calls")
    expect(preview).to_contain_text("Nothing has been asked yet")
    assert calls(parweb) == asked
    page.get_by_role("button", name="Join again").press("Enter")

    page.wait_for_url(re.compile(rf"/runs/{run}/compare/"))
    expect(page.locator("#pass-progress")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator(".sets tbody")).to_contain_text("merged by a model")
    assert calls(parweb) == asked + 3
    page.get_by_role("link", name=re.compile("Ticket triage")).click()
    expect(page.locator("#passes li").nth(1)).to_contain_text("3 calls")
    expect(page.locator("#passes [data-counts] .tag")).to_have_text("1")
    assert complaints == []


def test_what_is_wrong_is_told_beside_its_field(page: Page, parweb: Parweb) -> None:
    ended_triage(page, parweb)
    page.get_by_role("link", name="Join again").click()
    field(page, "majority.least_share").fill("7")
    expect(page.locator("#preview")).to_contain_text("not complete yet")
    page.get_by_role("button", name="Join again").click()
    expect(page.get_by_role("alert")).to_contain_text("1 thing to mend")
    expect(page.locator(".errorlist")).to_contain_text("from 0 to 1")
    page.get_by_role("alert").get_by_role("link").click()
    expect(field(page, "majority.least_share")).to_be_focused()

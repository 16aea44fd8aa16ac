"""Reaching everything: by keyboard, in the dark, and on a telephone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Complaints, figure, launch, open_triage
from tests.processes import Parweb

pytestmark = pytest.mark.browser

TELEPHONE = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_branches_are_opened_walked_and_closed_by_keyboard(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    open_triage(page, parweb)
    launch(page)
    expect(figure(page, "branches")).to_have_text("9")
    drawer = page.get_by_role("region", name="Branch", exact=True)
    expect(drawer).to_be_hidden()
    page.locator("#row-0").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#row-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(drawer.locator("[data-branch='1']")).to_be_visible()
    expect(drawer.get_by_role("heading", level=2)).to_be_focused()
    expect(page).to_have_url(re.compile(r"#branch-2$"))
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator("#row-1")).to_be_focused()
    expect(page).not_to_have_url(re.compile("#"))
    assert complaints == []


def test_a_theme_once_chosen_holds_on_every_page(page: Page, parweb: Parweb) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(parweb.link)
    body = page.locator("body")
    light = body.evaluate("body => getComputedStyle(body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(body).not_to_have_css("background-color", light)
    page.goto(f"{parweb.url}/runs/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(body).not_to_have_css("background-color", light)
    page.get_by_role("button", name="As the system").click()
    page.reload()
    expect(body).to_have_css("background-color", light)


def test_no_page_is_wider_than_a_telephone(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    page.set_viewport_size(TELEPHONE)
    open_triage(page, parweb)
    editor = page.url
    assert page.evaluate(OVERFLOW) <= 0, "the editor"
    launch(page)
    assert page.evaluate(OVERFLOW) <= 0, "a running run"
    run = page.url
    expect(figure(page, "branches")).to_have_text("9")
    expect(page.locator("#panel .verdict")).to_be_visible()
    for path in (run, f"{run}?view=table", f"{run}#branch-1", "/", "/runs/", editor):
        page.goto(path if path.startswith("http") else parweb.url + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(OVERFLOW) <= 0, path
    assert complaints == []

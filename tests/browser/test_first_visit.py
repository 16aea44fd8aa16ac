"""A first visit in a real browser: the link signs in, pages load whole, nothing is refused."""

import pytest
from playwright.sync_api import Page

from tests.browser.pages import Complaints
from tests.processes import ServeParweb

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/runs/",
    "/configurations/",
    "/templates/",
    "/datasets/",
    "/providers/",
    "/settings/",
)


def test_the_link_signs_in_and_every_page_loads_whole(
    page: Page, complaints: Complaints, serve_parweb: ServeParweb
) -> None:
    parweb = serve_parweb()
    page.goto(parweb.link)
    assert page.url == f"{parweb.url}/"
    for path in PAGES:
        page.goto(parweb.url + path)
        page.wait_for_load_state("networkidle")
        assert page.locator("h1").first.is_visible(), path
    assert complaints == []

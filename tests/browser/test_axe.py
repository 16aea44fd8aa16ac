"""No page breaks a rule of accessibility that matters, in light or dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.pages import figure, launch, open_triage
from tests.processes import Parweb

pytestmark = pytest.mark.browser

GRAVE = {"serious", "critical"}
PAGES = (
    "/",
    "/runs/",
    "/configurations/",
    "/configurations/new/",
    "/configurations/import/",
    "/templates/",
    "/templates/new/",
    "/templates/1/",
    "/templates/1/preview/",
    "/datasets/",
    "/datasets/new/",
    "/datasets/1/",
    "/providers/",
    "/providers/new/",
    "/settings/",
    "/nowhere/",
)


def grave(page: Page) -> list[str]:
    """What axe finds, each with the first element concerned."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {one['id']}: {one['nodes'][0]['html']}"
        for one in found
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_grave_rule(page: Page, parweb: Parweb, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(f"{parweb.url}/sign-in/")
    found = grave(page)
    open_triage(page, parweb)
    found += grave(page)
    launch(page)
    found += grave(page)
    expect(figure(page, "branches")).to_have_text("9")
    expect(page.locator("#panel .verdict strong")).to_be_visible()
    found += grave(page)
    page.locator("#row-0").click()
    expect(page.get_by_role("region", name="Branch", exact=True)).to_be_visible()
    found += grave(page)
    for path in ("?view=table", "branches/0/"):
        page.goto(page.url.split("#")[0].split("?")[0] + path)
        found += grave(page)
    for path in PAGES:
        page.goto(parweb.url + path)
        found += grave(page)
    assert found == []

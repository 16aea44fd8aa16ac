"""A first visit in a real browser: the link signs in, pages load whole, nothing is refused."""

import pytest
from playwright.sync_api import ConsoleMessage, Page, Response

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


class Complaints(list[str]):
    """What the browser complains of: errors of scripts, refused sources, failed requests."""

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.append(message.text)

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.append(f"{response.status} {response.url}")


@pytest.fixture
def complaints(page: Page) -> Complaints:
    found = Complaints()
    found.watch(page)
    return found


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

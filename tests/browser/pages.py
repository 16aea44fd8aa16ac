"""What people do on parweb's pages, and what the browser complains of meanwhile."""

import re
import sqlite3
from collections.abc import Sequence

from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect

from tests.acceptance import oracle
from tests.processes import Parweb, Simulator

PATIENCE_MS = 60_000  # of a whole run, on a machine that others use too


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


def lead_to(parweb: Parweb, simulator: Simulator) -> None:
    """The seeded simulated connection calls this simulator from now on."""
    with sqlite3.connect(parweb.data / "parweb.sqlite3", timeout=20) as db:
        db.execute(
            "UPDATE runs_connection SET base_url = ? WHERE kind = 'simulated'",
            (simulator.base_url,),
        )


def open_triage(page: Page, parweb: Parweb) -> None:
    """Sign in by the link and open the example, set to call the simulated provider."""
    page.goto(parweb.link)
    page.get_by_role("link", name="Ticket triage").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ticket triage")
    field(page, "call.connection").select_option("Simulated")
    field(page, "call.model").fill("simulated-small")
    expect(page.locator("#plan")).to_contain_text("The provider is simulated")


def field(page: Page, name: str) -> Locator:
    return page.locator(f'[name="{name}"]')


def launch(page: Page, **changes: str) -> int:
    """Fill in the form's fields, launch; the number in the new run's address."""
    for name, value in changes.items():
        field(page, name.replace("__", ".")).fill(value)
    page.locator("button.go").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def figure(page: Page, key: str) -> Locator:
    """The value of one of the figures on top of a run's page."""
    return page.locator(f'[data-kpi="{key}"] [data-value]')


def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe out."""
    page.evaluate("window.isMarked = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.isMarked === true"))


def branches_by_status(parweb: Parweb, run: int) -> dict[str, int]:
    """Straight from the database."""
    sql = f"SELECT status, count(*) FROM runs_branch WHERE run_id = {run} GROUP BY status"
    return dict(oracle.query(parweb.data, sql))


def readings(parweb: Parweb, run: int) -> Sequence[tuple[str, int]]:
    """What the votes were read as, the most frequent first."""
    return oracle.query(
        parweb.data,
        "SELECT reading, count(*) FROM runs_branch "
        f"WHERE run_id = {run} AND reading IS NOT NULL GROUP BY reading ORDER BY 2 DESC, 1",
    )

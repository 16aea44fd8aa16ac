"""A run of 1,318 rows: seen while it goes on, filtered to its ties, a row opened."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import PATIENCE_MS, Complaints
from tests.nested import nested_spec, write_recording
from tests.processes import ROOT, Parweb, parweb_environment

pytestmark = pytest.mark.browser

ROWS = 1318
TIES = frozenset({405, 753, 857, 1249})


def hand_over(parweb: Parweb, tmp_path: Path, **changes: object) -> "subprocess.Popen[str]":
    """Launch a made-up recording from the terminal; the parweb that serves executes it."""
    recording = tmp_path / "recording.jsonl"
    write_recording(recording, ROWS, ties=TIES)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(nested_spec(recording, **changes)), "utf-8")
    return subprocess.Popen(
        [sys.executable, "manage.py", "launch", "--file", str(file), "--json"],
        cwd=ROOT,
        env=parweb_environment(parweb.data),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_table_of_1318_rows_is_filtered_to_its_ties(
    page: Page, complaints: Complaints, parweb: Parweb, tmp_path: Path
) -> None:
    page.goto(parweb.link)
    launch = hand_over(parweb, tmp_path)
    try:
        assert launch.stderr is not None
        line = launch.stderr.readline()
        told = re.match(r"Run (\d+) goes to", line)
        assert told is not None, line + launch.stderr.read()
        page.goto(f"{parweb.url}/runs/{told[1]}/")
        expect(page.locator("#show-all [data-count]")).to_have_text("1,318")
        expect(page.locator("#run-pill")).to_contain_text("gaps", timeout=PATIENCE_MS)
        expect(page.locator(".sidebar [data-live-runs]")).to_have_text("")
        assert launch.wait(PATIENCE_MS / 1000) == 3  # ties are gaps of the whole
    finally:
        launch.kill()
    check_ties(page)
    check_a_row(page)
    page.wait_for_selector(".curve")
    assert complaints == []


def check_ties(page: Page) -> None:
    lines = page.locator(".nested-table tbody tr")
    expect(lines).to_have_count(50)
    page.locator("#show-ties").click()
    expect(lines).to_have_count(len(TIES))
    expect(page).to_have_url(re.compile(r"rows=ties"))
    numbers = page.locator(".nested-table a[data-row]").evaluate_all(
        "links => links.map(link => Number(link.dataset.row))"
    )
    assert numbers == sorted(number + 1 for number in TIES)
    expect(page.locator("#show-misses [data-count]")).to_have_text("66")
    expect(page.locator('[data-kpi="accuracy"] [data-value]')).to_have_text("94.7")
    page.reload()
    expect(lines).to_have_count(len(TIES))


def check_a_row(page: Page) -> None:
    page.locator('a[data-row="406"]').click()
    drawer = page.locator("#drawer")
    expect(drawer.locator("h2")).to_have_text("What is number 405?")
    expect(drawer.locator(".votes-table tbody tr")).to_have_count(4)
    expect(page.locator("tr[data-picked]")).to_have_count(1)
    drawer.locator("a[data-number]").first.click()
    expect(drawer.locator("h2")).to_have_text("Vote 1")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()

"""Files of a run: nothing a spreadsheet would run, no path in a name."""

import pytest

from runs.models import Run
from runs.presenters.run_export import defused, file_name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", '=HYPERLINK("x")'])
def test_text_that_a_spreadsheet_takes_for_a_formula_gets_a_quote(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["refundable", "", 12, -3, 0.5, None, "a = b"])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert defused(cell) == cell


def test_a_file_is_named_by_plain_letters() -> None:
    run = Run(name="../Quarter’s “reports”\r\n/x", number=7)
    assert file_name(run, "csv") == "quarter-s-reports-x-run-7.csv"

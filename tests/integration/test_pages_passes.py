"""Pages of passes: the form that joins again, the card on the run's page, the comparison."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.forms.join_again import JoinAgainForm
from runs.models import Branch, Connection, Join, Outcome, Pass, Run, row_id
from runs.services import passes
from tests.factories import make_connection, make_run, sectioning_spec
from tests.nested import make_nested_run
from tests.passes import end, make_ended

HTMX = {"HTTP_HX_REQUEST": "true"}
LAST_LINE = {"join": {"method": "majority", "reader": {"kind": "last_line"}}}


@pytest.fixture(autouse=True)
def connection(user: User) -> Connection:
    return make_connection(
        user, name="Simulated", model_names=["simulated"], price_input=1.0, price_output=2.0
    )


@pytest.fixture
def run(user: User) -> Run:
    return make_ended(user)


def typed(run: Run, **changes: str) -> dict[str, Any]:
    """The form as the browser sends it, with what is changed in it."""
    form = JoinAgainForm.showing(run.spec, run.spec)
    values = {name: form.value(name) for name in form.fields}
    sent = {
        name: value for name, value in values.items() if value is not None and value is not False
    }
    return {**sent, "n": "2", **changes}


def page(client: Client, name: str, run: Run, status: int = 200, **query: str) -> str:
    response = client.get(reverse(name, args=[run.pk]), query)
    assert response.status_code == status
    return response.text


def send(client: Client, run: Run, **changes: str) -> Any:
    return client.post(reverse("run_join_again", args=[run.pk]), typed(run, **changes))


def preview(client: Client, run: Run, **changes: str) -> str:
    response = client.post(
        reverse("run_join_preview", args=[run.pk]), typed(run, **changes), **HTMX
    )
    assert response.status_code == 200
    return response.text


# The form


def test_an_ended_run_offers_to_join_again_and_an_open_one_does_not(
    signed_in: Client, run: Run, user: User
) -> None:
    assert "Join again" in page(signed_in, "run", run)
    going = make_run(user, status="running")
    assert "has not ended yet" in page(signed_in, "run_join_again", going)
    assert "hidden>Join again</a>" in page(signed_in, "run", going)


def test_the_form_shows_the_settings_that_count_and_what_they_give(
    signed_in: Client, run: Run
) -> None:
    text = page(signed_in, "run_join_again", run)
    assert 'value="majority" checked' in text
    assert "The same outcome as what counts now" in text
    assert 'value="gate"' not in text


def test_a_gate_can_only_be_a_gate(signed_in: Client, user: User) -> None:
    prompts = [{"text": "{{ input }}"}, {"text": "{{ input }}", "role": "guard"}]
    spec = sectioning_spec(join={"method": "gate"}, split={"by": "prompts"}, prompts=prompts)
    gated = make_run(user, spec=spec, pattern="sectioning", method="gate", status="succeeded")
    text = page(signed_in, "run_join_again", gated)
    assert 'name="join.method" value="gate" checked' in text
    assert 'name="join.method" value="majority"' not in text


def test_the_preview_shows_the_outcome_of_what_is_typed(signed_in: Client, run: Run) -> None:
    text = preview(signed_in, run, **{"majority.reader.kind": "last_line"})
    assert "Tie" in text
    assert "it costs nothing" in text
    assert not Pass.objects.filter(n=2).exists()


def test_the_preview_of_a_judge_shows_calls_and_price(signed_in: Client, run: Run) -> None:
    text = preview(signed_in, run, **{"join.method": "judge"})
    assert "2 calls" in text
    assert "Simulated / simulated" in text
    assert "$" in text


def test_the_preview_says_where_a_cap_is_too_small(signed_in: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(budget_calls=6, budget_usd=0.5, budget_tokens=9)
    text = preview(signed_in, run, **{"join.method": "judge"})
    assert "leaves 1 call of 6" in text
    assert "leaves $0 of $0.5" in text
    assert "leaves 9 tokens of 9" in text


def test_wrong_settings_are_told_beside_their_field(signed_in: Client, run: Run) -> None:
    changes = {"majority.least_share": "7", "majority.reader.kind": "regex"}
    assert "not complete yet" in preview(signed_in, run, **changes)
    response = send(signed_in, run, **changes)
    assert response.status_code == 422
    assert "2 things to mend" in response.text
    assert not Pass.objects.filter(n=2).exists()


@pytest.mark.parametrize(
    "data", [{}, {"join.method": "nonsense"}, {"join.method": "merge", "merge.parts": "x\x00"}]
)
def test_nonsense_is_refused_and_breaks_nothing(
    signed_in: Client, run: Run, data: dict[str, str]
) -> None:
    for name, status in (("run_join_again", 422), ("run_join_preview", 200)):
        response = signed_in.post(reverse(name, args=[run.pk]), data)
        assert response.status_code == status


def test_sending_makes_a_pass_and_goes_to_the_comparison(signed_in: Client, run: Run) -> None:
    response = send(signed_in, run, **{"majority.reader.kind": "last_line"})
    assert response.status_code == 302
    where = f"{reverse('run_compare', args=[run.pk])}?passes=1,2"
    assert response.headers["Location"] == where
    again = send(signed_in, run, **{"majority.reader.kind": "last_line"})
    assert again.headers["Location"] == where
    assert Pass.objects.filter(run=run, kind="again").count() == 1
    other = send(signed_in, run, **{"majority.reader.kind": "whole_text"})
    assert other.status_code == 409
    assert "Load the form again" in other.text or "still at work" in other.text


def test_a_nested_run_shows_both_joins(signed_in: Client, user: User) -> None:
    nested = make_nested_run(user, rows=4, status="succeeded", outcome="joined")
    text = page(signed_in, "run_join_again", nested)
    assert "How are their results joined?" in text
    assert "each.concatenate.separator" in text
    response = send(signed_in, nested, **{"majority.ties": "first_seen"})
    assert response.status_code == 302
    settings = Pass.objects.get(run=nested, n=2).settings
    assert settings["join"]["ties"] == "first_seen"
    assert set(settings["each"]) == {"join", "on_failure"}


# While it works


def test_an_open_pass_is_watched_and_cancelled(signed_in: Client, run: Run) -> None:
    passes.join_again(run=run, changes=LAST_LINE)
    text = page(signed_in, "run_compare", run, passes="1,2")
    assert "0 of 1 join done" in text
    assert 'hx-trigger="every 1s"' in text
    assert 'hx-trigger="every 1s"' in page(signed_in, "run", run)
    assert "Pass 2 is still at work" in page(signed_in, "run_join_again", run)
    signed_in.post(reverse("run_pass_cancel", args=[run.pk]), **HTMX)
    assert Run.objects.get().cancel_wanted
    assert "Cancel asked" in page(signed_in, "run_passes", run)


def test_once_it_has_ended_the_page_is_loaded_anew(signed_in: Client, run: Run) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE)
    address = f"{reverse('run_compare', args=[run.pk])}?passes=1,2&part=progress"
    assert (
        "At work" in signed_in.get(address, **HTMX).text
        or "Waiting" in signed_in.get(address, **HTMX).text
    )
    end(made)
    response = signed_in.get(address, **HTMX)
    assert (response.status_code, response.headers["HX-Refresh"]) == (286, "true")


# The comparison


def test_two_passes_stand_side_by_side(signed_in: Client, run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE), "bug", agreement=0.4, margin=2)
    text = page(signed_in, "run_compare", run, passes="1,2")
    assert "Two passes side by side" in text
    assert "Pass 2 gives “bug”, pass 1 gives “billing”." in text or "pass 1 gave “billing”" in text
    assert "its last line" in text
    assert "20.0 points" in text
    assert "Every branch entered the join in the same way" in text
    assert text.count("Let this one count") == 1


def test_contributions_that_differ_are_listed(signed_in: Client, run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE), "bug")
    outcome = Outcome.objects.get(pass_n=2)
    outcome.contributions[3] = [3, "outvoted", "“bug” was outvoted", "bug"]
    outcome.save()
    text = page(signed_in, "run_compare", run)
    assert "1 of 5" in text
    assert "outvoted" in text


@pytest.mark.parametrize("asked", ["", "9", "x,y", "1", "2,1", "1,1,1", "1,2,3,4,5", "-1"])
def test_any_address_shows_something(signed_in: Client, run: Run, asked: str) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE), "bug")
    page(signed_in, "run_compare", run, passes=asked, group="%00", start="99999999")


def test_a_run_with_one_pass_says_what_to_do(signed_in: Client, run: Run) -> None:
    assert "join again, or show another pass" in page(signed_in, "run_compare", run)
    assert 'id="passes"' not in page(signed_in, "run", run)


def test_what_models_say_is_text(signed_in: Client, run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE), "<script>alert(1)</script>")
    for name in ("run_compare", "run_passes"):
        assert "<script>alert" not in page(signed_in, name, run)


def make_second(run: Run, kinds: dict[int, tuple[str, str | None, bool]]) -> None:
    """A pass in which some rows of a nested run gave something else."""
    settings = {"join": {**run.spec["join"], "ties": "first_seen"}}
    now = timezone.now()
    Pass.objects.create(
        run=run, n=2, kind="again", settings=settings, status="succeeded", ended_at=now
    )
    for n, hits in ((1, 2), (2, 3)):
        Outcome.objects.create(
            run=run, join_id=row_id(run.pk, 0), pass_n=n, kind="joined", value="all",
            quality={"accuracy": hits / 5, "hits": hits, "ties": 2 - n},
        )  # fmt: skip
    for row in Join.objects.filter(run=run, number__gt=0):
        first = Outcome.objects.filter(join=row, pass_n=1).first()
        if first is None:
            continue
        first.quality = row.quality
        first.save()
        kind, value, is_hit = kinds.get(
            row.position, (first.kind, first.value, bool(row.quality.get("is_hit")))
        )
        Outcome.objects.create(
            run=run, join=row, pass_n=2, kind=kind, value=value,
            quality={**row.quality, "is_hit": is_hit},
        )  # fmt: skip


def test_rows_that_differ_stand_in_groups(signed_in: Client, user: User) -> None:
    run = make_nested_run(user, rows=5, status="succeeded", outcome="joined")
    make_second(run, {0: ("decided", "5", False), 2: ("decided", "8", True)})
    text = page(signed_in, "run_compare", run)
    assert "Pass 2 gives another outcome than pass 1 on 2 of 4 rows" in text
    assert "is right on 1 more" in text
    assert "Right in pass 2 only" in text
    assert "Right in pass 1 only" in text
    assert "6 or 7" in text
    assert "What is number 3?" in text
    only = page(signed_in, "run_compare", run, group="01")
    assert "What is number 3?" in only
    assert "What is number 1?" not in only


def test_the_queries_do_not_grow_with_rows(
    signed_in: Client, user: User, django_assert_max_num_queries: Any
) -> None:
    run = make_nested_run(user, rows=40, status="succeeded", outcome="joined")
    make_second(run, dict.fromkeys(range(0, 40, 5), ("decided", "5", False)))
    with django_assert_max_num_queries(24):
        page(signed_in, "run_compare", run)


# Letting one count


def test_letting_one_count_shows_the_run_by_it(signed_in: Client, run: Run) -> None:
    changes = {"join": {"method": "numeric"}}
    end(passes.join_again(run=run, changes=changes), "42", "joined", median=42)
    response = signed_in.post(reverse("run_pass_count", args=[run.pk, 2]), follow=True)
    assert "Pass 2 counts now" in response.text
    assert "one number of theirs" in response.text
    assert ">42<" in response.text.replace(" ", "")
    assert Branch.objects.filter(run=run).count() == 5


def test_what_cannot_count_is_told_on_the_comparison(signed_in: Client, run: Run) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE)
    response = signed_in.post(reverse("run_pass_count", args=[run.pk, made.n]))
    assert response.status_code == 409
    assert "still at work" in response.text
    unknown = signed_in.post(reverse("run_pass_count", args=[run.pk, 99]))
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("name", "args"), [("run_pass_count", [1]), ("run_pass_cancel", []), ("run_join_preview", [])]
)
def test_changes_are_posted(signed_in: Client, run: Run, name: str, args: list[int]) -> None:
    assert signed_in.get(reverse(name, args=[run.pk, *args])).status_code == 405


def test_the_export_has_all_passes(signed_in: Client, run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE), "bug")
    found = json.loads(signed_in.get(reverse("run_export", args=[run.pk, "json"])).content)
    assert [one["pass"] for one in found["outcomes"]] == [1, 2]
    assert [one["n"] for one in found["passes"]] == [1, 2]
    assert found["run"]["chosen_pass"] == 1
    assert found["passes"][1]["settings"]["join"]["reader"]["kind"] == "last_line"

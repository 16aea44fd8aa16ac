"""Services of passes: a wish for one, what it would give, letting one count."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.models import Answer, Branch, Join, Outcome, Pass, Run, row_id
from runs.planning import again
from runs.planning import configuration as configurations
from runs.queries import passes as queries
from runs.queries import runs as run_queries
from runs.services import passes, rejoining
from runs.services.runs import delete
from runs.services.trying import Wish
from tests.factories import make_branch, make_connection, make_run, sectioning_spec
from tests.nested import make_nested_run
from tests.passes import end, make_ended

LAST_LINE = {"join": {"method": "majority", "reader": {"kind": "last_line"}}}
JUDGE = {"join": {"method": "judge"}}


@pytest.fixture
def run(user: User) -> Run:
    make_connection(
        user, name="Simulated", model_names=["simulated"], price_input=1.0, price_output=2.0
    )
    return make_ended(user)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


# Wishing


def test_a_pass_is_wished_for_with_all_its_settings_and_rings(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(passes, "tell", lambda run_id, seq: told.append((run_id, seq)))
    Run.objects.filter(pk=run.pk).update(cancel_wanted=True)
    made = passes.join_again(run=run, changes=LAST_LINE)
    assert (made.n, made.kind, made.ended_at) == (2, "again", None)
    assert made.settings["join"]["reader"]["kind"] == "last_line"
    assert set(made.settings) == {"join", "on_failure"}
    after = fresh(run)
    assert (after.seq, after.cancel_wanted, after.status) == (8, False, "succeeded")
    assert told == [(run.pk, 8)]


def test_the_first_pass_keeps_what_the_run_gave(run: Run) -> None:
    passes.join_again(run=run, changes=LAST_LINE)
    first = Pass.objects.get(run=run, n=1)
    assert (first.status, first.outcome, first.reason) == ("succeeded", "decided", "3 of 5")
    assert (first.calls, first.spent_usd) == (5, 0.5)


def test_the_same_wish_sent_twice_is_one_pass_even_after_its_end(run: Run) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE, n=2)
    assert passes.join_again(run=run, changes=LAST_LINE, n=2) == made
    end(made)
    assert passes.join_again(run=run, changes=LAST_LINE, n=2) == made
    with pytest.raises(Conflict, match="other settings"):
        passes.join_again(run=run, changes=JUDGE, n=2)
    assert passes.join_again(run=run, changes=LAST_LINE, n=3).n == 3


def test_one_pass_at_a_time(run: Run) -> None:
    passes.join_again(run=run, changes=LAST_LINE)
    with pytest.raises(Conflict, match="Pass 2 is still at work"):
        passes.join_again(run=run, changes=JUDGE)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"status": "running"}, "has ended"),
        ({"status": "held"}, "has ended"),
        ({"baseline_wanted": 3}, "baseline"),
    ],
)
def test_what_is_not_ready_is_refused(run: Run, columns: dict[str, Any], words: str) -> None:
    Run.objects.filter(pk=run.pk).update(**columns)
    with pytest.raises(Conflict, match=words):
        passes.join_again(run=run, changes=LAST_LINE)
    assert not Pass.objects.filter(n=2).exists()


def test_without_an_answer_there_is_nothing_to_join(run: Run) -> None:
    Branch.objects.filter(run=run).update(status="failed")
    with pytest.raises(Conflict, match="No branch"):
        passes.join_again(run=run, changes=LAST_LINE)


def test_settings_that_do_not_fit_are_told_beside_their_field(run: Run) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        passes.join_again(run=run, changes={"join": {"method": "numeric", "trim": 3}})
    assert [error.field for error in raised.value.errors] == ["join.trim"]


def test_a_judge_that_is_nobodys_is_told(run: Run) -> None:
    changes = {"join": {"method": "judge", "judge": {"connection": "Elsewhere"}}}
    with pytest.raises(InvalidConfiguration, match="no connection named “Elsewhere”") as raised:
        passes.join_again(run=run, changes=changes)
    assert raised.value.errors[0].field == "join.judge.connection"


def test_a_join_without_a_model_needs_no_connection(run: Run) -> None:
    run.owner.connection_set.all().delete()
    assert passes.join_again(run=run, changes=LAST_LINE).n == 2


def test_the_judges_connection_is_frozen_and_known_prices_stay(run: Run, user: User) -> None:
    frozen = {"Simulated": {"id": 1, "kind": "simulated", "prices": {"simulated": None}}}
    Run.objects.filter(pk=run.pk).update(connections=frozen)
    make_connection(user, name="Judges", price_input=3.0, price_output=4.0)
    run = fresh(run)
    judge = {"connection": "Judges", "model": "wise"}
    passes.join_again(run=run, changes={"join": {"method": "judge", "judge": judge}})
    found = fresh(run).connections
    assert found["Simulated"] == frozen["Simulated"]
    assert found["Judges"]["prices"]["wise"] is not None


def test_a_cap_on_money_needs_a_known_price(run: Run, user: User) -> None:
    make_connection(user, name="Dear", kind="openai_compatible", base_url="https://x.example/v1")
    Run.objects.filter(pk=run.pk).update(budget_usd=1.0)
    judge = {"connection": "Dear", "model": "unheard-of"}
    with pytest.raises(InvalidConfiguration, match="price of unheard-of"):
        passes.join_again(run=fresh(run), changes={"join": {"method": "judge", "judge": judge}})


def test_a_pass_under_way_is_cancelled_by_the_runs_wish(run: Run) -> None:
    passes.cancel_pass(run=run)
    assert not fresh(run).cancel_wanted
    passes.join_again(run=run, changes=LAST_LINE)
    passes.cancel_pass(run=run)
    assert fresh(run).cancel_wanted


def test_a_run_is_not_deleted_under_a_pass(run: Run) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE)
    with pytest.raises(Conflict, match="Pass 2"):
        delete(run=run)
    end(made)
    delete(run=run)
    assert not Run.objects.exists()


# Letting one count


def test_a_chosen_pass_shows_in_the_run_its_joins_and_its_figures(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(kpis={"wall_s": 3, "agreement": 0.6, "coverage": 1.0})
    made = passes.join_again(run=run, changes=LAST_LINE)
    end(made, agreement=0.4, accuracy=0.5)
    after = passes.choose(run=run, n=2)
    assert (after.chosen_pass, after.outcome, after.reason) == (2, "decided", "bug it is")
    assert (after.status, after.seq) == ("succeeded", 9)
    kpis = {"wall_s": 3, "agreement": 0.4, "coverage": 1.0, "margin": 1, "accuracy": 0.5}
    assert after.kpis == kpis
    root = Join.objects.get(run=run)
    assert (root.value, root.outcome, root.seq) == ("bug", "decided", 9)
    assert run_queries.outcome(after).value == "bug"  # type: ignore[union-attr]
    assert Outcome.objects.filter(run=run).count() == 2


def test_what_the_join_reads_follows_the_pass_that_counts(run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE))
    passes.choose(run=run, n=2)
    readings = list(Branch.objects.filter(run=run).order_by("index").values_list("reading", "seq"))
    assert readings == [("it is billing", 9), *[("billing", 0)] * 2, *[("bug", 0)] * 2]


def test_the_first_pass_can_count_again(run: Run) -> None:
    end(passes.join_again(run=run, changes={"join": {"method": "union"}}))
    assert passes.choose(run=run, n=2).method == "union"
    after = passes.choose(run=run, n=1)
    assert (after.method, after.reason, after.chosen_pass) == ("majority", "3 of 5", 1)
    assert Join.objects.get(run=run).value == "billing"


def test_a_pass_without_a_value_makes_the_status_it_would_have_made(run: Run) -> None:
    end(passes.join_again(run=run, changes=JUDGE), None, "judge_failed")
    after = passes.choose(run=run, n=2)
    assert (after.status, after.outcome) == ("failed", "judge_failed")
    assert Join.objects.get(run=run).status == "failed"
    assert passes.choose(run=run, n=1).status == "succeeded"


def test_a_pass_that_lost_a_child_is_partial(run: Run) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE)
    end(made)
    outcome = Outcome.objects.get(pass_n=2)
    outcome.contributions[0] = [0, "failed", "timed out", None]
    outcome.save()
    assert passes.choose(run=run, n=2).status == "partial"


def test_choosing_what_counts_already_changes_nothing(run: Run) -> None:
    assert passes.choose(run=run, n=1).seq == 7


@pytest.mark.parametrize("n", [2, 3])
def test_a_pass_that_gave_nothing_cannot_count(run: Run, n: int) -> None:
    made = passes.join_again(run=run, changes=LAST_LINE)
    Pass.objects.filter(pk=made.pk).update(status="cancelled", ended_at=timezone.now())
    with pytest.raises(Conflict, match=r"no outcome|no pass"):
        passes.choose(run=run, n=n)


def test_nothing_is_chosen_while_a_pass_is_at_work(run: Run) -> None:
    end(passes.join_again(run=run, changes=LAST_LINE))
    passes.join_again(run=run, changes=JUDGE)
    with pytest.raises(Conflict, match="Pass 3"):
        passes.choose(run=run, n=2)


def test_a_nested_run_shows_the_chosen_rows(user: User) -> None:
    run = make_nested_run(user, rows=5, status="succeeded", outcome="joined")
    Outcome.objects.create(run=run, join_id=row_id(run.pk, 0), kind="joined", value="all")
    for row in Join.objects.filter(run=run):
        Outcome.objects.create(
            run=run, join=row, pass_n=2, kind="tie", value=None, quality={"agreement": 0.5}
        )
    settings = again.settings_of(configurations.parse(run.spec))
    now = timezone.now()
    Pass.objects.create(run=run, n=2, kind="again", settings=settings, ended_at=now)
    passes.choose(run=run, n=2)
    rows = Join.objects.filter(run=run).values_list("outcome", "value", "status")
    assert set(rows) == {("tie", "", "done")}


# What it would give


def look(run: Run, changes: dict[str, Any]) -> rejoining.Preview:
    return rejoining.preview(run, passes.check(run, changes))


def test_a_preview_is_the_real_outcome(run: Run) -> None:
    tried = look(run, LAST_LINE).tried
    assert tried is not None
    assert not isinstance(tried.result, Wish)
    assert tried.result.quality["tally"] == {"billing": 2, "bug": 2, "it is billing": 1}
    assert tried.result.kind == "tie"
    assert not Pass.objects.filter(n=2).exists()


def test_a_preview_of_a_judge_is_its_calls_and_price(run: Run) -> None:
    tried = look(run, JUDGE).tried
    assert tried is not None
    assert isinstance(tried.result, Wish)
    assert tried.result.calls_most == 2
    assert tried.result.cost_most_usd


def test_spared_votes_stay_spared_and_lost_ones_lost(run: Run) -> None:
    Branch.objects.filter(run=run, index__gte=3).delete()
    outcome = Outcome.objects.get(run=run)
    for kind, state in (("spared", "spared"), ("missing", "cancelled")):
        outcome.contributions[3:] = [[n, kind, f"told as {kind}", None] for n in (3, 4)]
        outcome.save()
        tried = look(run, LAST_LINE).tried
        assert tried is not None
        told = [(child.state, child.reason) for child in tried.children[3:]]
        assert told == [(state, f"told as {kind}")] * 2


def test_a_section_run_is_previewed_with_its_labels(user: User) -> None:
    spec = configurations.dump(configurations.parse(sectioning_spec()))
    run = make_run(user, spec=spec, pattern="sectioning", method="concatenate", status="succeeded")
    Join.objects.filter(run=run).update(children=2)
    for number in range(2):
        make_branch(run, number, f"text {number}", role="section", status="succeeded")
    tried = look(run, {"join": {"method": "concatenate", "separator": " + "}}).tried
    assert tried is not None
    assert not isinstance(tried.result, Wish)
    assert "text 0 + " in (tried.result.value or "")


def test_a_nested_run_is_previewed_to_its_root(user: User) -> None:
    run = make_nested_run(user, rows=4, status="succeeded")
    for branch in Branch.objects.filter(run=run, status="succeeded"):
        make_answer(branch, branch.reading)
    whole = {"join": {"method": "majority"}}
    preview = look(run, whole)
    assert preview.tried is not None
    assert not isinstance(preview.tried.result, Wish)
    assert preview.tried.result.quality["ties"] == 1
    assert preview.tried.result.quality["accuracy"] == 0.25


def make_answer(branch: Branch, text: str) -> None:
    Answer.objects.create(branch=branch, text=text)


def test_a_large_run_is_reckoned_from_a_sample(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejoining, "MOST_JOINS", 2)
    make_connection(user, name="Simulated")
    run = make_nested_run(user, rows=8, status="succeeded")
    for branch in Branch.objects.filter(run=run, status="succeeded"):
        make_answer(branch, f"{branch.reading}, {branch.index}")
    assert look(run, {"join": {"method": "majority"}}) == rejoining.Preview(8, 0)
    tried = look(run, JUDGE).tried
    assert tried is not None
    assert isinstance(tried.result, Wish)
    assert tried.result.calls_most == 2 * 8


def test_the_spec_of_each_pass_is_known(run: Run) -> None:
    passes.join_again(run=run, changes=LAST_LINE)
    assert queries.spec_in(run, 2)["join"]["reader"]["kind"] == "last_line"
    assert queries.spec_in(run, 1) == run.spec
    old = timezone.now() - timedelta(days=1)
    Pass.objects.filter(n=2).update(ended_at=old)
    Run.objects.filter(pk=run.pk).update(chosen_pass=2)
    assert queries.as_counted(fresh(run)).spec["join"]["reader"]["kind"] == "last_line"

"""The format, and the one promise it rests on: old state + delta = the state now."""

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.live import wire
from runs.live.wire import Position
from runs.models import Branch, Join, Run, row_id
from tests.effort import Effort
from tests.unit.live.rows import Fold, Writer, a_run

JOINS, BRANCHES = 3, 12
changes = st.lists(
    st.lists(
        st.one_of(
            st.tuples(
                st.just(Join),
                st.integers(0, JOINS - 1),
                st.fixed_dictionaries(
                    {
                        "status": st.sampled_from(["waiting", "joining", "done"]),
                        "value": st.text(
                            st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
                            max_size=5,
                        ),
                        "quality": st.fixed_dictionaries({"coverage": st.floats(0, 1)}),
                    }
                ),
            ),
            st.tuples(
                st.just(Branch),
                st.integers(0, BRANCHES - 1),
                st.fixed_dictionaries(
                    {
                        "status": st.sampled_from(["pending", "running", "succeeded", "failed"]),
                        "tries": st.integers(0, 4),
                        "ended_ms": st.none() | st.integers(0, 10**9),
                        "cost_usd": st.none() | st.floats(0, 10),
                        "is_cut": st.booleans(),
                    }
                ),
            ),
            st.tuples(st.just("attempt"), st.integers(0, BRANCHES - 1), st.integers(1, 3)),
            st.tuples(st.just("answer"), st.integers(0, BRANCHES - 1), st.text("ab", max_size=3)),
        ),
        max_size=6,
    ),
    min_size=1,
    max_size=8,
)
property_settings = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def write(writer: Writer, commit: list) -> None:
    rows = {(kind, number): values for kind, number, values in commit if isinstance(kind, type)}
    writer.commit(*((kind, number, values) for (kind, number), values in rows.items()))
    for kind, number, value in commit:
        if kind == "attempt":
            writer.attempt(number, value, status="ok", output_tokens=value)
        elif kind == "answer":
            writer.answer(number, value)


@property_settings
@given(commits=changes, max_rows=st.integers(1, 7))
def test_a_snapshot_at_any_number_plus_the_delta_after_it_is_the_snapshot_now(
    owner: AbstractBaseUser, commits: list, max_rows: int
) -> None:
    run = a_run(owner)
    writer, watched = Writer(run), range(BRANCHES)
    snapshots = []
    for commit in commits:
        snapshots.append(Fold().take_all(wire.frames(run.pk, 0, watched)))
        write(writer, commit)
    now = Fold().take_all(wire.frames(run.pk, 0, watched))
    assert now == Fold().take_all(wire.frames(run.pk, 0, watched, max_rows))
    for snapshot in snapshots:
        assert snapshot.take_all(wire.frames(run.pk, snapshot.seq, watched, max_rows)) == now


@property_settings
@given(commits=changes, max_rows=st.integers(1, 4), steps=st.lists(st.integers(0, 3), min_size=1))
def test_a_viewer_read_part_by_part_between_commits_ends_on_the_snapshot_now(
    owner: AbstractBaseUser, commits: list, max_rows: int, steps: list[int]
) -> None:
    run = a_run(owner)
    writer, fold, place = Writer(run), Fold(), Position()
    for number, commit in enumerate(commits):
        write(writer, commit)
        for _ in range(steps[number % len(steps)]):
            place = step(run, fold, place, max_rows)
    while fold.seq != Run.objects.get(pk=run.pk).seq:
        place = step(run, fold, place, max_rows)
    now = Fold().take_all(wire.frames(run.pk, 0))
    assert (fold.run, fold.joins, fold.branches) == (now.run, now.joins, now.branches)


def step(run: Run, fold: Fold, place: Position, max_rows: int) -> Position:
    sight = wire.look(run.pk, {place: False}, (), max_rows)
    assert sight is not None
    body = sight.bodies.get(place)
    if body is None:
        return place
    fold.take(wire.json.loads(wire.frame(1, body, {})))
    return body.after


def test_a_delta_holds_only_what_changed_after_its_base(run: Run, writer: Writer) -> None:
    first = writer.commit((Branch, 0, {}), (Branch, 1, {}), (Join, 0, {}))
    writer.commit((Branch, 1, {"status": "running", "is_cut": True}))
    (frame,) = wire.frames(run.pk, first)
    assert (frame["base"], frame["seq"]) == (first, first + 1)
    assert frame["branches"]["number"] == [1]
    assert frame["branches"]["status"] == ["running"]
    assert frame["branches"]["cut"] == [True]
    assert frame["joins"]["number"] == []


def test_nothing_new_is_no_frame(run: Run, writer: Writer) -> None:
    assert wire.frames(run.pk, writer.commit()) == []


def test_parts_hold_at_most_the_rows_asked_for_and_share_one_number(
    run: Run, writer: Writer
) -> None:
    writer.commit(*((Branch, number, {}) for number in range(7)), (Join, 0, {}))
    frames = wire.frames(run.pk, 0, max_rows=3)
    assert [frame["part"] for frame in frames] == [1, 2, 3]
    assert {(frame["seq"], frame["parts"]) for frame in frames} == {(1, 3)}
    sizes = [len(frame["joins"]["number"]) + len(frame["branches"]["number"]) for frame in frames]
    assert sizes == [3, 3, 2]


def test_attempts_and_answers_are_sent_for_watched_branches_only(run: Run, writer: Writer) -> None:
    for branch in (0, 1):
        writer.attempt(branch, 1, status="ok")
        writer.answer(branch, f"answer {branch}")
    (frame,) = wire.frames(run.pk, 0, [1])
    assert frame["attempts"]["branch"] == [1]
    assert frame["answers"] == {"1": "answer 1"}
    assert "attempts" not in wire.frames(run.pk, 0)[0]


def test_a_number_beyond_the_runs_own_starts_over(run: Run, writer: Writer) -> None:
    writer.commit((Branch, 0, {}))
    (frame,) = wire.frames(run.pk, 99)
    assert (frame["base"], frame["seq"], frame["branches"]["number"]) == (0, 1, [0])


def test_watching_reaches_no_other_run(run: Run, owner: AbstractBaseUser) -> None:
    other = Writer(a_run(owner))
    other.answer(0, "secret")
    beyond = row_id(other.run_id, 0) - row_id(run.pk, 0)
    assert wire.frames(run.pk, 0, [beyond]) == []


def test_a_run_that_is_gone_is_seen_as_gone(db: None) -> None:
    assert wire.look(404, {Position(): False}, ()) is None
    with pytest.raises(Run.DoesNotExist):
        wire.frames(404, 0)


def test_the_limit_is_the_connections_unless_the_run_asks_for_less(
    owner: AbstractBaseUser,
) -> None:
    assert wire.frames(a_run(owner, seq=1).pk, 0)[0]["run"]["limit"] == 4
    fewer = a_run(owner, seq=1, in_flight_wanted=2)
    assert wire.frames(fewer.pk, 0)[0]["run"]["limit"] == 2


def test_the_number_of_queries_does_not_grow_with_rows(
    run: Run, writer: Writer, django_assert_num_queries
) -> None:
    writer.commit(*((Branch, number, {}) for number in range(50)))
    with django_assert_num_queries(6):
        wire.look(run.pk, {Position(): False}, ())


def test_fifty_thousand_branches_are_sent_in_well_under_a_second(owner: User) -> None:
    run = a_run(owner, seq=500)
    Branch.objects.bulk_create(
        (
            Branch(
                id=row_id(run.pk, number), run=run, number=number, join_number=0, role="vote",
                index=number, connection="local", model="m", status="succeeded",
                seq=number // 1000 + 1, sent_ms=number, ended_ms=number + 9, cost_usd=0.001,
            )
            for number in range(52_720)
        ),
        batch_size=1000,
    )  # fmt: skip
    effort = Effort()
    frames = wire.encoded_frames(run.pk, 0)
    assert effort.seconds() < 1.0
    assert len(frames) == 11

"""Launching: what is refused before a row is written, what is frozen, what one key may launch."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.models import Connection, Dataset, Item, Join, Pass, Run, row_id
from runs.planning import configuration as configurations
from runs.planning.inputs import Document, Material
from runs.services import launching, waking
from runs.services.launching import launch_run, prepare, preview, run_again
from runs.services.templates import add_version, create_template
from tests.factories import (
    make_configuration,
    make_connection,
    make_dataset,
    sectioning_spec,
    voting_spec,
)

pytestmark = pytest.mark.django_db
TEXT = {"text": "My card was charged twice."}


@pytest.fixture
def connection(user: User) -> Connection:
    return make_connection(user, name="Simulated", in_flight=6, api_key="canary-key")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the runs that workers were told of."""
    ids: list[int] = []
    monkeypatch.setattr(waking.execute_run, "delay", ids.append)
    return ids


def voting(**changes: Any) -> configurations.Configuration:
    return configurations.parse(voting_spec(**{"input": TEXT, **changes}))


def sectioning(**changes: Any) -> configurations.Configuration:
    return configurations.parse(sectioning_spec(**changes))


def errors_of(owner: User, configuration: configurations.Configuration) -> dict[str, str]:
    found = preview(owner, configuration)
    return {error.field: error.message for error in found.errors}


def test_a_launch_writes_run_pass_items_and_joins_and_rings_the_workers(
    user: User,
    connection: Connection,
    rung: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:
    row = make_configuration(user)
    with django_capture_on_commit_callbacks(execute=True):
        run = launch_run(owner=user, configuration=voting(), row=row)
    assert rung == [run.pk]
    assert (run.status, run.number, run.branches_planned) == ("queued", 1, 3)
    assert run.planned_at is not None
    assert run.launched_at is not None
    assert Pass.objects.filter(run=run, n=1, kind="run").exists()
    item = Item.objects.get(run=run)
    assert (item.number, item.fields["input"]) == (0, TEXT["text"])
    root = Join.objects.get(run=run)
    assert (root.pk, root.number, root.parent_number, root.children) == (
        row_id(run.pk, 0), 0, None, 3,
    )  # fmt: skip
    assert root.seq == run.seq > 0


def test_numbers_count_up_under_the_configuration(user: User, connection: Connection) -> None:
    row = make_configuration(user)
    numbers = [launch_run(owner=user, configuration=voting(), row=row).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_a_run_keeps_its_connections_with_prices_and_without_keys(
    user: User, connection: Connection
) -> None:
    run = launch_run(owner=user, configuration=voting())
    frozen = run.connections["Simulated"]
    assert (frozen["id"], frozen["kind"], frozen["in_flight"]) == (connection.pk, "simulated", 6)
    assert (frozen["tokens_per_minute"], frozen["sends_end_mark"]) == (None, True)
    assert frozen["prices"]["simulated"]["input_per_m"] == 0.0
    assert run.is_simulated
    assert "canary-key" not in str(Run.objects.filter(pk=run.pk).values())
    assert run.estimate["calls"] == 3


def test_a_run_keeps_the_text_of_its_templates(user: User, connection: Connection) -> None:
    template = create_template(owner=user, name="Classify", text="Old: {{ input }}")
    add_version(template=template, text="New: {{ input }}")
    pinned = voting(prompts=[{"template": "Classify", "version": 1}])
    newest = voting(prompts=[{"template": "Classify"}])
    prompt = launch_run(owner=user, configuration=pinned).spec["prompts"][0]
    assert (prompt["text"], prompt["template"], prompt["version"]) == (
        "Old: {{ input }}", "Classify", 1,
    )  # fmt: skip
    prompt = launch_run(owner=user, configuration=newest).spec["prompts"][0]
    assert (prompt["text"], prompt["version"]) == ("New: {{ input }}", 2)


def test_a_run_again_keeps_the_frozen_text_and_input(user: User, connection: Connection) -> None:
    template = create_template(owner=user, name="Classify", text="Old: {{ input }}")
    first = launch_run(owner=user, configuration=voting(prompts=[{"template": "Classify"}]))
    add_version(template=template, text="New: {{ input }}")
    again = run_again(run=first)
    assert again.pk != first.pk
    assert again.number == first.number + 1
    assert again.spec == first.spec
    assert list(Item.objects.filter(run=again).values_list("label", "fields")) == list(
        Item.objects.filter(run=first).values_list("label", "fields")
    )


def test_each_document_becomes_an_item(user: User, connection: Connection) -> None:
    material = Material(documents=(Document("A", "first"), Document("B", "second")))
    run = launch_run(owner=user, configuration=sectioning(), material=material)
    items = list(Item.objects.filter(run=run).values_list("number", "label", "fields"))
    assert [(number, label) for number, label, _ in items] == [(0, "A"), (1, "B")]
    assert items[1][2]["document.text"] == "second"


def test_a_data_set_is_read_with_its_right_answers(user: User, connection: Connection) -> None:
    dataset = make_dataset(user, ["one", "two"], name="Numbers")
    dataset.items.filter(position=1).update(gold="2")
    run = launch_run(owner=user, configuration=sectioning(input={"dataset": "Numbers"}))
    assert list(Item.objects.filter(run=run).values_list("fields__input", "gold")) == [
        ("one", None),
        ("two", "2"),
    ]


def test_rows_of_a_data_set_are_read_by_column(user: User, connection: Connection) -> None:
    dataset = Dataset.objects.create(owner=user, name="Rows", kind="rows", columns=["title"])
    dataset.items.create(position=0, label="x", fields={"row.title": "Hello"}, gold="yes")
    spec = sectioning_spec(
        input={"dataset": "Rows"},
        split={"by": "row"},
        prompts=[{"text": "Judge {{ row.title }}"}],
    )
    run = launch_run(owner=user, configuration=configurations.parse(spec))
    item = Item.objects.get(run=run)
    assert (item.fields["row.title"], item.gold) == ("Hello", "yes")


def test_what_is_another_persons_is_not_found(
    user: User, other_user: User, connection: Connection
) -> None:
    make_dataset(other_user, name="Secret")
    make_connection(other_user, name="Theirs")
    create_template(owner=other_user, name="Hidden", text="{{ input }}")
    errors = errors_of(user, sectioning(input={"dataset": "Secret"}))
    assert "no data set" in errors["input.dataset"]
    call = {"connection": "Theirs", "model": "m"}
    assert "no connection named" in errors_of(user, voting(call=call))["call.connection"]
    prompts = [{"template": "Hidden"}]
    assert "no template" in errors_of(user, voting(prompts=prompts))["prompts.0.template"]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(user: User) -> None:
    bad = voting(
        call={"connection": "None such", "model": "m"}, prompts=[{"template": "None such"}]
    )
    with pytest.raises(InvalidConfiguration) as caught:
        launch_run(owner=user, configuration=bad)
    fields = {error.field for error in caught.value.errors}
    assert {"call.connection", "prompts.0.template"} <= fields
    assert not Run.objects.exists()


def test_empty_input_is_refused(user: User, connection: Connection) -> None:
    assert "input" in errors_of(user, voting(input={"text": "  "}))


def test_files_named_in_a_configuration_are_never_read_by_the_server(
    user: User, connection: Connection
) -> None:
    assert "input.files" in errors_of(user, sectioning(input={"files": ["/etc/passwd"]}))


def test_a_cap_in_dollars_needs_a_price_or_a_cap_on_calls(user: User) -> None:
    make_connection(user, name="Own", kind="openai_compatible", base_url="https://llm.example/v1")
    call = {"connection": "Own", "model": "never-heard-of"}
    assert "limits.cost_usd" in errors_of(user, voting(call=call, limits={"cost_usd": 1}))
    assert errors_of(user, voting(call=call, limits={"cost_usd": 1, "calls": 9})) == {}


def test_a_file_brings_its_connection_along(user: User) -> None:
    user.is_staff = True
    provider = {"name": "vllm", "base_url": "https://llm.example/v1", "api_key_env": "MY_KEY"}
    configuration = voting(provider=provider, call={"connection": "vllm", "model": "m"})
    run = launch_run(owner=user, configuration=configuration)
    row = Connection.objects.get(owner=user, name="vllm")
    assert (row.base_url, row.api_key_env, row.model_names) == (
        "https://llm.example/v1", "MY_KEY", ["m"],
    )  # fmt: skip
    assert run.connections["vllm"]["id"] == row.pk
    launch_run(owner=user, configuration=configuration)
    assert Connection.objects.filter(owner=user, name="vllm").count() == 1


def test_a_file_brings_its_prices_along(user: User) -> None:
    user.is_staff = True
    prices = {"price_input": 0.5, "price_output": 1.5, "price_cached": 0.0}
    provider = {"name": "vllm", "base_url": "https://llm.example/v1", **prices}
    spec = {"call": {"connection": "vllm", "model": "m"}, "limits": {"cost_usd": 1}}
    run = launch_run(owner=user, configuration=voting(provider=provider, **spec))
    frozen = run.connections["vllm"]["prices"]["m"]
    assert (frozen["input_per_m"], frozen["output_per_m"], frozen["cached_per_m"]) == (0.5, 1.5, 0)
    row = Connection.objects.get(owner=user, name="vllm")
    assert {name: getattr(row, name) for name in prices} == prices
    launch_run(owner=user, configuration=voting(provider=provider, **spec))
    other = voting(provider={**provider, "price_output": 2}, **spec)
    assert list(errors_of(user, other)) == ["provider.price_output"]
    silent = {name: value for name, value in provider.items() if name not in prices}
    assert errors_of(user, voting(provider=silent, **spec)) == {}


def test_a_file_may_not_redirect_a_stored_connection(user: User) -> None:
    user.is_staff = True
    make_connection(user, name="vllm", kind="openai_compatible", base_url="https://llm.example/v1")
    provider = {"name": "vllm", "base_url": "https://elsewhere.example/v1"}
    configuration = voting(provider=provider, call={"connection": "vllm", "model": "m"})
    assert "provider.name" in errors_of(user, configuration)


def test_only_an_admin_may_bring_an_address_along(user: User) -> None:
    provider = {"name": "vllm", "base_url": "https://llm.example/v1", "api_key_env": "MY_KEY"}
    configuration = voting(provider=provider, call={"connection": "vllm", "model": "m"})
    with pytest.raises(InvalidConfiguration) as caught:
        launch_run(owner=user, configuration=configuration)
    assert caught.value.errors[0].field.startswith("provider.")
    assert not Run.objects.exists()


def test_one_key_launches_once(user: User, connection: Connection) -> None:
    first = launch_run(owner=user, configuration=voting(), idempotency_key="k" * 100)
    second = launch_run(owner=user, configuration=voting(), idempotency_key="k" * 100)
    assert second.pk == first.pk
    assert Run.objects.count() == 1


def test_one_key_with_other_content_is_a_conflict(user: User, connection: Connection) -> None:
    launch_run(owner=user, configuration=voting(), idempotency_key="k")
    with pytest.raises(Conflict):
        launch_run(owner=user, configuration=voting(votes={"samples": 4}), idempotency_key="k")


def test_keys_of_two_people_do_not_meet(
    user: User, other_user: User, connection: Connection
) -> None:
    make_connection(other_user, name="Simulated")
    first = launch_run(owner=user, configuration=voting(), idempotency_key="k")
    second = launch_run(owner=other_user, configuration=voting(), idempotency_key="k")
    assert second.pk != first.pk


@pytest.mark.django_db(transaction=True)
def test_the_slower_of_two_equal_launches_is_given_the_others_run(
    user: User, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = launch_run(owner=user, configuration=voting(), idempotency_key="k")
    real = launching._earlier
    calls: list[int] = []

    def blind_once(*args: Any) -> Run | None:
        calls.append(1)
        return None if len(calls) == 1 else real(*args)

    monkeypatch.setattr(launching, "_earlier", blind_once)
    second = launch_run(owner=user, configuration=voting(), idempotency_key="k")
    assert second.pk == first.pk
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_large_launch_is_written_in_chunks_and_opened_last(
    user: User, connection: Connection, rung: list[int]
) -> None:
    documents = tuple(Document(f"D{n}", f"text {n}") for n in range(2_500))
    run = launch_run(owner=user, configuration=sectioning(), material=Material(documents=documents))
    assert Item.objects.filter(run=run).count() == 2_500
    assert run.planned_at is not None
    assert rung == [run.pk]


@pytest.mark.django_db(transaction=True)
def test_a_large_launch_that_breaks_leaves_nothing(
    user: User, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = launching._insert, []

    def break_second(rows: Any) -> None:
        calls.append(len(rows))
        if len(calls) == 2:
            raise RuntimeError("disk full")
        real(rows)

    monkeypatch.setattr(launching, "_insert", break_second)
    documents = tuple(Document(f"D{n}", "text") for n in range(1_500))
    with pytest.raises(RuntimeError):
        launch_run(owner=user, configuration=sectioning(), material=Material(documents=documents))
    assert calls == [1000, 500]
    assert not Run.objects.exists()
    assert not Item.objects.exists()


def test_an_abandoned_launch_is_cleared_and_its_key_free_again(
    user: User, connection: Connection
) -> None:
    run = launch_run(owner=user, configuration=voting(), idempotency_key="k")
    long_ago = timezone.now() - 2 * launching.ABANDONED
    Run.objects.filter(pk=run.pk).update(planned_at=None, created_at=long_ago)
    again = launch_run(owner=user, configuration=voting(), idempotency_key="k")
    assert again.pk != run.pk
    assert Run.objects.count() == 1


def test_a_dead_broker_does_not_stop_a_launch(
    user: User,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def fail(run_id: int) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(waking.execute_run, "delay", fail)
    with django_capture_on_commit_callbacks(execute=True):
        run = launch_run(owner=user, configuration=voting())
    assert run.planned_at is not None


def test_a_preview_tells_plan_and_cost_and_writes_nothing(
    user: User, connection: Connection
) -> None:
    found = preview(user, voting())
    assert found.errors == ()
    assert found.plan is not None
    assert found.plan.child_branches == 3
    assert found.estimate is not None
    assert found.estimate.calls == 3
    assert not Run.objects.exists()


def test_preparing_takes_a_fixed_number_of_queries(
    user: User, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    documents = tuple(Document(f"D{n}", f"text {n}") for n in range(300))
    with django_assert_max_num_queries(3):
        prepare(user, sectioning(), material=Material(documents=documents))

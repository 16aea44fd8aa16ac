"""Joining again changes how answers are joined, and nothing else of a configuration."""

from typing import Any

import pytest

from runs.domain.errors import InvalidConfiguration
from runs.domain.joins import Majority, Union
from runs.planning import again
from runs.planning import configuration as configurations
from tests.unit.planning.samples import voting


def spec(**changes: Any) -> dict[str, Any]:
    return configurations.dump(configurations.parse(voting(**changes)))


def test_the_join_and_the_policy_change_and_all_else_stays() -> None:
    before = spec()
    new = again.changed(before, {"join": {"method": "union"}, "on_failure": {"policy": "all"}})
    assert isinstance(new.join, Union)
    assert new.on_failure.policy == "all"
    kept = {key: value for key, value in before.items() if key not in again.OWN}
    assert {key: configurations.dump(new)[key] for key in kept} == kept


def test_a_rule_to_stop_early_falls_away_where_the_new_join_has_none() -> None:
    before = spec(votes={"samples": 9, "stop": "confident"})
    assert again.changed(before, {"join": {"method": "numeric"}}).votes.stop == "all"
    kept = again.changed(before, {"join": {"method": "majority", "ties": "first_seen"}})
    assert kept.votes.stop == "confident"
    weighed = {"method": "majority", "weights": {"1": 2}}
    assert again.changed(before, {"join": weighed}).votes.stop == "all"


def test_each_changes_only_where_there_is_one() -> None:
    other = {"each": {"join": {"method": "union"}, "by": "line"}}
    assert again.changed(spec(), other).each is None
    new = again.changed(spec(each={"by": "row"}, prompts=[{"text": "{{ row.q }}"}]), other)
    assert new.each is not None
    assert (new.each.by, new.each.join.method) == ("row", "union")


def test_settings_say_all_that_a_pass_may_change() -> None:
    new = again.changed(spec(), {"join": {"method": "union"}})
    assert again.changed(spec(), again.settings_of(new)) == new
    assert set(again.settings_of(new)) == {"join", "on_failure"}


def test_a_wrong_setting_is_told_beside_its_field() -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        again.changed(spec(), {"join": {"method": "majority", "least_share": 2}})
    assert [error.field for error in raised.value.errors] == ["join.least_share"]
    with pytest.raises(InvalidConfiguration):
        again.changed(spec(), {"join": {"method": "gate"}})


def test_the_join_it_had_is_what_it_has_without_settings() -> None:
    assert isinstance(again.changed(spec(), {}).join, Majority)


def test_a_run_without_changes_keeps_its_rule_to_stop_early() -> None:
    weighed = {"method": "majority", "weights": {"1": 2.0}}
    before = spec(join=weighed, votes={"samples": 9, "stop": "decided"})
    assert again.changed(before, {}).votes.stop == "decided"

"""Fields: objects voted on field by field; ties named, schema kept, combinations told."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.registry import aggregate, read
from runs.domain.joins import Fields
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import OutcomeKind
from tests.effort import Effort
from tests.unit.aggregation.children import answered, failed, votes

SCHEMA = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "paid": {"type": "boolean"},
    },
    "required": ["vendor", "total"],
}


def fields(children, **settings):
    return aggregate(Fields(**settings), FailurePolicy(), children, {})


def objects(*values):
    return votes(*map(json.dumps, values))


def value_of(outcome):
    return None if outcome.value is None else json.loads(outcome.value)


def test_each_field_is_voted_on_alone():
    outcome = fields(
        objects(
            {"vendor": "ACME", "total": 5, "paid": True},
            {"vendor": "acme.", "total": 6, "paid": True},
            {"vendor": "Apex", "total": 5.0, "paid": False},
        )
    )
    assert outcome.kind is OutcomeKind.DECIDED
    assert value_of(outcome) == {"vendor": "ACME", "total": 5, "paid": True}
    quality = outcome.quality
    assert (quality["agreement"], quality["least_agreement"]) == (pytest.approx(2 / 3),) * 2
    assert quality["whole"] == 1
    assert quality["fields"]["vendor"] == {
        "votes": 2,
        "agreement": pytest.approx(2 / 3),
        "is_tied": False,
        "values": [["ACME", 2], ["Apex", 1]],
        "different": 2,
    }
    assert outcome.contributions[1].reason == "Agrees in 2 of 3 settled fields; not in “total”."


def test_an_answer_that_agrees_in_no_field_is_outvoted():
    outcome = fields(objects({"a": 1}, {"a": 1}, {"a": 2}))
    assert [c.kind for c in outcome.contributions] == ["used", "used", "outvoted"]
    assert outcome.contributions[2].value == '{"a": 2}'


def test_a_tied_field_is_null_and_named_and_the_others_are_kept():
    outcome = fields(objects({"a": 1, "b": "x"}, {"a": 2, "b": "x"}))
    assert outcome.kind is OutcomeKind.TIE
    assert value_of(outcome) == {"a": None, "b": "x"}
    assert outcome.quality["field_ties"] == ["a"]
    assert outcome.detail == "1 of 2 fields settled by 2 answers. Tied: “a”."


def test_where_every_field_ties_there_is_no_value():
    outcome = fields(objects({"a": 1}, {"a": 2}))
    assert (outcome.kind, outcome.value) == (OutcomeKind.TIE, None)
    assert [c.kind for c in outcome.contributions] == ["used", "used"]


def test_first_seen_settles_ties_by_the_lowest_branch():
    outcome = fields(objects({"a": 2}, {"a": 1}), ties="first_seen")
    assert (outcome.kind, value_of(outcome)) == (OutcomeKind.DECIDED, {"a": 2})


def test_a_field_left_out_is_a_vote_for_leaving_it_out():
    outcome = fields(objects({"a": 1}, {"a": 1}, {"a": 1, "b": 2}))
    assert value_of(outcome) == {"a": 1}
    assert outcome.quality["fields"]["b"]["values"] == [[None, 2], ["2", 1]]
    assert value_of(fields(objects({"a": 1}, {"a": 1, "b": 2}))) == {"a": 1, "b": None}


def test_types_are_kept_apart_and_nested_values_compared_whole():
    outcome = fields(objects({"a": "5"}, {"a": 5}, {"a": 5.0}))
    assert value_of(outcome) == {"a": 5}
    nested = [{"tags": ["X", {"n": 1}]}, {"tags": ["x.", {"n": 1.0}]}, {"tags": [{"n": 1}, "x"]}]
    assert fields(objects(*nested)).quality["fields"]["tags"]["votes"] == 2
    assert value_of(fields(objects({"a": True}, {"a": 1}, {"a": 1}))) == {"a": 1}


def test_only_what_fits_the_schema_counts_and_the_reason_is_said():
    outcome = fields(
        [
            answered(0, '{"vendor": "A", "total": "5"}'),
            answered(1, '{"vendor": "A"}'),
            answered(2, 'So: ```json\n{"vendor": "A", "total": 5}\n```'),
            answered(3, "no idea"),
            answered(4, '{"vendor": "A", "tot'),
            failed(5),
        ],
        schema=SCHEMA,
    )
    assert value_of(outcome) == {"vendor": "A", "total": 5}
    reasons = [c.reason for c in outcome.contributions]
    assert reasons[0] == "It does not fit the schema: “total”: '5' is not of type 'number'."
    assert reasons[1] == "It does not fit the schema: 'total' is a required property."
    assert reasons[3:5] == ["It holds no JSON object.", "Its JSON is cut before its end."]
    assert outcome.quality["unreadable"] == 4
    assert outcome.quality["fits_schema"] is True


def test_the_last_object_that_fits_is_read_and_slightly_malformed_json_mended():
    answer = 'Draft: {"vendor": "A", "total": 1}. Final: {"vendor": "B", "total": 2} {"x": 1}'
    assert value_of(fields(votes(answer), schema=SCHEMA)) == {"vendor": "B", "total": 2}
    outcome = fields(votes("{'vendor': 'B', 'total': 2,}"), schema=SCHEMA)
    assert "mending" in outcome.contributions[0].reason


def test_fields_stand_in_the_order_of_the_schema():
    outcome = fields(objects({"extra": 1, "total": 2, "vendor": "A"}), schema=SCHEMA)
    assert list(value_of(outcome)) == ["vendor", "total", "extra"]


def test_a_combination_that_breaks_the_schema_is_told():
    schema = {"type": "object", "not": {"properties": {"a": {"const": 1}, "b": {"const": 1}}}}
    answers = objects({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 1}, {"a": 3, "b": 1})
    outcome = fields([*answers, *votes()], schema=schema, ties="first_seen")
    assert outcome.quality["whole"] == 0
    assert outcome.quality["fits_schema"] is False
    assert "Together they do not fit the schema" in outcome.detail


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "http://example.com/schema"}, "its own parts only"),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}}, "refers to itself"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "which is not there"),
        ({"patternProperties": {"(a+)+$": {}}}, "patternProperties"),
        ({"type": "objekt"}, "no JSON schema"),
        ({"properties": {"a": {"pattern": "("}}}, "schema"),
    ],
)
def test_a_schema_that_cannot_be_used_makes_nothing_readable_and_nothing_raise(schema, said):
    outcome = fields(objects({"a": "x"}), schema=schema)
    assert outcome.kind is OutcomeKind.NO_QUORUM
    assert not {"agreement", "least_agreement"} & outcome.quality.keys()
    assert said in outcome.contributions[0].reason


def test_references_within_the_schema_are_followed():
    schema = {"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
    outcome = fields(objects({"a": "x"}, {"a": 1}), schema=schema)
    assert [c.kind for c in outcome.contributions] == ["unreadable", "used"]


def doubling():
    """A small schema that means two to the fortieth of parts."""
    names = [f"d{n}" for n in range(40)]
    parts = {
        name: {"anyOf": [{"$ref": f"#/$defs/{after}"}, {"$ref": f"#/$defs/{after}"}]}
        for name, after in pairwise(names)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**parts, names[-1]: {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling(), {"a": 1}),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 60 + "!"}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"n": n} for n in range(5_000)]}),
    ],
)
def test_hostile_schemas_take_no_long_time(schema, value):
    effort = Effort()
    fields(objects(value), schema=schema)
    assert effort.seconds() < 4


def test_what_a_table_shows_of_an_answer_is_its_object_in_short():
    assert read(Fields(), 'so {"a": 5, "b": "x"}', Role.VOTE) == '{"a": 5, "b": "x"}'
    assert len(read(Fields(), json.dumps({"a": "x" * 500}), Role.VOTE)) == 120
    assert read(Fields(schema=SCHEMA), '{"a": 5}', Role.VOTE) is None


values = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats()
some_objects = st.dictionaries(st.sampled_from("abc"), values | st.lists(values, max_size=2))


@given(st.lists(some_objects, min_size=1, max_size=6))
def test_every_value_of_the_result_was_given_by_an_answer_in_that_field(answers):
    outcome = fields(objects(*answers), ties="first_seen")
    texts = [json.loads(json.dumps(answer), parse_constant=lambda _: None) for answer in answers]
    for name, value in value_of(outcome).items():
        assert any(name in answer and answer[name] == value for answer in texts)

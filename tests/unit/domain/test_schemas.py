"""What a JSON schema may not use: what takes unbounded time or asks other hosts."""

import pytest

from runs.domain.schemas import unsupported


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$id": "https://example.com/invoice", "type": "object"},
        {"properties": {"$ref": {"type": "string"}, "patternProperties": {}}},
        {"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"enum": [{"$ref": 1}]}}},
        {"properties": {"a/b": {}, "c": {"$ref": "#/properties/a~1b"}}},
        {"allOf": [{"type": "object"}], "properties": {"c": {"$ref": "#/allOf/0"}}},
    ],
)
def test_ordinary_schemas_can_be_used(schema):
    assert unsupported(schema) == ""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "https://example.com/x"}, "its own parts only"),
        ({"$ref": "#"}, "its own parts only"),
        ({"$ref": 5}, "its own parts only"),
        ({"$ref": "#/$defs/none"}, "is not there"),
        ({"$ref": "#/allOf/7", "allOf": [{}]}, "is not there"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}}, "itself"),
        ({"$dynamicRef": "#x"}, "must not use $dynamicRef"),
        ({"items": {"$id": "x"}}, "must not use $id"),
        ({"items": {"patternProperties": {"a": {}}}}, "must not use patternProperties"),
    ],
)
def test_others_cannot_and_the_reason_is_said(schema, said):
    assert said in unsupported(schema)


def test_a_schema_that_grows_beyond_bounds_is_refused():
    defs = {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 9} for n in range(6)}
    assert "more than" in unsupported({"$defs": {**defs, "6": {}}})
    deep = {}
    for _ in range(100):
        deep = {"items": deep}
    assert "deeper" in unsupported(deep)

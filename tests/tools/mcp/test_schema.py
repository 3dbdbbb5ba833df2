"""Schemas of a server that wishes us ill: refused, or checked in little time."""

import time
from typing import Any

import pytest

from agentkit.errors import InvalidTool
from agentkit_tools.mcp import McpServer
from agentkit_tools.mcp.fitting import problem_with
from agentkit_tools.mcp.schema import for_policies, usable


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def doubling(levels: int, word: str) -> dict[str, Any]:
    """Few words that stand for two to the power of `levels`."""
    ends: dict[str, Any] = {"level0": {"type": "string"}}
    made = {f"level{at}": {word: [{"$ref": f"#/$defs/level{at - 1}"}] * 2} for at in range(1, levels)}
    return {**an_object(a={"$ref": f"#/$defs/level{levels - 1}"}), "$defs": {**ends, **made}}


def test_a_pattern_that_would_take_for_ever_takes_no_time() -> None:
    schema = usable(an_object(name={"type": "string", "pattern": "^(a+)+$"}))

    began = time.monotonic()
    problem = problem_with({"name": "a" * 100_000 + "!"}, schema)

    assert problem is not None
    assert problem.startswith("name: 'aaa")
    assert problem_with({"name": "aaa"}, schema) is None
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [("^(?=a)b", "look-around"), ("a(", "unclosed group"), ("(a{1000}){1000}", "size limit"), ("a" * 1001, "1000")],
)
def test_a_pattern_that_cannot_be_checked_safely_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(InvalidTool, match=f"its schema has a pattern.*{problem}"):
        usable(an_object(name={"type": "string", "pattern": pattern}))


def test_properties_named_by_patterns_are_refused() -> None:
    with pytest.raises(InvalidTool, match="names properties by patterns"):
        usable(an_object(any={"type": "object", "patternProperties": {"^(a+)+$": {}}}))


def test_a_schema_of_few_words_that_means_millions_is_given_up() -> None:
    schema = usable(doubling(40, "allOf"))

    began = time.monotonic()
    problem = problem_with({"a": "x"}, schema)

    assert problem is not None
    assert "more than 20000 steps" in problem
    assert time.monotonic() - began < 5


def test_conditions_inside_each_other_that_would_take_for_ever_are_given_up() -> None:
    schema = an_object(a={"type": "string"})
    for _ in range(40):
        schema = {"if": schema, "unevaluatedProperties": False}

    began = time.monotonic()
    problem = problem_with({"b": 1}, usable(schema))

    assert problem is not None
    assert "more than 20000 steps" in problem
    assert time.monotonic() - began < 5


def test_thousands_of_objects_are_compared_in_little_time() -> None:
    schema = usable({"type": "array", "uniqueItems": True})
    many: list[Any] = [{"id": number} for number in range(20_000)]

    began = time.monotonic()
    assert problem_with(many, schema) is None
    assert problem_with([*many, {"id": 7.0}], schema) == "it has the same item twice"
    assert problem_with([1, True, "1", [1], None], schema) is None
    assert time.monotonic() - began < 5


def test_a_schema_too_large_for_policies_is_refused() -> None:
    schema = usable(doubling(40, "anyOf"))

    with pytest.raises(InvalidTool, match="written out, it has more than 5000 fields"):
        for_policies(schema)


@pytest.mark.parametrize("url", ["http://example.org/mcp", "ftp://example.org/mcp"])
def test_what_could_be_read_on_the_way_is_not_sent(url: str) -> None:
    with pytest.raises(InvalidTool, match="use https"):
        McpServer("far", url=url, headers={"Authorization": "Bearer x"})

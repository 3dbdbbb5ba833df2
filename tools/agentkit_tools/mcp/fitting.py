"""Whether a value fits a schema that somebody else wrote, who may want this program to hang."""

import json
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, cast

from jsonschema import Draft202012Validator, ValidationError
from pydantic_core import SchemaError, SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from agentkit.errors import InvalidTool

LONGEST_PATTERN: Final = 1000
MOST_STEPS: Final = 20_000
"""From a schema into its parts, in one check: a few that each lead twice into the next one would take for ever."""
_LEADING: Final = (
    "allOf", "anyOf", "oneOf", "not", "if", "contains", "items", "prefixItems", "properties", "additionalProperties",
    "propertyNames", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "$ref", "$dynamicRef",
)  # fmt: skip


class TooMuch(Exception):
    """The schema leads to more work than any honest one."""


def problem_with(data: Any, schema: dict[str, Any]) -> str | None:
    """What the schema has against a value, naming the field; None if nothing."""
    _steps.set(0)
    try:
        error: Any = _best_match(_Strict(schema, registry=_NOTHING_ELSE).iter_errors(data))
    except Unresolvable as unresolvable:
        return f"the schema refers to something that it does not hold: {unresolvable}"
    except (RecursionError, TooMuch):
        return f"checking it takes more than {MOST_STEPS} steps: its schema repeats itself, or it is too large"
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message[:500]}" if where else error.message[:500]


@lru_cache(maxsize=1000)
def pattern(expression: str) -> SchemaValidator:
    """A check that takes time in proportion to the text. Python's own `re` can be made to take for ever.

    Raises:
        InvalidTool: the expression is too long, or cannot be checked like that: it looks ahead or behind, for example.
    """
    if len(expression) > LONGEST_PATTERN:
        raise InvalidTool(f"its schema has a pattern of more than {LONGEST_PATTERN} characters")
    try:
        return SchemaValidator(core_schema.str_schema(pattern=expression, regex_engine="rust-regex"))
    except SchemaError as error:
        why = str(error).strip().splitlines()[-1].strip()
        raise InvalidTool(f"its schema has a pattern that cannot be checked safely, {expression!r}: {why}") from None


def _whole(_: object, value: object) -> bool:
    """5.0 is not 5: nothing is coerced."""
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(_: Any, expression: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not pattern(expression).isinstance_python(instance):
        yield ValidationError(f"{instance[:200]!r} does not match {expression!r}")


def _unique(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
    """By their texts: the library compares each item with each other one."""
    if wanted and isinstance(instance, list):
        texts = [json.dumps(_plain(each), sort_keys=True) for each in cast("list[Any]", instance)]
        if len(set(texts)) < len(texts):
            yield ValidationError("it has the same item twice")


def _plain(value: Any) -> Any:
    """1.0 is the same number as 1."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _counting(word: str) -> Any:
    follow: Any = _Draft.VALIDATORS[word]

    def followed(validator: Any, part: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _steps.set(_steps.get() + 1)
        if _steps.get() > MOST_STEPS:
            raise TooMuch(word)
        yield from follow(validator, part, instance, schema) or ()

    return followed


_steps: ContextVar[int] = ContextVar("steps into parts of the schema in this check", default=0)
_Draft: Any = Draft202012Validator
_best_match: Any = import_module("jsonschema.exceptions").best_match
_Strict: Any = import_module("jsonschema.validators").extend(
    _Draft,
    {"pattern": _matches, "uniqueItems": _unique, **{word: _counting(word) for word in _LEADING}},
    type_checker=_Draft.TYPE_CHECKER.redefine("integer", _whole),
)
_NOTHING_ELSE: Any = cast("Any", Registry)()
"""The library would fetch a missing reference from the network; this one holds none and fetches none."""

"""A server's JSON Schema, made safe to use: closed, without references to elsewhere, and readable for policies."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

import jsonschema
from referencing import Registry
from referencing.exceptions import Unresolvable

from agentkit.errors import InvalidTool

JsonSchema: TypeAlias = dict[str, Any]

LARGEST: Final = 200_000
"""Characters of one schema as JSON."""
DEEPEST: Final = 50
_ONE: Final = ("items", "additionalProperties", "contains", "unevaluatedItems", "propertyNames")
_MANY: Final = ("properties", "patternProperties")
_MIXED: Final = ("allOf", "anyOf", "oneOf", "if", "then", "else", "$ref", "dependentSchemas")
_OPEN: Final = ("additionalProperties", "unevaluatedProperties")


def _whole(_: object, value: object) -> bool:
    """5.0 is not 5: nothing is coerced."""
    return isinstance(value, int) and not isinstance(value, bool)


_Draft: Any = jsonschema.Draft202012Validator
_validators: Any = jsonschema.validators
_best_match: Any = cast("Any", jsonschema.exceptions).best_match
_Strict: Any = _validators.extend(_Draft, type_checker=_Draft.TYPE_CHECKER.redefine("integer", _whole))
_NOTHING_ELSE: Any = cast("Any", Registry)()
"""The library would fetch a missing reference from the network; this one holds none and fetches none."""


def usable(schema: JsonSchema) -> JsonSchema:
    """The schema, if it can be checked here and without asking anybody else.

    Raises:
        InvalidTool: too large, no JSON Schema of draft 2020-12, or with a reference to another document.
    """
    if _depth(schema) > DEEPEST or len(json.dumps(schema)) > LARGEST:
        raise InvalidTool(f"its schema is too large: at most {LARGEST} characters and {DEEPEST} levels are read")
    plain: JsonSchema = {word: _exact(value) for word, value in schema.items() if word != "$schema"}
    if elsewhere := [ref for ref in _references(plain) if not (isinstance(ref, str) and ref.startswith("#"))]:
        raise InvalidTool(f"its schema refers to another document, {elsewhere[0]!r}; only '#/...' is followed")
    try:
        _Draft.check_schema(plain)
        for pattern in _patterns(plain):
            re.compile(pattern)
    except jsonschema.SchemaError as error:
        raise InvalidTool(f"its schema is no JSON Schema of draft 2020-12: {error.message}") from None
    except re.error as error:
        raise InvalidTool(f"its schema has a pattern that Python cannot read, {error.pattern!r}: {error}") from None
    return plain


def closed(schema: JsonSchema) -> JsonSchema:
    """The same schema, refusing every property that it does not name, unless it says that others are welcome."""
    root = _closed(schema)
    return root if any(word in root for word in (*_OPEN, *_MIXED)) else {**root, "additionalProperties": False}


def problem_with(data: Any, schema: JsonSchema) -> str | None:
    """What the schema has against a value, naming the field; None if nothing."""
    try:
        error: Any = _best_match(_Strict(schema, registry=_NOTHING_ELSE).iter_errors(data))
    except Unresolvable as unresolvable:
        return f"the schema refers to something that it does not hold: {unresolvable}"
    except RecursionError:
        return "the schema refers to itself without an end"
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message[:500]}" if where else error.message[:500]


def for_policies(schema: JsonSchema) -> JsonSchema:
    """What a policy can rely on, in the few words that Cedar's types can be made from; the rest has no type."""
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    return {
        "type": "object",
        "properties": {name: _plain(each, schema, frozenset(), DEEPEST) for name, each in properties.items()},
        "required": [name for name in schema.get("required", []) if name in properties],
    }


# Closing -----------------------------------------------------------------------------------------------------------


def _closed(schema: Any) -> Any:
    """A value's schema, closed with all that is inside it."""
    if not isinstance(schema, dict):
        return schema
    inside = _inside(cast("JsonSchema", schema))
    if any(word in inside for word in _OPEN):
        return inside
    if any(word in inside for word in _MIXED):
        return {**inside, "unevaluatedProperties": False}
    return {**inside, "additionalProperties": False} if "properties" in inside else inside


def _inside(schema: JsonSchema) -> JsonSchema:
    """The parts are closed, the whole is not: it may be one of several that describe the same value."""
    made: JsonSchema = {}
    for word, value in schema.items():
        if word in _MANY:
            made[word] = {name: _closed(each) for name, each in value.items()}
        elif word in _ONE:
            made[word] = _closed(value)
        elif word == "prefixItems":
            made[word] = [_closed(each) for each in value]
        elif word in ("allOf", "anyOf", "oneOf"):
            made[word] = [_part(each) for each in value]
        elif word in ("$defs", "definitions", "dependentSchemas"):
            made[word] = {name: _part(each) for name, each in value.items()}
        elif word in ("if", "then", "else"):
            made[word] = _part(value)
        else:
            made[word] = value
    return made


def _part(schema: Any) -> Any:
    return _inside(cast("JsonSchema", schema)) if isinstance(schema, dict) else schema


# For policies ------------------------------------------------------------------------------------------------------


def _plain(schema: Any, root: JsonSchema, inside: frozenset[str], left: int) -> JsonSchema:
    """Empty where Cedar has no type for it."""
    if not isinstance(schema, dict) or left == 0:
        return {}
    given = cast("JsonSchema", schema)
    if ref := given.get("$ref"):
        return {} if ref in inside else _plain(_found(ref, root), root, inside | {ref}, left - 1)
    if "anyOf" in given and "type" not in given:
        return {"anyOf": [_plain(each, root, inside, left - 1) or {} for each in given["anyOf"]]}
    kinds = given.get("type")
    if isinstance(kinds, list):
        return {"anyOf": [_plain({**given, "type": kind}, root, inside, left - 1) for kind in cast("list[str]", kinds)]}
    match kinds:
        case "string" | "integer" | "boolean" | "null":
            return {"type": kinds}
        case "array" if isinstance(given.get("items"), dict) and "prefixItems" not in given:
            return {"type": "array", "items": _plain(given["items"], root, inside, left - 1)}
        case "object" if "properties" in given:
            fields = {name: _plain(each, root, inside, left - 1) for name, each in given["properties"].items()}
            return {"type": "object", "properties": fields, "required": given.get("required", [])}
        case None if "enum" in given and all(isinstance(value, str) for value in given["enum"]):
            return {"type": "string"}
        case _:
            return {}


def _found(ref: str, root: JsonSchema) -> Any:
    """What a '#/a/b' points at; None if nothing."""
    here: Any = root
    for part in ref.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        here = cast("JsonSchema", here).get(name) if isinstance(here, dict) else None
    return here


# Reading -----------------------------------------------------------------------------------------------------------


def _references(schema: Any) -> Iterator[Any]:
    for word, value in _pairs(schema):
        if word in ("$ref", "$dynamicRef", "$id"):
            yield value
        yield from _references(value)


def _patterns(schema: Any) -> Iterator[str]:
    for word, value in _pairs(schema):
        if word == "pattern" and isinstance(value, str):
            yield value
        if word == "patternProperties" and isinstance(value, dict):
            yield from cast("JsonSchema", value)
        yield from _patterns(value)


def _depth(schema: Any, level: int = 0) -> int:
    if level > DEEPEST:
        return level
    return max((_depth(value, level + 1) for _, value in _pairs(schema)), default=level)


def _exact(value: Any) -> Any:
    """Whole numbers that JSON does not spell exactly, such as the bounds of 64 bits, become the nearest float."""
    if isinstance(value, dict):
        return {word: _exact(each) for word, each in cast("JsonSchema", value).items()}
    if isinstance(value, list):
        return [_exact(each) for each in cast("list[Any]", value)]
    return float(value) if _whole(None, value) and abs(value) > 2**53 else value


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).items())
    return [(None, item) for item in cast("list[Any]", value)] if isinstance(value, list) else []

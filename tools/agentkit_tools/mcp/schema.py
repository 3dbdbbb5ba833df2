"""A server's JSON Schema, made safe to use: closed, without references to elsewhere, and readable for policies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from jsonschema import Draft202012Validator, SchemaError

from agentkit.errors import InvalidTool
from agentkit_tools.mcp.fitting import pattern

JsonSchema: TypeAlias = dict[str, Any]

LARGEST: Final = 200_000
"""Characters of one schema as JSON."""
DEEPEST: Final = 50
WIDEST: Final = 5_000
"""Fields of one schema for policies, when everything it refers to is written out."""
_ONE: Final = ("items", "additionalProperties", "contains", "unevaluatedItems", "propertyNames")
_MIXED: Final = ("allOf", "anyOf", "oneOf", "if", "then", "else", "$ref", "dependentSchemas")
_OPEN: Final = ("additionalProperties", "unevaluatedProperties")


_WHOLE_LIMIT: Final = 2**53
"""JSON spells larger whole numbers inexactly."""


def usable(schema: JsonSchema) -> JsonSchema:
    """The schema, if it can be checked here and without asking anybody else.

    Raises:
        InvalidTool: too large, no JSON Schema of draft 2020-12, with a reference to another document, or with a
            pattern that could take for ever.
    """
    if _depth(schema) > DEEPEST or len(json.dumps(schema)) > LARGEST:
        raise InvalidTool(f"its schema is too large: at most {LARGEST} characters and {DEEPEST} levels are read")
    plain: JsonSchema = {word: _exact(value) for word, value in schema.items() if word != "$schema"}
    if elsewhere := [ref for ref in _references(plain) if not (isinstance(ref, str) and ref.startswith("#"))]:
        raise InvalidTool(f"its schema refers to another document, {elsewhere[0]!r}; only '#/...' is followed")
    for expression in _patterns(plain):
        pattern(expression)
    try:
        Draft202012Validator.check_schema(plain)
    except SchemaError as error:
        raise InvalidTool(f"its schema is no JSON Schema of draft 2020-12: {error.message}") from None
    return plain


def closed(schema: JsonSchema) -> JsonSchema:
    """The same schema, refusing every property that it does not name, unless it says that others are welcome."""
    root = _closed(schema)
    return root if any(word in root for word in (*_OPEN, *_MIXED)) else {**root, "additionalProperties": False}


def for_policies(schema: JsonSchema) -> JsonSchema:
    """What a policy can rely on, in the few words that Cedar's types can be made from; the rest has no type.

    Raises:
        InvalidTool: written out, the schema would be too large.
    """
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    plain = _Plain(schema)
    return {
        "type": "object",
        "properties": {name: plain.of(each, frozenset(), DEEPEST) for name, each in properties.items()},
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
        if word == "properties":
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


@dataclass
class _Plain:
    root: JsonSchema
    written: int = 0

    def of(self, schema: Any, inside: frozenset[str], left: int) -> JsonSchema:
        """Empty where Cedar has no type for it."""
        self.written += 1
        if self.written > WIDEST:
            raise InvalidTool(f"its schema is too large: written out, it has more than {WIDEST} fields")
        if not isinstance(schema, dict) or left == 0:
            return {}
        given = cast("JsonSchema", schema)
        if ref := given.get("$ref"):
            return {} if ref in inside else self.of(_found(ref, self.root), inside | {ref}, left - 1)
        if "anyOf" in given and "type" not in given:
            return {"anyOf": [self.of(each, inside, left - 1) for each in given["anyOf"]]}
        return self._typed(given, inside, left - 1)

    def _typed(self, given: JsonSchema, inside: frozenset[str], left: int) -> JsonSchema:
        match given.get("type"):
            case list():
                several = [{**given, "type": kind} for kind in given["type"]]
                return {"anyOf": [self.of(each, inside, left) for each in several]}
            case "string" | "integer" | "boolean" | "null" as kind:
                return {"type": kind}
            case "array" if isinstance(given.get("items"), dict) and "prefixItems" not in given:
                return {"type": "array", "items": self.of(given["items"], inside, left)}
            case "object" if "properties" in given:
                fields = {name: self.of(each, inside, left) for name, each in given["properties"].items()}
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
            raise InvalidTool("its schema names properties by patterns; that is not supported")
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
    too_large = isinstance(value, int) and abs(value) > _WHOLE_LIMIT
    return float(value) if too_large else value


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).items())
    return [(None, item) for item in cast("list[Any]", value)] if isinstance(value, list) else []

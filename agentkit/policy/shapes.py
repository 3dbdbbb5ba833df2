"""How a tool's arguments look to Cedar: their types.

What Cedar cannot express (floats, mixed unions, open dictionaries, recursion) has no shape and is left out,
so that a policy naming it does not load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class Scalar(Enum):
    """A value without parts, by its name in Cedar's JSON schema format."""

    STRING = "String"
    """Text, and all that is written as text: dates, addresses, the values of an enum."""
    BOOL = "Boolean"
    LONG = "Long"
    """A whole number of 64 bits."""
    DECIMAL = "decimal"
    """A number with at most four decimal places."""


@dataclass(frozen=True)
class SetOf:
    """A list, seen as a set: neither order nor repetition."""

    element: "Shape"


@dataclass(frozen=True)
class Field:
    """One field of a record."""

    shape: "Shape"
    nullable: bool = False
    """It may be null; Cedar then does not see it at all."""
    omittable: bool = False
    """It may be missing from the data."""


@dataclass(frozen=True)
class Record:
    """Named fields; others are not seen."""

    fields: Mapping[str, Field]
    left_out: frozenset[str] = frozenset()
    """Names that exist, with a type that Cedar cannot express."""


Shape: TypeAlias = Scalar | SetOf | Record


def shape_of(arguments: type[BaseModel]) -> Record:
    """The shape of a tool's arguments, as they stand in `Action.data`."""
    schema = arguments.model_json_schema(by_alias=False, schema_generator=_AsWritten, mode="serialization")
    return _record(schema, schema.get("$defs", {}), frozenset())


def declaration(shape: Shape) -> dict[str, Any]:
    """The type in Cedar's JSON schema format."""
    match shape:
        case Scalar.DECIMAL:
            return {"type": "Extension", "name": "decimal"}
        case Scalar():
            return {"type": shape.value}
        case SetOf():
            return {"type": "Set", "element": declaration(shape.element)}
        case Record():
            return {
                "type": "Record",
                "attributes": {
                    name: {**declaration(field.shape), "required": not (field.nullable or field.omittable)}
                    for name, field in shape.fields.items()
                },
            }


class _AsWritten(GenerateJsonSchema):
    """The JSON schema of what `model_dump(mode="json")` writes, with decimals told apart from other text."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Instead of a pattern that other text may have too."""
        return {"type": "string", "format": "decimal"}

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """Fields of models are written even when they hold their default."""
        if field["type"] == "typed-dict-field":
            return super().field_is_required(field, total)
        return field.get("serialization_exclude_if") is None


def _record(schema: JsonSchemaValue, definitions: JsonSchemaValue, inside: frozenset[str]) -> Record:
    properties = cast("dict[str, JsonSchemaValue]", schema.get("properties", {}))
    required = schema.get("required", [])
    fields: dict[str, Field] = {}
    for name, given in properties.items():
        bare, nullable = _without_null(given)
        shape = None if name.startswith("__") else _shape(bare, definitions, inside)  # Cedar's own escapes
        if shape:
            fields[name] = Field(shape, nullable, omittable=name not in required)
    return Record(fields, frozenset(properties.keys() - fields.keys()))


def _shape(schema: JsonSchemaValue, definitions: JsonSchemaValue, inside: frozenset[str]) -> Shape | None:
    """None when Cedar cannot express it; `inside` are the models that this value is a part of."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return None if name in inside else _shape(definitions[name], definitions, inside | {name})
    match schema.get("type"):
        case "string":
            return Scalar.DECIMAL if schema.get("format") == "decimal" else Scalar.STRING
        case "integer":
            return Scalar.LONG
        case "boolean":
            return Scalar.BOOL
        case "array" if "items" in schema and "prefixItems" not in schema:
            element = _shape(schema["items"], definitions, inside)
            return SetOf(element) if element else None
        case "object" if "properties" in schema:
            return _record(schema, definitions, inside)
        case None if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
            return Scalar.STRING
        case _:
            return None


def _without_null(schema: JsonSchemaValue) -> tuple[JsonSchemaValue, bool]:
    """The schema of a value that is there, and whether null may stand in its place."""
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != {"type": "null"}]
        return (options[0] if len(options) == 1 else {}), len(options) < len(schema["anyOf"])
    if None in schema.get("enum", []):
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}, True
    return schema, False

"""How a tool's arguments look to Cedar: their values, exactly, or not at all."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, cast

from agentkit.policy.shapes import Record, Scalar, SetOf, Shape

PLACES: Final = 4
"""Cedar's `decimal` is a 64-bit number of ten-thousandths."""
_I64 = range(-(2**63), 2**63)
_BELOW = "and a policy compares decimals below 922337203685477.5808"


class Inexpressible(ValueError):
    """A value that a policy cannot see exactly, so that no policy may permit it."""


def told(shape: Shape, data: Any, path: str) -> Any:
    """A JSON value in the form that Cedar reads.

    Raises:
        Inexpressible: it does not fit its shape; `path` says where it stood.
    """
    match shape, data:
        case Scalar.STRING, str():
            return data
        case Scalar.BOOL, bool():
            return data
        case Scalar.LONG, int() if not isinstance(data, bool):
            return _long(data, path)
        case Scalar.DECIMAL, str():
            return _decimal(data, path)
        case SetOf(), list():
            items = cast("list[Any]", data)
            return [told(shape.element, item, f"{path}.{number}") for number, item in enumerate(items)]
        case Record(), Mapping():
            return _record(shape, cast("Mapping[str, Any]", data), f"{path}." if path else "")
        case _:
            raise Inexpressible(f"{path} is {_short(data)}, not a value of its declared type")


def sample(shape: Shape) -> Any:
    """Some value of this type, in the form that Cedar reads."""
    match shape:
        case Scalar.STRING:
            return ""
        case Scalar.BOOL:
            return False
        case Scalar.LONG:
            return 0
        case Scalar.DECIMAL:
            return _extension("0.0")
        case SetOf():
            return []
        case Record():
            return {name: sample(field.shape) for name, field in shape.fields.items()}


def _record(record: Record, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    missing = [name for name, field in record.fields.items() if name not in data and not field.omittable]
    if missing:
        raise Inexpressible(f"{prefix}{missing[0]} is missing; there are {sorted(data)}")
    return {
        name: told(field.shape, data[name], f"{prefix}{name}")
        for name, field in record.fields.items()
        if name in data and not (field.nullable and data[name] is None)
    }


def _long(number: int, path: str) -> int:
    if number not in _I64:
        raise Inexpressible(f"{path} is {_short(number)}, and a policy compares whole numbers of 64 bits")
    return number


def _decimal(text: str, path: str) -> dict[str, Any]:
    units = _ten_thousandths(text, path)
    whole, places = divmod(abs(units), 10**PLACES)
    return _extension(f"{'-' if units < 0 else ''}{whole}.{places:0{PLACES}}")


def _ten_thousandths(text: str, path: str) -> int:
    """Exact, and cheap for `1E+999999` too."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Inexpressible(f"{path} is {_short(text)}, not a number")
    if not number:
        return 0
    if number.adjusted() > 14:
        raise Inexpressible(f"{path} is {_short(text)}, {_BELOW}")
    if number.adjusted() < -PLACES or (units := Fraction(number) * 10**PLACES).denominator != 1:
        raise Inexpressible(f"{path} is {_short(text)}, and a policy compares at most {PLACES} decimal places")
    if units.numerator not in _I64:
        raise Inexpressible(f"{path} is {_short(text)}, {_BELOW}")
    return units.numerator


def _extension(text: str) -> dict[str, Any]:
    return {"__extn": {"fn": "decimal", "arg": text}}


def _short(value: Any) -> str:
    return repr(value)[:40]

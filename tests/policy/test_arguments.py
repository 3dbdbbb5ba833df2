"""A policy sees the arguments exactly, or the action is denied."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, EmailStr, Field
from typing_extensions import TypedDict

from agentkit.call import Slot
from agentkit.decision import Decision
from agentkit.label import Bound
from agentkit.policy import Facts, Policy, shapes
from agentkit.policy.schema import Schema
from agentkit.policy.shapes import Record, Scalar, SetOf, shape_of
from agentkit.policy.values import Inexpressible, told
from agentkit.tool import ToolContext, tool
from agentkit.toolbox import Toolbox


class Color(Enum):
    RED = "red"


class Person(BaseModel):
    name: str
    age: int = 0
    mail: EmailStr | None = None


class Seat(BaseModel):
    row: int


class Tree(BaseModel):
    name: str
    below: list["Tree"] = []


class Options(TypedDict, total=False):
    fast: bool


class Everything(BaseModel):
    text: str
    mail: Annotated[list[EmailStr], Bound]
    day: date
    id: UUID
    color: Color
    kind: Literal["a", "b"]
    perhaps: Literal["a", None]
    count: int
    fixed: Literal[3]
    yes: bool = True
    price: Annotated[Decimal, Field(max_digits=9, decimal_places=2)]
    prices: list[Decimal]
    limit: Decimal | None = None
    person: Person
    seats: tuple[Seat, ...] = ()
    tags: list[str] = []
    tree: Tree
    options: Options = {}
    ratio: float = 1
    mixed: int | str = 1
    open: dict[str, int] = {}
    pair: tuple[int, str] = (1, "a")
    gaps: list[int | None] = []
    anything: Any = None


def test_every_type_has_its_shape_or_is_left_out():
    shape = shape_of(Everything)
    bare = {name: field.shape for name, field in shape.fields.items()}
    text, long, money = Scalar.STRING, Scalar.LONG, Scalar.DECIMAL
    assert {name: value for name, value in bare.items() if not isinstance(value, Record)} == {
        **dict.fromkeys(["text", "day", "id", "color", "kind", "perhaps"], text),
        **{"mail": SetOf(text), "tags": SetOf(text), "seats": SetOf(shape_of(Seat))},
        **{"count": long, "fixed": long, "yes": Scalar.BOOL},
        **{"price": money, "prices": SetOf(money), "limit": money},
    }
    assert shape.left_out == {"ratio", "mixed", "open", "pair", "gaps", "anything"}


def test_only_what_may_be_null_or_missing_is_optional():
    fields = shape_of(Everything).fields
    assert sorted(name for name, field in fields.items() if field.nullable) == ["limit", "perhaps"]
    assert not any(field.omittable for field in fields.values())
    options = fields["options"].shape
    assert isinstance(options, Record)
    assert options.fields["fast"].omittable


def test_a_recursive_model_is_seen_without_its_recursion():
    tree = shape_of(Everything).fields["tree"].shape
    assert tree == Record({"name": shapes.Field(Scalar.STRING)}, frozenset({"below"}))


def test_a_key_that_cedar_reads_as_its_own_is_left_out():
    class Odd(BaseModel):
        odd: TypedDict("Forged", {"__entity": str, "plain": str})  # pyright: ignore[reportInvalidTypeForm]

    shape = shape_of(Odd).fields["odd"].shape
    assert isinstance(shape, Record)
    assert (set(shape.fields), shape.left_out) == ({"plain"}, {"__entity"})


@tool("shop.buy")
async def buy(ctx: ToolContext, order: Everything) -> None: ...


@tool("shop.pay")
async def pay(ctx: ToolContext, price: Decimal, count: int = 0, limit: Decimal | None = None) -> None: ...


BOX = Toolbox([buy, pay])
ORDER: dict[str, Any] = {
    **{"text": "t", "mail": ["ann@example.org"], "day": "2030-01-01", "id": str(UUID(int=1)), "color": "red"},
    **{"kind": "a", "perhaps": None, "count": 3, "fixed": 3, "price": "1.50", "prices": ["1", "2.5"]},
    **{"person": {"name": "Ann", "mail": None}, "seats": [{"row": 7}], "tags": ["x"]},
    **{"tree": {"name": "root", "below": [{"name": "leaf"}]}, "options": {"fast": True}},
}


def decided(text: str, name: str, arguments: dict[str, Any]) -> Decision:
    action = BOX.validate(BOX.named(name)(**arguments).at(Slot("r", 0, 0)))
    return Policy.from_text(text, BOX).decide(action, Facts())


@pytest.mark.parametrize(
    "condition",
    [
        'context.args.order.mail.contains("ann@example.org")',
        'context.args.order.day == "2030-01-01" && context.args.order.color == "red"',
        "!(context.args.order has perhaps) && !(context.args.order has limit)",
        'context.args.order.price.lessThan(decimal("1.51")) && context.args.order.price == decimal("1.5")',
        'context.args.order.prices.containsAll([decimal("2.50"), decimal("1.0")])',
        'context.args.order.person.name == "Ann" && context.args.order.person.age == 0',
        "!(context.args.order.person has mail) && !context.args.order.seats.isEmpty()",
        'context.args.order.seats.contains({"row": 7})',
        "context.args.order.options has fast && context.args.order.options.fast",
        "context.args.order.fixed + context.args.order.count == 6 && context.args.order.yes",
        'context.args.order.tree.name like "r*"',
    ],
)
def test_a_policy_reads_the_arguments_as_they_will_run(condition: str):
    text = f'permit (principal, action == Action::"shop.buy", resource) when {{ {condition} }};'
    assert decided(text, "shop.buy", {"order": ORDER}).verdict == "allow"
    assert decided(text.replace("when", "unless"), "shop.buy", {"order": ORDER}).verdict == "deny"


PERMITS_ALL = "permit (principal, action, resource);"


@pytest.mark.parametrize(
    ("price", "why"),
    [
        ("1.00001", "args.price is '1.00001', and a policy compares at most 4 decimal places"),
        ("1E-999999999", "at most 4 decimal places"),
        ("922337203685477.5808", "a policy compares decimals below 922337203685477.5808"),
        ("1E+999999999", "a policy compares decimals below 922337203685477.5808"),
    ],
)
def test_an_amount_that_cedar_cannot_hold_exactly_is_denied(price: str, why: str):
    decision = decided(PERMITS_ALL, "shop.pay", {"price": price})
    assert (decision.verdict, decision.rule) == ("deny", "inline/(error)")
    assert why in decision.reason


@pytest.mark.parametrize("price", ["0", "-0", "0E+999999999", "-1.5", "1E+3", "922337203685477.5807", "1.50000000"])
def test_an_amount_that_fits_is_permitted(price: str):
    assert decided(PERMITS_ALL, "shop.pay", {"price": price}).verdict == "allow"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_an_amount_is_seen_exactly_or_not_at_all(amount: Decimal):
    try:
        seen = told(Scalar.DECIMAL, str(amount), "x")["__extn"]["arg"]
    except Inexpressible:
        assert amount != amount.quantize(Decimal("0.0001")) if abs(amount) < 10**14 else True
    else:
        assert Decimal(seen) == amount


@given(st.integers(-(2**31), 2**31), st.integers(0, 4))
def test_cedar_reads_every_amount_that_fits_as_equal_to_itself(units: int, places: int):
    amount = f"{Decimal(units).scaleb(-places):f}"
    exact = told(Scalar.DECIMAL, amount, "x")["__extn"]["arg"]
    condition = f'context.args.price == decimal("{exact}")'
    text = f'permit (principal, action == Action::"shop.pay", resource) when {{ {condition} }};'
    assert decided(text, "shop.pay", {"price": amount}).verdict == "allow"


@pytest.mark.parametrize("changed", [{"count": 2**63}, {"count": "1"}, {"count": True}, {"price": 1.5}, {"price": "x"}])
def test_a_value_that_is_not_of_its_type_is_denied(changed: dict[str, Any]):
    action = BOX.validate(pay(price=Decimal(1)).at(Slot("r", 0, 0)))
    odd = replace(action, data={**action.data, **changed})
    decision = Policy.from_text(PERMITS_ALL, BOX).decide(odd, Facts())
    assert (decision.verdict, decision.rule) == ("deny", "inline/(error)")
    assert f"args.{next(iter(changed))} is " in decision.reason


def test_a_value_that_is_missing_is_denied():
    action = BOX.validate(pay(price=Decimal(1)).at(Slot("r", 0, 0)))
    decision = Policy.from_text(PERMITS_ALL, BOX).decide(replace(action, data={"price": "1", "count": 0}), Facts())
    assert decision.reason.startswith("args.limit is missing; there are ['count', 'price']")


def test_a_field_written_under_another_name_is_denied_instead_of_overlooked():
    class Renamed(BaseModel):
        model_config = ConfigDict(serialize_by_alias=True)
        to: str | None = Field(default=None, alias="recipient")

    @tool("mail.renamed")
    async def renamed(ctx: ToolContext, letter: Renamed) -> None: ...

    shape = Schema.of([renamed]).tools["mail.renamed"].context.fields["args"].shape
    with pytest.raises(Inexpressible, match=r"letter\.to is missing; there are \['recipient'\]"):
        told(shape, {"letter": Renamed(recipient="foe@example.org").model_dump(mode="json")}, "")

"""Nothing is coerced, nothing is let through, and what is wrong is said so that a model can mend it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, BeforeValidator, Field

from agentkit.action import Action
from agentkit.call import Slot, ToolCall
from agentkit.errors import InvalidTool, InvalidToolCall
from agentkit.tool import Tool, ToolContext, tool
from agentkit.toolbox import Toolbox


def taking(annotation: Any, default: Any = ..., version: str = "1") -> Tool[..., Any]:
    async def function(ctx: ToolContext, x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    if default is not ...:
        function.__defaults__ = (default,)
    return tool("it.do", version=version)(function)


def validated(annotation: Any, x: Any, **more: Any) -> Action:
    return Toolbox([taking(annotation)]).validate(ToolCall("it.do", {"x": x, **more}, Slot("r", 0, 0)))


class Colour(Enum):
    RED = "red"


class Inner(BaseModel):
    n: int


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "5"), (int, True), (int, 5.5), (int, None), (int, [5]),
        (bool, 1), (bool, "true"), (bool, "yes"),
        (float, "1.5"), (float, True),
        (str, 5), (str, None), (str, True), (str, b"bytes".hex),
        (list[int], [1, "2"]), (list[str], "abc"), (list[int], {"0": 1}),
        (dict[str, int], {"a": "1"}),
        (date, "tomorrow"), (date, 20261120), (datetime, "2026-11-20T25:00"),
        (Decimal, True), (Decimal, "a lot"),
        (UUID, "not-a-uuid"),
        (Literal["a", "b"], "c"), (Colour, "blue"),
        (Inner, {"n": "1"}), (Inner, []),
        (Annotated[int, Field(ge=0)], -1), (Annotated[str, Field(max_length=3)], "abcd"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_never_coerced(annotation, value):
    with pytest.raises(InvalidToolCall, match=r"^it\.do: "):
        validated(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value", "python"),
    [
        (int, 5, 5), (float, 1.5, 1.5), (float, 2, 2.0), (bool, True, True), (str, "5", "5"),
        (date, "2026-11-20", date(2026, 11, 20)),
        (timedelta, "PT90S", timedelta(seconds=90)),
        (Decimal, "12.50", Decimal("12.50")),
        (Colour, "red", Colour.RED),
        (Inner, {"n": 1}, Inner(n=1)),
        (list[int] | None, None, None),
    ],
)  # fmt: skip
def test_what_json_can_say_is_understood(annotation, value, python):
    assert validated(annotation, value).keywords() == {"x": python}


def test_extra_and_missing_arguments_are_named():
    with pytest.raises(InvalidToolCall, match="y: Extra inputs are not permitted"):
        validated(int, 1, y=2)
    with pytest.raises(InvalidToolCall, match="x: Field required"):
        Toolbox([taking(int)]).validate(ToolCall("it.do", {}, Slot("r", 0, 0)))


def test_the_message_says_what_was_got_but_not_all_of_it():
    with pytest.raises(InvalidToolCall) as refusal:
        validated(list[int], ["x" * 1000, "5"])

    assert "x.1: Input should be a valid integer (got '5')" in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), "\ud800", 2**63])
def test_what_is_not_plain_json_is_refused(value):
    with pytest.raises(InvalidToolCall):
        validated(Any, value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_number(value):
    with pytest.raises(InvalidToolCall):
        validated(float, value)


def test_an_unknown_tool_is_answered_with_what_there_is():
    toolbox = Toolbox([taking(int)])

    with pytest.raises(InvalidToolCall, match=r"no tool named 'it\.doo'; there are \['it\.do'\]; did you mean 'it"):
        toolbox.named("it.doo")
    with pytest.raises(InvalidToolCall, match=r"no tool named 'zebra'; there are \['it\.do'\]$"):
        toolbox.named("zebra")


def test_what_is_no_tool_and_what_is_there_twice_is_refused():
    with pytest.raises(InvalidTool, match="decorate it"):
        Toolbox([lambda: None])  # type: ignore[list-item]
    with pytest.raises(InvalidTool, match="two tools are named"):
        Toolbox([taking(int), taking(str)])


def test_defaults_are_filled_in_and_are_part_of_what_is_approved():
    toolbox = Toolbox([taking(int, default=7)])

    action = toolbox.validate(ToolCall("it.do", {}, Slot("r", 0, 0)))

    assert action.data == {"x": 7}
    assert action.digest == toolbox.validate(ToolCall("it.do", {"x": 7}, Slot("r", 5, 0))).digest


def test_a_digest_is_of_the_arguments_and_of_the_tools_version():
    def of(x: int, version: str = "1") -> str:
        return Toolbox([taking(int, version=version)]).validate(ToolCall("it.do", {"x": x}, Slot("r", 0, 0))).digest

    assert of(1) == of(1)
    assert len({of(1), of(2), of(1, "2")}) == 3


class Hidden(BaseModel):
    shown: str
    hidden: str = Field(default="nothing", exclude=True)


def test_what_would_not_be_shown_is_refused():
    fine = validated(Hidden, {"shown": "a mail to Ann"})

    assert fine.data == {"x": {"shown": "a mail to Ann"}}
    with pytest.raises(InvalidToolCall, match="not the same"):
        validated(Hidden, {"shown": "a mail to Ann", "hidden": "and to Eve"})


def test_an_argument_that_reads_itself_differently_each_time_is_refused():
    with pytest.raises(InvalidToolCall, match="not the same"):
        validated(Annotated[str, BeforeValidator(lambda said: said + "!")], "hello")


class Open(BaseModel):
    n: int = 0


def test_models_within_the_arguments_are_as_strict_and_closed_as_the_arguments():
    with pytest.raises(InvalidToolCall, match=r"x\.m: Extra inputs are not permitted"):
        validated(Open, {"n": 1, "m": 2})
    with pytest.raises(InvalidToolCall, match=r"x\.0\.n: Input should be a valid integer"):
        validated(list[Open], [{"n": "1"}])


class Aliased(BaseModel):
    sender: str = Field(alias="from")


def test_a_field_with_another_name_outside_is_understood_and_shown_by_it():
    action = validated(Aliased, {"from": "ann"})

    assert action.data == {"x": {"from": "ann"}}
    assert action.keywords()["x"].sender == "ann"

"""A tool is what its signature says, and a tool that cannot be one says why."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from agentkit import Bound, Content, Handle, Secret, ToolContext, tool
from agentkit.call import Proposal
from agentkit.effects import Blind, Delayable, Findable, Irreversible, ReadOnly
from agentkit.errors import InvalidTool


class Guest(BaseModel):
    uuid: Annotated[str, Handle]
    token: Annotated[str, Secret] = ""


class Guests(BaseModel):
    first: Guest
    rest: list[Guest] = []


@tool("room.book")
async def book(
    ctx: ToolContext, room: Annotated[str, Bound], note: Annotated[str, Content] = "", on: date = date(2026, 1, 1)
) -> Guests:
    """Book a room.

    For one night.
    """
    raise AssertionError("calling a tool causes no effect")


def test_calling_a_tool_is_only_a_proposal():
    proposal = book("blue", on=date(2026, 11, 20))

    assert isinstance(proposal, Proposal)
    assert proposal.as_data() == {"tool": "room.book", "arguments": {"room": "blue", "on": "2026-11-20"}}
    assert Proposal.from_data(proposal.as_data()) == proposal


def test_calling_a_tool_with_other_arguments_than_it_has_is_a_type_error():
    with pytest.raises(TypeError, match="colour"):
        book("blue", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="room"):
        book()  # type: ignore[call-arg]


def test_an_argument_that_is_no_json_is_refused_where_it_is_given():
    with pytest.raises(InvalidTool, match="cannot be written as JSON"):
        book(object())  # type: ignore[arg-type]


def test_a_tool_without_declarations_is_the_strictest_of_each():
    assert isinstance(book.repeat, Blind)
    assert isinstance(book.undo, Irreversible)
    assert not book.declared
    assert book.timeout == timedelta(seconds=60)


def test_what_a_tool_declares_is_what_it_has():
    async def probe(ctx: ToolContext) -> None: ...

    @tool("mail.send", repeat=Findable(probe, marked=True), undo=Delayable(timedelta(minutes=2)))
    async def send(ctx: ToolContext) -> None: ...

    @tool("mail.read", repeat=ReadOnly())
    async def read(ctx: ToolContext) -> None: ...

    assert (send.marked, send.read_only, send.hold, send.declared) == (True, False, timedelta(minutes=2), True)
    assert (read.marked, read.read_only, read.hold, read.declared) == (False, True, timedelta(0), True)


def test_marks_of_arguments_and_of_every_field_of_a_result_are_known():
    assert dict(book.argument_markers) == {"room": Bound, "note": Content}
    assert dict(book.result_markers) == {
        "first.uuid": Handle, "first.token": Secret, "rest.*.uuid": Handle, "rest.*.token": Secret,
    }  # fmt: skip


def test_the_description_is_the_docstring():
    assert book.description == "Book a room.\n\nFor one night."


def test_a_new_version_and_new_arguments_are_another_schema():
    def made(version: str, annotation: Any = str, result: Any = None) -> str:
        async def function(ctx: ToolContext, what: Any) -> Any: ...

        function.__annotations__ |= {"what": annotation, "return": result}
        return tool("room.book", version=version)(function).schema_digest

    assert made("1") == made("1")
    assert len({made("1"), made("2"), made("1", int), made("1", str, Decimal)}) == 4


@pytest.mark.parametrize("name", ["book", "room.", ".book", "room book.now", "room.book now", "", "room..book"])
def test_a_name_that_is_none_says_how_to_write_one(name):
    async def function(ctx: ToolContext) -> None: ...

    with pytest.raises(InvalidTool, match=r"room\.verb"):
        tool(name)(function)


def test_a_function_that_is_not_async_is_told_what_to_do():
    def function(ctx: ToolContext) -> None: ...

    with pytest.raises(InvalidTool, match="async def"):
        tool("room.book")(function)  # type: ignore[arg-type]


def test_what_cannot_be_validated_is_no_tool():
    async def nothing() -> None: ...
    async def unannotated(ctx: ToolContext, what) -> None: ...
    async def unannotated_result(ctx: ToolContext): ...
    async def any_number(ctx: ToolContext, *what: str) -> None: ...
    async def anything(ctx: ToolContext, **what: str) -> None: ...
    async def not_json(ctx: ToolContext, what: ToolContext, other: type(object())) -> None: ...  # type: ignore[valid-type]

    for function, problem in [
        (nothing, "first parameter is the context"),
        (unannotated, "annotate what"),
        (unannotated_result, "annotate return"),
        (any_number, r"\*args"),
        (anything, r"\*args"),
    ]:
        with pytest.raises(InvalidTool, match=problem):
            tool("room.book")(function)  # type: ignore[arg-type]


def test_a_type_that_is_not_json_is_no_argument_and_no_result():
    class Engine:
        pass

    async def takes(ctx: ToolContext, engine: Engine) -> None: ...
    async def returns(ctx: ToolContext) -> Engine: ...

    takes.__annotations__["engine"] = Engine
    returns.__annotations__["return"] = Engine
    with pytest.raises(InvalidTool, match="an argument has a type that is not JSON"):
        tool("room.book")(takes)
    with pytest.raises(InvalidTool, match="the result has a type that is not JSON"):
        tool("room.book")(returns)


def test_a_set_is_refused_because_it_has_no_order():
    with pytest.raises(InvalidTool, match="use a list"):

        @tool("bag.fill")
        async def fill(ctx: ToolContext, things: set[str]) -> None:
            """Fill a bag."""


def test_an_argument_that_pydantic_needs_the_name_of_is_refused():
    with pytest.raises(InvalidTool, match="cannot be called 'copy'"):

        @tool("sheet.print")
        async def print_sheet(ctx: ToolContext, copy: bool) -> None:
            """Print a sheet."""

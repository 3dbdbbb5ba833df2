"""The trip desk's agent: real mail, booking and calendar tools on the servers of one world."""

import os
import signal
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agentkit import Agent, ScriptedModel, ToolContext
from agentkit.settings import Settings
from agentkit.tool import Tool
from agentkit_tools.booking import Booking, Octo
from agentkit_tools.calendar import Calendar, CalendarAccount
from agentkit_tools.email import Email, MailAccount
from examples.trip_desk.script import INSTRUCTIONS, Clerk
from examples.trip_desk.world import World

HOLD = timedelta(seconds=3)
"""How long the answer to the traveller can be cancelled; minutes in earnest."""
MAY_LAND = timedelta(seconds=2)
"""How long a mail may take to its copy in our own inbox, on this machine."""


def desk() -> Agent:
    """The agent for the world in the folder `TRIP_DESK`; dies in the tool `TRIP_DESK_DIES_IN`, if that is set."""
    return desk_of(World.attach(os.environ["TRIP_DESK"]), dies_in=os.environ.get("TRIP_DESK_DIES_IN"))


def desk_of(
    world: World,
    *,
    dies_in: str | None = None,
    hold: timedelta = HOLD,
    may_land: timedelta = MAY_LAND,
    copy_is_proof: bool = False,
) -> Agent:
    """An agent with the hands of the desk. A scripted clerk thinks for it, unless a model is set."""
    at, password = world.addresses, SecretStr(world.desk.password)
    email = Email(
        MailAccount(
            address=world.desk.address, password=password, security="none",
            smtp_host=at.smtp_host, smtp_port=at.smtp_port, imap_host=at.imap_host, imap_port=at.imap_port,
        ),
        hold=hold,
        may_land=may_land,
        copy_is_proof=copy_is_proof,
    )  # fmt: skip
    booking = Booking(Octo(url=at.octo_url, token=SecretStr(world.octo_token)))
    calendar = Calendar(CalendarAccount(url=at.calendar_url, username=world.desk.address, password=password))
    settings = Settings(journal=f"sqlite:///{journal_file(world.folder)}")
    return Agent(
        settings.model or ScriptedModel(Clerk(email, booking, calendar), name="clerk"),
        tools=list(_mortal([*email, *booking, *calendar], dies_in)),
        name="trip-desk",
        instructions=INSTRUCTIONS,
        settings=settings,
    )


def journal_file(folder: Path) -> Path:
    """Where the desk's journal lies."""
    return folder / "acts.db"


def _mortal(tools: Iterable[Tool[..., Any]], dies_in: str | None) -> Iterable[Tool[..., Any]]:
    """The tools; the named one kills this process when its effect has happened and nobody has written that down."""
    for tool in tools:
        yield replace(tool, function=_deadly(tool)) if tool.name == dies_in else tool


def _deadly(tool: Tool[..., Any]) -> Any:
    async def act_and_die(ctx: ToolContext, **arguments: Any) -> Any:
        await tool.function(ctx, **arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    return act_and_die

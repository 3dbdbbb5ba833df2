"""What most commands need: the journal, the name of the person who types, and the commands to type next."""

import contextlib
import getpass
import socket
from collections.abc import AsyncGenerator
from typing import Annotated, TypeAlias

import typer

from agentkit.agent import Agent
from agentkit.errors import InvalidSettings, JournalUnavailable, OperatorMatter
from agentkit.journal.journal import Journal
from agentkit.settings import Settings

Program: TypeAlias = Annotated[
    str, typer.Argument(metavar="MODULE:NAME", help="An Agent, or a function that returns one: app:agent")
]
JournalUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--journal", metavar="URL", help="Which journal: sqlite:///FILE. Else as the settings say."),
]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who says so; USER@HOST without it. Not proven.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON value to standard output.")]


def settings_with(journal: str | None) -> Settings:
    """The settings, with the journal that the command line names."""
    return Settings(journal=journal) if journal else Settings()


@contextlib.asynccontextmanager
async def opened(url: str | None) -> AsyncGenerator[Journal]:
    """The journal, which must be there already.

    Raises:
        JournalUnavailable: it is not.
    """
    settings = settings_with(url)
    if settings.journal == "memory:":
        raise JournalUnavailable("a journal in memory ends with its process; name one: --journal sqlite:///FILE")
    journal = Journal.open(settings.journal, tenant=settings.tenant, create=False)
    try:
        yield journal
    finally:
        await journal.close()


def person(by: str | None) -> str:
    """Who answers. The system's word for the user is asserted, not proven.

    Raises:
        OperatorMatter: the system does not know.
    """
    if by is not None:
        return by
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError, ImportError):
        raise OperatorMatter("the system does not know who you are; say so: --by NAME") from None


def journal_option(agent: Agent) -> str:
    """What commands need to find this agent's journal: nothing, when the settings name the same."""
    with contextlib.suppress(InvalidSettings):
        if Settings().journal == agent.settings.journal:
            return ""
    return f" --journal {agent.settings.journal}"

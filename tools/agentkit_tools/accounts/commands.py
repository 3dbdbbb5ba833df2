"""The commands for accounts: connect, disconnect, accounts."""

import os
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from agentkit.cli.ending import FAILED, OK
from agentkit.cli.screen import columns, complain, print_json, say, tell
from agentkit.errors import InvalidSettings

if TYPE_CHECKING:
    from agentkit_tools.accounts.keeping import Place

# What these commands work with is imported when one of them runs: every `agentkit` command loads this module.

NAME = typer.Argument(help="google, microsoft, or what a table [NAME] in accounts.toml describes.")
TOKENS = "AGENTKIT_TOKENS"


def connect(
    name: Annotated[str, NAME],
    address: Annotated[str, typer.Option("--address", prompt="Address of the account", help="Of the account.")],
    client_id: Annotated[
        str | None, typer.Option("--client-id", help="Of your registration with the provider.")
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option("--tokens", help=f"Where tokens are kept: keyring or file. Else {TOKENS}, else keyring."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address of the page.")] = False,
    wait: Annotated[float, typer.Option("--wait", min=1, help="Seconds for you to agree.")] = 300,
) -> int:
    """Let agents use a mail account or a calendar: you agree in your browser, and no password is given away.

    Example: agentkit connect google --address ann@example.org
    """
    from agentkit_tools.accounts import connecting
    from agentkit_tools.accounts.described import client_named

    client = client_named(name, client_id)
    entry, missing = connecting.connect(
        name, address, client, _place(tokens), show=lambda page: _show(page, not no_browser), wait=wait
    )
    for scope in missing:
        tell(f"not granted: {scope}; tools that need it will fail", "yellow")
    say(f"connected {entry.name} as {entry.address}; tokens are kept in the {entry.tokens}")
    return OK


def disconnect(name: Annotated[str, NAME]) -> int:
    """Give back what was granted, and forget the tokens.

    Example: agentkit disconnect google
    """
    from agentkit_tools.accounts.client import NoAnswer, Refused
    from agentkit_tools.accounts.connected import Connected

    account = Connected(name)
    manage_at = account.entry.provider.manage_at
    try:
        revoked = account.disconnect()
    except (Refused, NoAnswer) as error:
        complain(f"the tokens are forgotten here, but not revoked: {error}; end the access at {manage_at}")
        return FAILED
    say(f"disconnected {name}" + ("" if revoked else f"; this provider revokes only by hand: {manage_at}"))
    return OK


def accounts(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> int:
    """List the connected accounts. Tokens are never shown.

    Example: agentkit accounts --json
    """
    from agentkit_tools.accounts.register import damaged, entries

    if as_json:
        told = [{"name": each.name, "address": each.address, "tokens": each.tokens} for each in entries()]
        print_json({"accounts": told, "damaged": list(damaged())})
        return OK
    rows = [(each.name, each.address, each.tokens, f"since {each.connected_at:%Y-%m-%d}") for each in entries()]
    rows += [(name, "(damaged)", "", f"run: agentkit connect {name}") for name in damaged()]
    if rows:
        columns([("NAME", "ADDRESS", "TOKENS", ""), *rows])
    else:
        tell("no account is connected; `agentkit connect google` or `agentkit connect microsoft` connects one")
    return OK


def _show(page: str, browser: bool) -> None:
    tell("Agree in your browser, on this machine:")
    say(page)
    if browser and not webbrowser.open(page):
        tell("No browser could be opened: open that address yourself.")


def _place(given: str | None) -> "Place":
    place = given or os.environ.get(TOKENS) or "keyring"
    if place not in ("keyring", "file"):
        raise InvalidSettings(f"tokens are kept in the 'keyring' or in a 'file', not in {place!r}")
    return place

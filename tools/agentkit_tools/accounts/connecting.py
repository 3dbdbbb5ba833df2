"""Connecting an account: the tokens have a place first, then a person is asked, then they are kept."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from agentkit.errors import InvalidSettings
from agentkit_tools.accounts.authorize import PATIENCE, authorize
from agentkit_tools.accounts.client import Client
from agentkit_tools.accounts.keeping import Place
from agentkit_tools.accounts.register import Entry, enter, try_out

ADDRESS = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
"""Whoever uses the account checks it thoroughly; this finds what was mistyped, before anybody agrees."""


def connect(
    name: str, address: str, client: Client, tokens: Place, *, show: Callable[[str], object], wait: float = PATIENCE
) -> tuple[Entry, list[str]]:
    """Connect an account under a name; returns its entry, and the scopes that were not granted.

    Raises:
        InvalidSettings: the address is none, or there is no place for the tokens.
        ConnectFailed: the person or the provider said no, or nobody answered.
    """
    if not ADDRESS.fullmatch(address):
        raise InvalidSettings(f"{address!r} is not a mail address such as ann@example.org")
    entry = Entry(
        name=name,
        address=address,
        provider=client.provider.model_copy(update={"client_secret": None}),
        client_id=client.client_id,
        tokens=tokens,
        connected_at=datetime.now(UTC),
    )
    try_out(tokens)
    grant, missing = authorize(client, address, show, wait)
    enter(entry, grant)
    return entry, missing

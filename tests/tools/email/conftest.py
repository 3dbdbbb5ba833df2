"""A mail house with Dovecot, the account of one who lives there, and a relay that loses answers."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from imap_tools import MailBox
from pydantic import SecretStr

from agentkit.tool import ToolContext
from agentkit_tools.email import Email, MailAccount
from tests.servers import dovecot
from tests.servers.dovecot import Mailhouse
from tests.servers.dovecot.relay import Relay

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@example.test"
_numbers = count()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailhouse]:
    if not dovecot.installed():
        pytest.skip(f"needs Dovecot: {dovecot.INSTALL}")
    folder: Path = tmp_path_factory.mktemp("house")
    with dovecot.running(folder) as running:
        yield running


def account_at(house: Mailhouse, **changes: Any) -> MailAccount:
    given: dict[str, Any] = {
        "address": ALICE,
        "password": SecretStr(house.passwords[ALICE]),
        "smtp_host": house.host,
        "smtp_port": house.smtps_port,
        "imap_host": house.host,
        "imap_port": house.imaps_port,
        "ca_file": house.ca_file,
        "timeout": 5,
    }
    return MailAccount.model_validate({**given, **changes})


@pytest.fixture
def email(house: Mailhouse) -> Email:
    return Email(account_at(house))


@pytest.fixture
async def relay(house: Mailhouse) -> AsyncIterator[Relay]:
    async with Relay(house) as made:
        yield made


@pytest.fixture
def cut(house: Mailhouse, relay: Relay) -> Email:
    """The kit, reading through the relay."""
    return Email(account_at(house, imap_port=relay.port))


@pytest.fixture
def arrives(house: Mailhouse) -> Callable[..., str]:
    """A mail from outside comes into alice's inbox; returns its Message-ID."""

    def deliver(subject: str = "Hello", **headers: str) -> str:
        mail = EmailMessage()
        given = {"From": BOB, "To": ALICE, "Message-ID": f"<out.{next(_numbers)}@example.org>", **headers}
        for name, value in {**given, "Subject": subject}.items():
            mail[name] = value
        mail.set_content("Words.\n")
        house.deliver(ALICE, mail.as_bytes())
        return str(mail["Message-ID"])

    return deliver


@pytest.fixture
def handle(email: Email, call: Any, context: Any) -> Callable[..., Any]:
    """The uid of the mail with a Message-ID, as a listing tells it."""

    async def find(message_id: str, folder: str = "INBOX") -> str:
        listed = await call(email.search, context(), folder=folder, own_copies=True, limit=50)
        return next(each.uid for each in listed if each.message_id == message_id)

    return find


def marking(ctx: ToolContext, marks: list[Any]) -> ToolContext:
    """The journal's part: what the first attempt gave is kept, and given back to later ones."""

    async def mark(before: Any) -> Any:
        if before is not None and not marks:
            marks.append(before)
        return marks[0] if marks else None

    return replace(ctx, mark=mark)


def imap(house: Mailhouse, user: str = ALICE) -> Any:
    """Somebody else at the same mailbox: a plain client without any care."""
    box = MailBox(house.host, house.imaps_port, ssl_context=account_at(house).tls())
    return box.login(user, house.passwords[user])


def someone_flags(house: Mailhouse, uid: str, flag: str, on: bool = True, folder: str = "INBOX") -> None:
    with imap(house) as box:
        box.folder.set(folder)
        box.client.uid("STORE", uid.partition("-")[2], "+FLAGS" if on else "-FLAGS", f"({flag})")

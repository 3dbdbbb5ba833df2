"""The e-mail tools at Dovecot: what the conformance kit calls, and what an outsider sees of it in the Maildirs."""

import hashlib
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imap_tools import MailBox
from pydantic import SecretStr

from agentkit.call import Proposal
from agentkit_tools.email import Email, MailAccount
from agentkit_tools.testing.staging import Staging
from tests.servers.dovecot import Mailhouse, running
from tests.servers.submission.mails import Stored

ALICE, BOB = "alice@example.test", "bob@example.test"
LANDS = timedelta(seconds=1)


class AtDovecot(Staging):
    """A mail house of its own for each staging; alice is the desk, bob is outside."""

    house: Mailhouse
    kit: Email

    async def __aenter__(self) -> Self:
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-staging-"))
        self.house = self._open.enter_context(running(Path(folder)))
        self._account = MailAccount(
            address=ALICE,
            password=SecretStr(self.house.passwords[ALICE]),
            smtp_host=self.house.host,
            smtp_port=self.house.smtps_port,
            imap_host=self.house.host,
            imap_port=self.house.imaps_port,
            ca_file=self.house.ca_file,
            timeout=5,
        )
        self.kit = self._kit(self._account)
        self.tools = self._tools()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _kit(self, account: MailAccount) -> Email:
        return Email(account, hold=timedelta(0), may_land=LANDS)

    def _tools(self) -> list[Any]:
        """The tool under test, and what takes it back."""
        raise NotImplementedError

    async def world(self) -> Any:
        return {
            user: {folder: sorted(map(_seen, mails)) for folder, mails in self.house.mails(user).items()}
            for user in self.house.users
        }

    def _named(self, n: int, user: str, folder: str) -> list[Stored]:
        """The mails of the n-th call in a folder."""
        return [mail for mail in self.house.mails(user)[folder] if mail.message["Subject"] == f"Mail {n}"]

    def _prepared(self, n: int) -> str:
        """A mail from outside, for the n-th call to work on; its handle."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = BOB, ALICE, f"Mail {n}"
        mail["Message-ID"] = f"<prepared.{n}@example.org>"
        mail.set_content("Words.\n")
        self.house.deliver(ALICE, mail.as_bytes())
        with self._someone("INBOX") as box:
            validity = box.folder.status("INBOX", ["UIDVALIDITY"])["UIDVALIDITY"]
            return f"{validity}-{self._uid(box, n)}"

    def _someone(self, folder: str) -> Any:
        """A mail program of alice's own, without any care."""
        box = MailBox(self.house.host, self.house.imaps_port, ssl_context=self._account.tls())
        return box.login(ALICE, self.house.passwords[ALICE], folder)

    def _uid(self, box: Any, n: int) -> str:
        """Of the newest mail that the n-th call is about."""
        mails = box.fetch(mark_seen=False, headers_only=True, reverse=True, limit=20)
        return next(mail.uid for mail in mails if mail.subject == f"Mail {n}")


class Sending(AtDovecot):
    """email.send, where a copy proves that a mail went out, and its absence proves nothing."""

    def _tools(self) -> list[Any]:
        return [self.kit.send]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.send(to=[BOB], subject=f"Mail {n}", body=f"Number {n}.\n")

    async def count(self, n: int) -> int:
        return len(self._named(n, BOB, "INBOX"))


class SendingProven(Sending):
    """email.send at a server that stores the copy before it accepts a mail, so that its absence proves something."""

    def _kit(self, account: MailAccount) -> Email:
        return Email(account, hold=timedelta(0), may_land=LANDS, copy_is_proof=True)


class Drafting(AtDovecot):
    """email.draft."""

    def _tools(self) -> list[Any]:
        return [self.kit.draft, self.kit.discard_draft]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.draft(to=[BOB], subject=f"Mail {n}", body=f"Number {n}.\n")

    async def count(self, n: int) -> int:
        return len(self._named(n, ALICE, "Drafts"))

    async def edit(self, n: int) -> None:
        """As mail programs do: the changed draft is another mail with the same Message-ID."""
        (written,) = self._named(n, ALICE, "Drafts")
        with self._someone("Drafts") as box:
            box.delete(self._uid(box, n))
            box.append(written.content.replace(b"Number", b"No."), "Drafts", flag_set=["\\Draft"])


class Moving(AtDovecot):
    """email.move."""

    def _tools(self) -> list[Any]:
        return [self.kit.move, self.kit.move_back]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.move(uid=self._prepared(n), to_folder="Archive")

    async def count(self, n: int) -> int:
        return len(self._named(n, ALICE, "Archive"))

    async def edit(self, n: int) -> None:
        with self._someone("Archive") as box:
            box.client.uid("MOVE", self._uid(box, n), "Trash")


class Flagging(AtDovecot):
    """email.flag."""

    def _tools(self) -> list[Any]:
        return [self.kit.flag, self.kit.restore_flag]

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.flag(uid=self._prepared(n), flag="flagged")

    async def count(self, n: int) -> int:
        return sum("\\Flagged" in mail.flags for mail in self._named(n, ALICE, "INBOX"))

    async def edit(self, n: int) -> None:
        with self._someone("INBOX") as box:
            box.client.uid("STORE", self._uid(box, n), "+FLAGS", "(\\Answered)")


def _seen(mail: Stored) -> list[str]:
    return [mail.message_id, hashlib.sha256(mail.content).hexdigest(), *mail.flags]

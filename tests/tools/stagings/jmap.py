"""Sending by JMAP at Cyrus: what the conformance kit calls, and what an outsider sees of it.

Taking a held mail back lays it among the drafts, as mail programs do, so that its words are not lost, and the server
keeps the record of what was cancelled. Both are meant; so they are not part of the world that has to be as before.
"""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from agentkit.call import Proposal
from agentkit_tools.email import Email, MailAccount
from agentkit_tools.testing.staging import Staging
from tests.servers.cyrus import Cyrus, running

ALICE, BOB = "alice@example.test", "bob@example.test"
LANDS = timedelta(seconds=1)


class AtCyrus(Staging):
    """A Cyrus of its own for each staging; alice is the desk, bob is outside."""

    hold: timedelta
    server: Cyrus
    kit: Email

    async def __aenter__(self) -> Self:
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-staging-"))
        self.server = self._open.enter_context(running(Path(folder)))
        account = MailAccount(
            address=ALICE,
            password=SecretStr(self.server.passwords[ALICE]),
            smtp_host=self.server.host,
            imap_host=self.server.host,
            imap_port=self.server.imap_port,
            security="none",
            jmap_url=self.server.jmap_url,
            timeout=5,
        )
        self.kit = Email(account, hold=self.hold, may_land=LANDS)
        self.tools = [self.kit.send, self.kit.recall_sent]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    async def call(self, n: int) -> Proposal[Any]:
        return self.kit.send(to=[BOB], subject=f"Mail {n}", body=f"Number {n}.\n")

    async def world(self) -> Any:
        """What lies in alice's folders, what is on its way, and what has come out."""
        folders = self.server.mails(ALICE)
        return {
            "folders": {name: sorted(map(_subject, mails)) for name, mails in folders.items() if name != "Drafts"},
            "pending": sorted(each["id"] for each in self._submissions() if each["undoStatus"] == "pending"),
            "outside": sorted(_subject(mail.content) for mail in self.server.outside.delivered),
        }

    def _submissions(self) -> list[dict[str, Any]]:
        return self.server.ask(ALICE, "EmailSubmission/get", ids=None)["list"]


class Held(AtCyrus):
    """email.send with a hold: the server keeps the mail back, and recalls it exactly."""

    hold = timedelta(hours=1)

    async def count(self, n: int) -> int:
        return len(self._standing(n))

    async def edit(self, n: int) -> None:
        """As another mail program: takes it back, and submits it again with its own hold."""
        (ours,) = self._standing(n)
        again = {key: ours[key] for key in ("emailId", "identityId", "envelope")}
        self.server.ask(ALICE, "EmailSubmission/set", update={ours["id"]: {"undoStatus": "canceled"}})
        self.server.ask(ALICE, "EmailSubmission/set", create={"again": again})

    def _standing(self, n: int) -> list[dict[str, Any]]:
        """Submissions of the n-th call that nobody has cancelled."""
        mails = self.server.ask(ALICE, "Email/query", filter={"header": ["Subject", f"Mail {n}"]})["ids"]
        subjects = self.server.ask(ALICE, "Email/get", ids=mails, properties=["subject"])["list"]
        ours = {each["id"] for each in subjects if each["subject"] == f"Mail {n}"}
        return [each for each in self._submissions() if each["emailId"] in ours and each["undoStatus"] != "canceled"]


class AtOnce(AtCyrus):
    """email.send without a hold: it has gone out when the call returns."""

    hold = timedelta(0)

    async def count(self, n: int) -> int:
        return sum(_subject(mail.content) == f"Mail {n}" for mail in self.server.outside.delivered)


def _subject(mail: bytes) -> str:
    return str(message_from_bytes(mail)["Subject"])

"""Handing one letter to a mail server, phase by phase, so that a single small write can leave a doubt.

RFC 5321: until the final dot the server has nothing; from its answer 250 on the mail is the server's. Only in
between nobody knows, and RFC 1047 says that SMTP has no remedy for it.
"""

import asyncio
import contextlib
import re
import smtplib

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit.tool import ToolContext
from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.letter import Letter

FINAL_DOT = b"\r\n.\r\n"


async def submit(ctx: ToolContext, account: MailAccount, letter: Letter, copy_to: str | None) -> list[str]:
    """Send the letter, and a copy to ourselves in the same transaction. Returns who was refused.

    Raises:
        ToolFailed: nothing was sent, and why.
        Exception: anything else came after the final dot; nobody knows whether the mail was sent.
    """
    submission = Submission(account)
    try:
        refused = await _prepared(submission, letter, copy_to)
        await ctx.point_of_no_return()
        await asyncio.to_thread(submission.finish)
    finally:
        submission.close()
    return refused


async def _prepared(submission: "Submission", letter: Letter, copy_to: str | None) -> list[str]:
    try:
        return await asyncio.to_thread(submission.prepare, letter, copy_to)
    except (OSError, smtplib.SMTPException, ValueError, InvalidSettings) as error:
        raise ToolFailed(f"nothing was sent: {_words(error)}") from error


class Submission:
    """One SMTP transaction. Its calls block; up to `finish` they are without effect."""

    def __init__(self, account: MailAccount) -> None:
        self._account = account
        self._smtp: smtplib.SMTP | None = None
        self._closed = False

    def prepare(self, letter: Letter, copy_to: str | None) -> list[str]:
        """Everything but the final dot. Returns the recipients the server has refused."""
        smtp = self._smtp = self._connect()
        self._account.log_in_smtp(smtp)
        self._name_sender(smtp, letter)
        refused = self._name_recipients(smtp, letter, copy_to)
        self._expect(354, smtp.docmd("DATA"), "the server does not want the content")
        smtp.send(_stuffed(letter.as_bytes(refused)).removesuffix(b"\r\n"))
        if self._closed:
            smtp.close()
        return refused

    def finish(self) -> None:
        """The final dot, in one write, and its answer."""
        smtp = self._smtp
        assert smtp is not None, "prepare comes first"
        smtp.send(FINAL_DOT)
        code, text = smtp.getreply()
        if 400 <= code < 600:
            raise ToolFailed(f"nothing was sent: the server refused the content with {_reply(code, text)}")
        if not 200 <= code < 300:
            raise smtplib.SMTPDataError(code, text)
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.putcmd("quit")

    def close(self) -> None:
        """Hang up. A letter without its final dot is thrown away by the server."""
        self._closed = True
        if self._smtp is not None:
            self._smtp.close()

    def _connect(self) -> smtplib.SMTP:
        account = self._account
        where = (account.smtp_host, account.smtp_port, account.domain, account.timeout)
        if account.security == "tls":
            return smtplib.SMTP_SSL(*where[:3], timeout=where[3], context=account.tls())
        smtp = smtplib.SMTP(*where)
        if account.security == "starttls":
            self._smtp = smtp
            smtp.starttls(context=account.tls())
        return smtp

    def _name_sender(self, smtp: smtplib.SMTP, letter: Letter) -> None:
        size, limit = len(letter.as_bytes()), smtp.esmtp_features.get("size", "")
        if limit.isdecimal() and 0 < int(limit) < size:
            raise ToolFailed(f"nothing was sent: the mail has {size} bytes, the server takes {limit}")
        self._expect(250, smtp.mail(letter.sender), f"the server does not send for {letter.sender}")

    def _name_recipients(self, smtp: smtplib.SMTP, letter: Letter, copy_to: str | None) -> list[str]:
        answers = {recipient: smtp.rcpt(recipient) for recipient in letter.recipients}
        refused = {each: answer for each, answer in answers.items() if answer[0] not in (250, 251)}
        said = "; ".join(f"{each}: {_reply(*answer)}" for each, answer in refused.items())
        if len(refused) == len(answers):
            raise ToolFailed(f"nothing was sent: the server refused every recipient ({said})")
        if {*refused} & {*letter.bcc}:
            # The copy that would remember it goes to everybody, and would tell them of the blind copy.
            raise ToolFailed(f"nothing was sent: the server refused a blind copy ({said}); leave it out or mend it")
        if copy_to is not None:
            own = answers.get(copy_to) or smtp.rcpt(copy_to)
            self._expect(250, own, "the server refused the copy that would prove the sending")
        return list(refused)

    @staticmethod
    def _expect(code: int, answer: tuple[int, bytes], otherwise: str) -> None:
        if answer[0] != code:
            raise ToolFailed(f"nothing was sent: {otherwise} ({_reply(*answer)})")


def _stuffed(content: bytes) -> bytes:
    """Double the dot at the beginning of a line, or it could end the mail."""
    return re.sub(rb"(?m)^\.", b"..", content)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"the server said {_reply(error.smtp_code, text.encode() if isinstance(text, str) else text)}"
    return f"{type(error).__name__}: {error}"


def _reply(code: int, text: bytes) -> str:
    return f"{code} {text.decode(errors='replace')}"

"""An answer to a mail: its subject, the conversation it belongs to, and who may get it."""

import re
from collections.abc import Sequence

from imap_tools import MailMessage

from agentkit.errors import ToolFailed
from agentkit_tools.email.attachment import Enclosure
from agentkit_tools.email.letter import ENCODED, MESSAGE_ID, Words, one_line
from agentkit_tools.email.reading import cc_of, header_of, reply_to_of, sender_of, subject_of, to_of

MOST_REFERENCES = 20
"""Of a long conversation the beginning and the end are named."""


def answer_to(
    original: MailMessage, to: Sequence[str], cc: Sequence[str], body: str, enclosures: Sequence[Enclosure]
) -> Words:
    """What an answer says.

    Raises:
        ToolFailed: somebody in `to` or `cc` does not take part in the conversation, or the mail has no message id.
    """
    _check_recipients(original, [*to, *cc])
    answered = header_of(original, "Message-ID")
    if not MESSAGE_ID.fullmatch(answered):
        raise ToolFailed("the mail has no proper message id, so it cannot be answered; write with email.send")
    return Words(
        to=to,
        cc=cc,
        subject=_subject(original),
        body=body,
        in_reply_to=answered,
        references=_conversation(original, answered),
        enclosures=enclosures,
    )


def _check_recipients(original: MailMessage, recipients: Sequence[str]) -> None:
    known = dict.fromkeys(
        address
        for address in (sender_of(original), *reply_to_of(original), *to_of(original), *cc_of(original))
        if address
    )
    spelled = {address.lower() for address in known}
    if strangers := [each for each in recipients if each.lower() not in spelled]:
        raise ToolFailed(f"{', '.join(strangers)} is not in the mail that is answered; there are {', '.join(known)}")


def _subject(original: MailMessage) -> str:
    """The outsider's subject, as far as it can stand on one line and means nothing else to a mail program."""
    subject = " ".join(subject_of(original).split())
    bare = "".join(character for character in subject if one_line(character)).replace(ENCODED, "= ?")
    return bare if re.match(r"(?i)re:", bare) else f"Re: {bare}"


def _conversation(original: MailMessage, answered: str) -> list[str]:
    earlier = header_of(original, "References") or header_of(original, "In-Reply-To")
    ids = list(dict.fromkeys([*(each for each in earlier.split() if MESSAGE_ID.fullmatch(each)), answered]))
    return ids if len(ids) <= MOST_REFERENCES else [ids[0], *ids[1 - MOST_REFERENCES :]]

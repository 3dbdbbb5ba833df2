"""Files that travel with a mail: given as base64, checked before anything is sent."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agentkit.errors import ToolFailed

MAX_ATTACHED = 10_000_000
"""Bytes of all files of one mail together, before they are encoded."""
CONTENT_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9.+-]{0,126}")


class AttachmentFile(BaseModel):
    """A file to send along."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=255)]
    """Such as `ticket.pdf`: a name, not a path."""
    content_type: str
    """Such as `application/pdf`."""
    content_base64: Annotated[str, Field(repr=False)]

    def decoded(self) -> "Enclosure":
        """The file's bytes.

        Raises:
            ToolFailed: the name is a path or has control characters, the type is none, or it is not base64.
        """
        self._check_name()
        if not CONTENT_TYPE.fullmatch(self.content_type.lower()):
            raise ToolFailed(f"{self.name!r}: {self.content_type!r} is not a content type such as 'application/pdf'")
        try:
            content = base64.b64decode(self.content_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ToolFailed(f"{self.name!r}: content_base64 is not base64 ({error})") from None
        maintype, _, subtype = self.content_type.lower().partition("/")
        return Enclosure(name=self.name, maintype=maintype, subtype=subtype, content=content)

    def _check_name(self) -> None:
        if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in self.name):
            raise ToolFailed(f"the attachment's name {self.name!r} has control characters; write it on one line")
        if "=?" in self.name:
            raise ToolFailed(f"the attachment's name {self.name!r} has '=?' in it, which mail programs decode")
        if not self.name.strip(". ") or set(self.name) & set("/\\:"):
            raise ToolFailed(f"the attachment's name {self.name!r} is a path; give a name such as 'ticket.pdf'")


class Enclosure(BaseModel):
    """A file ready to be written into a mail."""

    model_config = ConfigDict(frozen=True)

    name: str
    maintype: str
    subtype: str
    content: Annotated[bytes, Field(repr=False)]


def enclosed(files: Sequence[AttachmentFile]) -> tuple[Enclosure, ...]:
    """All files of a mail.

    Raises:
        ToolFailed: one of them cannot be sent, two have the same name, or they are too large together.
    """
    enclosures = tuple(file.decoded() for file in files)
    if len({each.name for each in enclosures}) < len(enclosures):
        raise ToolFailed("two attachments have the same name; give each its own")
    if (size := sum(len(each.content) for each in enclosures)) > MAX_ATTACHED:
        raise ToolFailed(f"the attachments have {size} bytes together; at most {MAX_ATTACHED} can be sent")
    return enclosures

"""What an IMAP server's answers say about a mail: its flags, its version, and what tells it from any other."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict


class Fingerprint(BaseModel):
    """The same for a mail wherever it is moved to; two deliveries of the same mail differ in their headers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header_sha256: str
    size: int
    """In bytes."""
    arrived: str
    """IMAP's INTERNALDATE."""


@dataclass(frozen=True)
class Found:
    """A mail as it lies in a folder now."""

    uid: int
    flags: frozenset[str]
    modseq: int
    """Its version, which grows with every change of its flags (RFC 7162); 0 where the server counts none."""
    fingerprint: Fingerprint


def found_in(answer: list[Any], uid: int) -> Found | None:
    """Read a FETCH of UID FLAGS INTERNALDATE RFC822.SIZE [MODSEQ] BODY[HEADER]; None: there is no such mail."""
    for said, header in _parts(answer):
        if _number(rb"\bUID (\d+)", said) == uid and header is not None:
            fingerprint = Fingerprint(
                header_sha256=hashlib.sha256(header).hexdigest(),
                size=_number(rb"RFC822\.SIZE (\d+)", said),
                arrived=_text(rb'INTERNALDATE "([^"]*)"', said).strip(),
            )
            flags = frozenset(_text(rb"FLAGS \(([^)]*)\)", said).split())
            return Found(uid, flags, modseq_in([said], uid) or 0, fingerprint)
    return None


def modseq_in(answer: list[Any], uid: int) -> int | None:
    """The version of a mail, where the answer tells it."""
    for said, _ in _parts(answer):
        if _number(rb"\bUID (\d+)", said) == uid and (modseq := _number(rb"MODSEQ \((\d+)\)", said)):
            return modseq
    return None


def content_in(answer: list[Any], uid: int) -> bytes | None:
    """Read a FETCH of UID BODY[]."""
    return next((content for said, content in _parts(answer) if _number(rb"\bUID (\d+)", said) == uid), None)


def numbers_in(code: list[Any]) -> list[int]:
    """The numbers of a response code such as `APPENDUID 1763 5` or `COPYUID 1763 4 7`; [] when there is none."""
    said = b" ".join(each for each in code if isinstance(each, bytes))
    return [int(number) for number in said.split()] if re.fullmatch(rb"[\d ]+", said) else []


def _parts(answer: list[Any]) -> list[tuple[bytes, bytes | None]]:
    """The answer as imaplib gives it, one pair for each mail: what was said, and the literal that came with it."""
    parts: list[tuple[bytes, bytes | None]] = []
    for each in answer:
        if isinstance(each, tuple):
            said, literal = cast("tuple[bytes, bytes]", each)
            parts.append((said, literal))
        elif isinstance(each, bytes) and parts and parts[-1][1] is not None and not re.match(rb"\d+ \(", each):
            parts[-1] = (parts[-1][0] + b" " + each, parts[-1][1])  # what was said after the literal
        elif isinstance(each, bytes):
            parts.append((each, None))
    return parts


def _number(pattern: bytes, said: bytes) -> int:
    match = re.search(pattern, said)
    return int(match[1]) if match else 0


def _text(pattern: bytes, said: bytes) -> str:
    match = re.search(pattern, said)
    return match[1].decode(errors="replace") if match else ""

"""A mail house on the loopback: Dovecot with TLS for reading, and a submission server that delivers into it.

`running(folder)` starts both and ends them again. Dovecot always runs as an ordinary user (nobody, when root starts
it), in a short folder of its own under the system's temporary one: its sockets allow names of 107 bytes at most, and
the folder of a test is closed to other users. It is removed at the end; what is read here reads the mail there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import submission
from tests.servers.dovecot.configuration import write_configuration
from tests.servers.dovecot.imap import Imap, identity
from tests.servers.submission import HOST, PASSWORDS
from tests.servers.submission.authority import certify
from tests.servers.submission.faults import Faults
from tests.servers.submission.mails import Stored, deliver, furnish, stored

FOLDERS = ("INBOX", "Archive", "Drafts", "Sent", "Trash")
INSTALL = "sudo apt-get install --no-install-recommends dovecot-imapd"


@dataclass(frozen=True)
class Mailhouse:
    """Where its servers are, who lives there, and what an outsider sees."""

    host: str
    imap_port: int
    """IMAP upgraded by STARTTLS."""
    imaps_port: int
    """IMAP with TLS from the start."""
    smtp_port: int
    """Submission upgraded by STARTTLS."""
    smtps_port: int
    """Submission with TLS from the start."""
    ca_file: Path
    """The authority that vouches for the certificates."""
    passwords: Mapping[str, str]
    maildirs: Path
    faults: Faults
    """What the submission server does wrong next."""

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(self.passwords)

    def mails(self, user: str) -> dict[str, list[Stored]]:
        """Every mail in every folder, as it lies on the disk, in the order of arrival."""
        return {folder: stored(self.maildirs / user, folder) for folder in FOLDERS}

    def count(self, user: str, message_id: str, folder: str = "INBOX") -> int:
        """How many copies with this Message-ID lie in a folder."""
        return sum(mail.message_id == message_id for mail in self.mails(user)[folder])

    def deliver(self, user: str, content: bytes) -> None:
        """A mail from outside arrives."""
        deliver(self.maildirs / user, content)


def installed() -> bool:
    """Whether Dovecot is on this machine; `INSTALL` is the line that puts it there."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


@contextmanager
def running(folder: Path, *, oauth_introspection_url: str | None = None) -> Generator[Mailhouse]:
    """Start the mail house; `folder` takes its certificates, logs and faults.

    Args:
        folder: empty or new.
        oauth_introspection_url: where bearer tokens are checked (RFC 7662); XOAUTH2 and OAUTHBEARER need it.
    """
    place = Path(tempfile.mkdtemp(prefix="mailhouse-", dir="/tmp"))
    maildirs, office = place / "mail", folder / "submission"
    ca_file = certify(office / "tls")
    try:
        furnish(maildirs, PASSWORDS, FOLDERS)
        write_configuration(place, office / "tls", PASSWORDS, oauth_introspection_url)
        identity().give(place)
        desk = submission.running(office, maildirs=maildirs, oauth_introspection_url=oauth_introspection_url)
        with Imap(place, folder).serving() as imap, desk as smtp:
            yield Mailhouse(
                host=HOST,
                imap_port=imap["imap_port"],
                imaps_port=imap["imaps_port"],
                smtp_port=smtp.smtp_port,
                smtps_port=smtp.smtps_port,
                ca_file=ca_file,
                passwords=PASSWORDS,
                maildirs=maildirs,
                faults=smtp.faults,
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)

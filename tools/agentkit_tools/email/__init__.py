"""The mail of one account: read and filed over IMAP, sent over SMTP or JMAP."""

try:
    import imap_tools as imap_tools
except ImportError as missing:
    raise ImportError("mail needs imap-tools: pip install 'agentkit-framework[email]'") from missing

from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.address import Address
from agentkit_tools.email.attachment import AttachmentFile
from agentkit_tools.email.kit import Email
from agentkit_tools.email.mail import Attachment, Drafted, Flagged, Mail, MailSummary, Moved, Recalled, Sent

__all__ = [
    "Address",
    "Attachment",
    "AttachmentFile",
    "Drafted",
    "Email",
    "Flagged",
    "Mail",
    "MailAccount",
    "MailSummary",
    "Moved",
    "Recalled",
    "Sent",
]

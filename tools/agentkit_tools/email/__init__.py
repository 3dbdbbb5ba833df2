"""The mail of one account: read over IMAP, sent over SMTP."""

try:
    import imap_tools as imap_tools
except ImportError as missing:
    raise ImportError("mail needs imap-tools: pip install 'agentkit-framework[email]'") from missing

from agentkit_tools.email.account import MailAccount
from agentkit_tools.email.address import Address
from agentkit_tools.email.kit import Email
from agentkit_tools.email.mail import Mail, MailSummary, Sent

__all__ = ["Address", "Email", "Mail", "MailAccount", "MailSummary", "Sent"]

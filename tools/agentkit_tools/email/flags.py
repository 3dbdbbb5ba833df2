"""The flags of a mail that tools may change."""

from typing import Final, Literal

Flag = Literal["seen", "flagged", "answered"]

NAMES: Final[dict[Flag, str]] = {"seen": "\\Seen", "flagged": "\\Flagged", "answered": "\\Answered"}
"""As IMAP calls them."""

"""A connected account at work: an access token whenever one is needed, renewed in time and only once."""

from datetime import UTC, datetime

from agentkit.errors import InvalidSettings, ToolFailed
from agentkit_tools.accounts.client import NoAnswer, Refused
from agentkit_tools.accounts.errors import NotConnected
from agentkit_tools.accounts.grant import Grant
from agentkit_tools.accounts.register import entry_named, kept_by, locked, strike

FINAL = frozenset(
    {"invalid_grant", "invalid_client", "unauthorized_client", "interaction_required", "consent_required"}
)
"""Answers that only a person can change (RFC 6749, section 5.2; the last two are Microsoft's)."""


class Connected:
    """What `agentkit connect NAME` left behind. Its calls block; `repr` shows no token.

    Raises:
        NotConnected: there is no account of that name.
    """

    def __init__(self, name: str) -> None:
        self.entry = entry_named(name)

    def __repr__(self) -> str:
        return f"Connected({self.entry.name!r}, address={self.entry.address!r})"

    def access_token(self, rejected: str | None = None) -> str:
        """One that is valid for a while yet.

        Args:
            rejected: a token that a server has just refused, whatever its time says.

        Raises:
            NotConnected: the grant was revoked, or has ended.
            ToolFailed: the provider did not answer, or the tokens cannot be read or kept.
        """
        try:
            return self._good_grant(rejected).access_token.get_secret_value()
        except (InvalidSettings, OSError) as error:
            raise ToolFailed(f"no access token for {self.entry.address}: {error}") from error

    def disconnect(self) -> bool:
        """Give the grant back and forget it; whether the provider was told. It is forgotten in any case.

        Raises:
            InvalidSettings: its tokens cannot be read, so that they cannot be given back; nothing is forgotten.
            NotConnected: its tokens are gone already.
            Refused: the provider does not revoke it.
            NoAnswer: the provider was not reached.
        """
        with locked(self.entry.name):
            grant = self._last_grant()
            try:
                return self.entry.client(grant).revoke(grant.refresh_token)
            finally:
                strike(self.entry)

    def _last_grant(self) -> Grant:
        try:
            return self._grant()
        except NotConnected:
            strike(self.entry)
            raise NotConnected(
                f"the tokens of '{self.entry.name}' were gone already, so nothing was revoked; "
                f"end the access at {self.entry.provider.manage_at}"
            ) from None

    def _good_grant(self, rejected: str | None) -> Grant:
        grant = self._grant()
        if not _usable(grant, rejected):
            with locked(self.entry.name):
                grant = self._grant()  # another process may have renewed it meanwhile
                if not _usable(grant, rejected):
                    grant = self._renewed(grant)
        return grant

    def _grant(self) -> Grant:
        grant = Grant.read(kept_by(self.entry).load() or "")
        if grant is None:
            raise NotConnected(f"the tokens of '{self.entry.name}' are gone; {self._again()}")
        return grant

    def _renewed(self, grant: Grant) -> Grant:
        """Most providers take a refresh token once only: the next one is kept before anything else is done."""
        keeper = kept_by(self.entry)
        keeper.save(grant.written())  # a keeper that is out of order must not cost us the next one
        try:
            answer, asked_at = self.entry.client(grant).renew(grant.refresh_token)
        except Refused as error:
            raise self._not_renewed(error) from None
        except NoAnswer as error:
            raise ToolFailed(f"no access token for {self.entry.address}: {error}; try again later") from None
        renewed = Grant.given(answer, asked_at, grant.refresh_token, grant.client_secret)
        keeper.save(renewed.written())
        return renewed

    def _not_renewed(self, error: Refused) -> ToolFailed:
        if error.code in FINAL:
            return NotConnected(
                f"{self.entry.name} does not accept {self.entry.address} any more ({error}); {self._again()}"
            )
        return ToolFailed(f"no access token for {self.entry.address}: {error}")

    def _again(self) -> str:
        return f"run: agentkit connect {self.entry.name}"


def _usable(grant: Grant, rejected: str | None) -> bool:
    return grant.good(datetime.now(UTC)) and grant.access_token.get_secret_value() != rejected

"""What a person granted: the tokens, and how long they are good."""

import json
from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError

from agentkit_tools.accounts.client import Answer

EARLY = timedelta(seconds=60)
"""A token is renewed so long before its end: clocks differ, and it has to live until it is checked."""


class Grant(BaseModel):
    """Kept secret as a whole; `repr` shows only the times."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr
    refresh_token: SecretStr
    client_secret: SecretStr | None
    """Beside the tokens, because they cannot be renewed without it."""
    issued_at: AwareDatetime
    renew_at: AwareDatetime

    @classmethod
    def given(
        cls, answer: Answer, asked_at: datetime, refresh_token: SecretStr, client_secret: SecretStr | None
    ) -> Self:
        """Read an answer. A new refresh token replaces the old one; without a new one the old one stays good."""
        lifetime = timedelta(seconds=min(answer.expires_in, 366 * 24 * 3600))
        return cls(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token or refresh_token,
            client_secret=client_secret,
            issued_at=asked_at,
            renew_at=asked_at + lifetime - min(EARLY, lifetime / 4),
        )

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What `written` wrote; None for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    def written(self) -> str:
        """To be kept where only its owner can read it."""
        plain = {name: value.get_secret_value() for name, value in self if isinstance(value, SecretStr)}
        return json.dumps({**self.model_dump(mode="json"), **plain})

    def good(self, now: datetime | None = None) -> bool:
        """Whether the access token can be used now. A clock that was set back proves nothing: then it is renewed."""
        now = now or datetime.now(UTC)
        return self.issued_at - EARLY <= now < self.renew_at

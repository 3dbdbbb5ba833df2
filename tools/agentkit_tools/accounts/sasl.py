"""How mail servers are shown an access token: XOAUTH2, and its standard, OAUTHBEARER (RFC 7628)."""

from collections.abc import Iterable

from agentkit.errors import ToolFailed

MECHANISMS = ("XOAUTH2", "OAUTHBEARER")


def offered(mechanisms: Iterable[str], host: str) -> str:
    """The one to use.

    Raises:
        ToolFailed: the server takes no access tokens.
    """
    there_are = {each.upper() for each in mechanisms}
    for each in MECHANISMS:
        if each in there_are:
            return each
    raise ToolFailed(f"{host} does not take access tokens; it offers {sorted(there_are)}")


class Shown:
    """What the client says: the token first, and to the server's explanation of a no that it was read."""

    def __init__(self, mechanism: str, user: str, token: str) -> None:
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._left = {
            "XOAUTH2": ["", f"user={user}\x01auth=Bearer {token}\x01\x01"],
            "OAUTHBEARER": ["\x01", f"n,a={name},\x01auth=Bearer {token}\x01\x01"],
        }[mechanism]

    def __call__(self, challenge: bytes | None = None, /) -> str:
        """The next words."""
        return self._left.pop() if len(self._left) > 1 else self._left[0]

"""One spelling for every JSON value (RFC 8785), and the digests made from it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import rfc8785

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"


def canonical(value: Any) -> bytes:
    """Spell a JSON value the one way RFC 8785 allows.

    Raises:
        ValueError: the value is not JSON, or holds an integer beyond 2**53 (send it as a string).
    """
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical spelling, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()

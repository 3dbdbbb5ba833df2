"""Taking known secrets out of text before it is shown, stored or sent."""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, cast
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

SHORTEST = 6
"""Shorter values are not looked for: replacing every `1234` would shred the text and hide little."""


class Redactor:
    """Replaces the values that it was told with `[secret name]`, also where they are encoded.

    It finds them as they are and in base64 (also among other bytes, as in a Basic header), URL, JSON, HTML
    and hex encoding. It does not find a secret that is cut, wrapped over lines or encrypted.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._lock = Lock()

    def register(self, secret: str | SecretStr, name: str = "") -> None:
        """Look for this value from now on. Values under `SHORTEST` characters are left alone."""
        value = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if len(value) < SHORTEST:
            return
        label = f"[secret {name}]" if name else "[secret]"
        with self._lock:
            self._names |= {form: label for form in _forms(value) if len(form) >= SHORTEST}
            longest_first = sorted(self._names, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """The text without the secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._names.get(found[0], "[secret]"), text)

    def redact_data(self, data: Any) -> Any:
        """The same for every text in JSON data, keys included."""
        if isinstance(data, str):
            return self.redact(data)
        if isinstance(data, Mapping):
            items = cast("Mapping[Any, Any]", data).items()
            return {self.redact_data(name): self.redact_data(value) for name, value in items}
        if isinstance(data, list | tuple):
            return [self.redact_data(item) for item in cast("list[Any]", data)]
        return data

    def __repr__(self) -> str:
        return f"Redactor(of {len(set(self._names.values()))} secrets)"


def _forms(value: str) -> Iterator[str]:
    yield value
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield html.escape(value)
    raw = value.encode("utf-8", "surrogatepass")
    yield from (raw.hex(), raw.hex().upper())
    for escaped in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield from (escaped, re.sub("%..", lambda code: code[0].lower(), escaped))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        yield from (_inside(encode(bytes(before) + raw).decode(), before, len(raw)) for before in range(3))


def _inside(encoded: str, before: int, length: int) -> str:
    """The characters of base64 that the secret alone decides, whatever stands before and after it."""
    first, behind = -(-before * 8 // 6), (before + length) * 8 // 6
    return encoded[first:behind]

"""Refusals: an OCTO error code, the sentence that explains it, and the HTTP status it travels with."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "BAD_REQUEST",
    "CONFLICT",
    "INVALID_AVAILABILITY_ID",
    "INVALID_BOOKING_UUID",
    "INVALID_OPTION_ID",
    "INVALID_PRODUCT_ID",
    "INVALID_QUOTE_ID",
    "INVALID_UNIT_ID",
    "UNAUTHORIZED",
    "UNPROCESSABLE_ENTITY",
]

_STATUS: dict[Code, int] = {"CONFLICT": 409, "UNAUTHORIZED": 401, "UNPROCESSABLE_ENTITY": 422}


class Refusal(Exception):
    """The server will not do this; nothing has changed."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message

    @property
    def http_status(self) -> int:
        return _STATUS.get(self.code, 400)

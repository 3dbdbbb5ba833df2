"""A mail address: one mailbox, without a display name, written in ASCII."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, WithJsonSchema


def _checked(value: str) -> str:
    try:
        # The reserved domain `.test` is for mail servers that reach nobody.
        address = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is not a mail address such as ann@example.org: {error}") from None
    if address.ascii_email is None:
        raise ValueError(f"{value!r} has letters that not every mail server understands; there is no way yet")
    return address.ascii_email


Address = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "format": "email"})]

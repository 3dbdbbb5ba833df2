"""What a JMAP server answers (RFC 8620, 3.6 and 5.3), and what each answer proves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from agentkit.errors import ToolFailed

Record = dict[str, Any]


class Unsettled(Exception):
    """The server may have done it; a later look tells."""


class MethodError(Exception):
    """One method of a request came back as an error."""

    def __init__(self, method: str, said: Mapping[str, Any]) -> None:
        self.kind = str(said.get("type", "an error without a type"))
        super().__init__(f"{method}: {self.kind} {said.get('description') or ''}".rstrip())

    @property
    def state_moved(self) -> bool:
        """Nothing was done, because something else was done first."""
        return self.kind == "stateMismatch"

    def proof(self, otherwise: str) -> Exception:
        """`ToolFailed` where the method did nothing, which is so unless the server itself has failed."""
        if self.kind in ("serverFail", "serverPartialFail"):
            return Unsettled(str(self))
        return ToolFailed(f"{otherwise}: the mail server refuses ({self})")


@dataclass(frozen=True)
class Answers:
    """What came back for one request, method by method, and the server's clock."""

    methods: Sequence[tuple[str, Record, str]]
    at: datetime

    def of(self, method: str) -> Record:
        """The answer to a method of the request, which is the name of its call, too.

        Raises:
            MethodError: the server did not carry it out.
            Unsettled: there is no such answer.
        """
        for name, said, call in self.methods:
            if call == method and name == "error":
                raise MethodError(method, said)
            if call == method and name == method:
                return said
        raise Unsettled(f"the mail server left out its answer to {method}")

    def changes(self, method: str) -> "Changes":
        """The answer to a method that changes records. Raises like `of`."""
        return Changes.model_validate(self.of(method))


def _none_is_empty(given: Any) -> Any:
    return {} if given is None else given


class Changes(BaseModel):
    """Which records were made and changed, and which not, by the names they were given in the request."""

    model_config = ConfigDict(alias_generator=to_camel)

    created: Annotated[dict[str, Record], BeforeValidator(_none_is_empty)] = {}
    not_created: Annotated[dict[str, Record], BeforeValidator(_none_is_empty)] = {}
    updated: Annotated[dict[str, Any], BeforeValidator(_none_is_empty)] = {}
    not_updated: Annotated[dict[str, Record], BeforeValidator(_none_is_empty)] = {}


def reason(refusal: Record) -> str:
    """A refused record in words (RFC 8621, 7.5)."""
    kind, more = str(refusal.get("type", "it gives no reason")), str(refusal.get("description") or "")
    match kind:
        case "invalidRecipients":
            said = f"the mail server does not send to {', '.join(refusal.get('invalidRecipients') or [])}"
        case "tooManyRecipients":
            said = f"the mail server takes only {refusal.get('maxRecipients')} of the recipients"
        case "forbiddenFrom" | "forbiddenMailFrom":
            said = "the mail server does not let this account send in that name"
        case "tooLarge":
            said = f"the mail server takes at most {refusal.get('maxSize')} bytes"
        case "overQuota":
            said = "the mailbox is full"
        case _:
            said = f"the mail server refuses ({kind})"
    return f"{said}: {more}" if more else said

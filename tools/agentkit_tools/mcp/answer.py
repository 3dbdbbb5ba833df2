"""What a server answers to a call, and what that is worth as a proof."""

from typing import Annotated, Any, Final

from mcp_types import AudioContent, CallToolResult, ImageContent, TextContent
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from agentkit_tools.mcp.fitting import problem_with
from agentkit_tools.mcp.schema import JsonSchema

LONGEST: Final = 200_000
"""Characters of text that are kept; there may be no end to what a server sends."""


class Attachment(BaseModel):
    """A part of the answer that is neither text nor structured. Only its description is kept."""

    model_config = ConfigDict(frozen=True)

    kind: str
    mime_type: str | None = None
    uri: str | None = None
    size: int | None = None
    """Characters, as it was sent."""


class Answer(BaseModel):
    """What the server says. All of it is untrusted text."""

    model_config = ConfigDict(frozen=True)

    text: str = ""
    structured: JsonValue = None
    attachments: list[Attachment] = Field(default_factory=list[Attachment])

    @staticmethod
    def of(result: CallToolResult) -> "Answer":
        """Read a result of the protocol."""
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        others = [_attachment(part) for part in result.content if not isinstance(part, TextContent)]
        return Answer(text=_whole(_short(text)), structured=result.structured_content, attachments=others)


class ErrorAnswer(Exception):
    """The call ended in an error, of the tool or of the protocol. It proves nothing: it may come after the effect.

    No code of JSON-RPC is an exception: our own side says "parse error" of an answer that it cannot read, proxies say
    "method not found" of any page that is missing, and tools pass on what they were answered themselves.
    """


class InputWanted(Exception):
    """The server wants an answer of a person or a model in the middle of a call, and gets none."""


def answers(output_schema: JsonSchema | None) -> TypeAdapter[Answer]:
    """The result type of a tool: an answer whose structured part fits what the server promised."""
    if output_schema is None:
        return TypeAdapter(Answer)

    def fits(answer: Answer) -> Answer:
        if problem := problem_with(answer.structured, output_schema):
            raise ValueError(f"the structured content does not fit the server's own output schema: {problem}")
        return answer

    return TypeAdapter(Annotated[Answer, AfterValidator(fits)])


def _attachment(part: Any) -> Attachment:
    if isinstance(part, ImageContent | AudioContent):
        return Attachment(kind=part.type, mime_type=part.mime_type, size=len(part.data))
    resource = getattr(part, "resource", part)
    size = len(getattr(resource, "text", None) or getattr(resource, "blob", None) or "")
    uri = getattr(resource, "uri", None)
    return Attachment(
        kind=part.type, mime_type=getattr(resource, "mime_type", None), uri=str(uri) if uri else None, size=size or None
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n[{len(text) - LONGEST} more characters were dropped]"


def _whole(text: str) -> str:
    """Half a character in it must not keep an answer from being written down."""
    return text.encode("utf-8", "replace").decode()

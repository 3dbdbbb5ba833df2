"""A tool: a typed function with its two declarations, called only on the road."""

import functools
import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError, TypeAdapter, create_model
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from agentkit.call import Proposal
from agentkit.canonical import digest
from agentkit.effects import Blind, Checkable, Delayable, Findable, Irreversible, ReadOnly, Repeat, Undo
from agentkit.errors import InvalidTool
from agentkit.label import Marker
from agentkit.sandbox import Sandbox

P = ParamSpec("P")
R = TypeVar("R")


async def _unmarked(before: Any) -> Any:
    """The mark where there is no journal."""
    return before


async def _nothing_held(action: str) -> bool:
    """There is nothing to withdraw where there is no journal."""
    return False


@dataclass(frozen=True)
class ToolContext:
    """What a tool is given besides its arguments."""

    run: str
    action: str
    key: str
    """The idempotency key: the same at every attempt of this action, unlike that of any other action."""
    started_at: datetime
    """When the first attempt was written down (UTC): the same at every attempt."""
    attempt: int = 1
    sandbox: Sandbox | None = None
    mark: Callable[[Any], Awaitable[Any]] = field(default=_unmarked, repr=False)
    cancel: Callable[[str], Awaitable[bool]] = field(default=_nothing_held, repr=False)

    async def point_of_no_return(self, before: Any = None) -> Any:
        """Call it just before the effect: writes durably that from here on it may have happened.

        Args:
            before: as JSON, what is there now and has to be there again after an undo; the inverse gets it as
                `Effect.before`. What the first attempt gave is kept: a later one may see its own effect already.

        Returns:
            What the first attempt gave.

        Raises:
            LeaseLost: another worker has taken the action over; the tool must not go on.
        """
        return await self.mark(before)

    async def withdraw(self, action: str) -> bool:
        """Cancel another action of this run while it is held. False: it is not held any more.

        Raises:
            ToolFailed: this run has no such action.
        """
        return await self.cancel(action)


@dataclass(frozen=True)
class Tool(Generic[P, R]):
    """A typed function, its declarations, and the schemas made from its signature.

    Calling it causes no effect: it returns a `Proposal` for `agent.act`.
    """

    name: str
    version: str
    description: str
    function: Callable[..., Awaitable[R]]
    signature: inspect.Signature
    arguments: type[BaseModel]
    result: TypeAdapter[R]
    repeat: Repeat
    undo: Undo
    timeout: timedelta
    declared: bool
    """False when the author made neither declaration and the strictest of each stands in."""
    argument_markers: Mapping[str, Marker]
    result_markers: Mapping[str, Marker]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Proposal[R]:
        """Propose a call. Nothing happens."""
        bound = self.signature.bind(*args, **kwargs)
        try:
            arguments = to_jsonable_python(bound.arguments)
        except PydanticSerializationError as error:
            raise InvalidTool(f"an argument of {self.name} cannot be written as JSON: {error}") from None
        return Proposal(self.name, arguments)

    @property
    def read_only(self) -> bool:
        """Whether the tool declares that it has no effect."""
        return isinstance(self.repeat, ReadOnly)

    @property
    def marked(self) -> bool:
        """Whether the tool marks the point of no return, so that a death before it is provably harmless."""
        return isinstance(self.repeat, Checkable | Findable | Blind) and self.repeat.marked

    @property
    def hold(self) -> timedelta:
        """How long the tool wants to be kept back."""
        return self.undo.hold if isinstance(self.undo, Delayable) else timedelta(0)

    def loaded(self, result: Any) -> R:
        """A result that stands in the journal as JSON, in the tool's own type."""
        return self.result.validate_json(to_json(result))

    @functools.cached_property
    def schema_digest(self) -> str:
        """Changes whenever the tool's version, arguments or result change."""
        return digest([self.name, self.version, self.arguments.model_json_schema(), self.result.json_schema()])


ToolSource = Tool[..., Any]
"""Any tool, whatever its signature."""


def tool(
    name: str,
    *,
    repeat: Repeat | None = None,
    undo: Undo | None = None,
    version: str = "1",
    timeout: timedelta = timedelta(seconds=60),
) -> Callable[[Callable[Concatenate[ToolContext, P], Awaitable[R]]], Tool[P, R]]:
    """Make a tool from an async function whose first parameter is a `ToolContext`.

    Args:
        name: what models and policies call it: `room.verb`, such as `email.send`.
        repeat: what may be done after a crash or timeout. Without it: `Blind`.
        undo: how it is taken back. Without it: `Irreversible`.
        version: raise it when the meaning changes; approvals are bound to it.
        timeout: how long one attempt may take.

    Raises:
        InvalidTool: the function is not async, lacks annotations, or has types that are not JSON.
    """

    def make(function: Callable[Concatenate[ToolContext, P], Awaitable[R]]) -> Tool[P, R]:
        return _build(name, cast("Callable[..., Awaitable[R]]", function), repeat, undo, version, timeout)

    return make


def _build(
    name: str,
    function: Callable[..., Awaitable[R]],
    repeat: Repeat | None,
    undo: Undo | None,
    version: str,
    timeout: timedelta,
) -> Tool[..., R]:
    if not inspect.iscoroutinefunction(function):
        raise InvalidTool(f"{name}: write it as `async def` (put blocking code into `asyncio.to_thread`)")
    _check_name(name)
    hints = typing.get_type_hints(function, include_extras=True)
    context, *parameters = _parameters(name, function)
    if hints.get(context.name) is not ToolContext:
        raise InvalidTool(f"{name}: the first parameter is the context: annotate '{context.name}: ToolContext'")
    missing = [p.name for p in parameters if p.name not in hints] + ([] if "return" in hints else ["return"])
    if missing:
        raise InvalidTool(f"{name}: annotate {', '.join(missing)}, so that arguments and results can be validated")
    return Tool(
        name=name,
        version=version,
        description=inspect.cleandoc(function.__doc__ or ""),
        function=function,
        signature=inspect.Signature(parameters),
        arguments=_arguments_model(name, parameters, hints),
        result=_result_adapter(name, hints["return"]),
        repeat=repeat or Blind(),
        undo=undo or Irreversible(),
        timeout=timeout,
        declared=repeat is not None or undo is not None,
        argument_markers=_markers({p.name: hints[p.name] for p in parameters}),
        result_markers=_result_markers(hints["return"]),
    )


def _check_name(name: str) -> None:
    parts = name.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise InvalidTool(f"'{name}' is not a tool name: write room.verb, such as 'email.send'")


def _parameters(name: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise InvalidTool(f"{name}: the first parameter is the context: `async def f(ctx: ToolContext, ...)`")
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise InvalidTool(f"{name}: *args and **kwargs cannot be validated; name each argument")
        if hasattr(BaseModel, parameter.name):
            raise InvalidTool(
                f"{name}: an argument cannot be called '{parameter.name}': pydantic's models use that name"
            )
    return parameters


def _arguments_model(name: str, parameters: list[inspect.Parameter], hints: dict[str, Any]) -> type[BaseModel]:
    """Strict and closed: extra fields are refused, and `"5"` is not 5."""
    fields: dict[str, Any] = {
        p.name: (hints[p.name], ... if p.default is inspect.Parameter.empty else p.default) for p in parameters
    }
    config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    try:
        model = create_model(name.replace(".", "_") + "_arguments", __config__=config, **fields)
        schema = model.model_json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, NameError) as error:
        raise InvalidTool(f"{name}: an argument has a type that is not JSON: {error}") from None
    if '"uniqueItems"' in json.dumps(schema):
        raise InvalidTool(f"{name}: a set has no order, so two spellings would be two requests; use a list")
    return model


def _result_adapter(name: str, annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError as error:
        raise InvalidTool(f"{name}: the result has a type that is not JSON: {error}") from None


def _markers(hints: Mapping[str, Any]) -> dict[str, Marker]:
    return {
        name: next(mark for mark in get_args(hint)[1:] if isinstance(mark, Marker))
        for name, hint in hints.items()
        if get_origin(hint) is Annotated and any(isinstance(mark, Marker) for mark in get_args(hint)[1:])
    }


def _result_markers(annotation: Any, prefix: str = "", seen: tuple[Any, ...] = ()) -> dict[str, Marker]:
    """Markers of every field of the result, by dotted path; items of a list all share the path `*`."""
    if get_origin(annotation) is Annotated:
        marks = [mark for mark in get_args(annotation)[1:] if isinstance(mark, Marker)]
        here = {prefix: marks[0]} if marks else {}
        return here | _result_markers(get_args(annotation)[0], prefix, seen)
    if get_origin(annotation) in (list, tuple, set):
        items = [item for item in get_args(annotation) if item is not Ellipsis]
        return {k: v for item in items for k, v in _result_markers(item, _join(prefix, "*"), seen).items()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        hints = typing.get_type_hints(annotation, include_extras=True)
        fields = {name: hints[name] for name in annotation.model_fields}
        return {
            path: mark
            for name, hint in fields.items()
            for path, mark in _result_markers(hint, _join(prefix, name), (*seen, annotation)).items()
        }
    return {}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name

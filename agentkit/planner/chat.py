"""Any langchain chat model as a model of ours."""

import asyncio
import contextvars
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from pydantic_core import from_json

from agentkit.canonical import digest
from agentkit.errors import InvalidSettings, ModelUnavailable
from agentkit.planner.conversation import Conversation, Observation, Price, ProposedCall, Reply, Usage
from agentkit.planner.model import Model
from agentkit.tool import Tool

T = TypeVar("T")

BROKEN = "arguments_that_are_not_json"
"""No tool has an argument of this name: the call is refused, and the model hears what is wrong with it."""


class ChatModel:
    """Speaks to a langchain chat model with native tool calls, from any event loop."""

    def __init__(self, model: BaseChatModel, *, name: str | None = None, price: Price | None = None) -> None:
        self.name = name or str(getattr(model, "model_name", None) or type(model).__name__)
        self.price = price
        self._model = model

    async def reply(self, conversation: Conversation, tools: Sequence[Tool[..., Any]]) -> Reply:
        """One turn. What comes back is only a proposal, well-formed or not.

        Raises:
            ModelUnavailable: the provider did not answer, or in a form that cannot be read.
            InvalidSettings: the model cannot call tools.
        """
        schemas, messages = [_schema(tool) for tool in tools], _messages(conversation)
        model = self._able_to_call(schemas) if schemas else self._model
        try:
            message = await _apart(lambda: model.invoke(messages))
        except Exception as error:  # Each provider has errors of its own, without a common base.
            problem = f"{type(error).__name__}: {_one_line(error)}"
            raise ModelUnavailable(f"{self.name} did not answer ({problem}); resume the run to ask again") from error
        names = {_wire_name(tool.name): tool.name for tool in tools}
        return Reply(_text(message), _calls(message, names), _usage(message, messages, schemas))

    def _able_to_call(self, schemas: list[dict[str, Any]]) -> Any:
        try:
            return self._model.bind_tools(schemas)
        except NotImplementedError:
            raise InvalidSettings(f"{self.name} cannot call tools; use a chat model that can") from None


def as_model(model: "str | Model | BaseChatModel | None", price: Price | None = None) -> Model | None:
    """A model from `provider:name`, from a langchain chat model, or as it is.

    Raises:
        InvalidSettings: the name does not say a provider, or the provider's package is not installed.
    """
    if isinstance(model, str):
        return ChatModel(_named(model), name=model, price=price)
    if isinstance(model, BaseChatModel):
        return ChatModel(model, price=price)
    return model


def _named(name: str) -> BaseChatModel:
    provider, _, model = name.partition(":")
    if not provider or not model:
        raise InvalidSettings(f"'{name}' is not a model: write provider:name, such as 'openai:gpt-5'")
    try:
        return init_chat_model(model, model_provider=provider)
    except Exception as error:  # Each provider has errors of its own: a missing package, a missing key, a wrong name.
        raise InvalidSettings(f"cannot use the model '{name}': {_one_line(error)}") from None


async def _apart(call: Callable[[], T]) -> T:
    """Wait for a blocking call in a thread of its own.

    Providers keep their async clients for the whole process, and those die with the event loop that used them first:
    every second `run_sync` failed. The thread is a daemon, so that a program can end without the answer.
    """
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # Whatever it was, it belongs to the one who waits.
            answer.set_exception(error)

    context = contextvars.copy_context()
    Thread(target=context.run, args=(work,), name="agentkit-model", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _one_line(error: Exception) -> str:
    """Some providers answer with whole pages."""
    line = " ".join(str(error).split())
    return line if len(line) <= 600 else f"{line[:600]}..."


# What the model is told


def _schema(tool: Tool[..., Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": _wire_name(tool.name),
            "description": tool.description,
            "parameters": tool.arguments.model_json_schema(),
        },
    }


def _wire_name(name: str) -> str:
    """The name as providers allow it: no dots, 64 characters; different for different names."""
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", name.replace(".", "__"))
    if len(plain) <= 64 and plain.replace("__", ".") == name:
        return plain
    return f"{plain[:55]}_{digest(name)[:8]}"


def _messages(conversation: Conversation) -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage(conversation.instructions)] if conversation.instructions else []
    messages.append(HumanMessage(conversation.goal))
    for exchange in conversation.exchanges:
        calls = [
            {"name": _wire_name(call.tool), "args": dict(call.arguments), "id": call.id, "type": "tool_call"}
            for call in exchange.reply.calls
        ]
        if calls or exchange.reply.text:  # An empty message is refused by some providers.
            messages.append(AIMessage(exchange.reply.text, tool_calls=calls))
        messages.extend(_told(seen) for seen in exchange.observations)
        if exchange.correction:
            messages.append(HumanMessage(exchange.correction))
    return messages


def _told(seen: Observation) -> ToolMessage:
    """Only what the model may build on: status, reason and result."""
    outcome = seen.outcome
    told = {"status": outcome.status, "reason": outcome.reason or None, "result": outcome.result}
    content = json.dumps({name: value for name, value in told.items() if value is not None}, ensure_ascii=False)
    return ToolMessage(content, tool_call_id=seen.call.id)


# What the model said


def _text(message: AIMessage) -> str:
    """A refusal is an answer as well; OpenAI puts it beside the content."""
    return _storable(str(message.text) or str(message.additional_kwargs.get("refusal") or ""))


def _calls(message: AIMessage, names: Mapping[str, str]) -> tuple[ProposedCall, ...]:
    well_formed = [(call["name"], _arguments(call["args"]), call["id"]) for call in message.tool_calls]
    malformed = [(call["name"], _broken(call["args"]), call["id"]) for call in message.invalid_tool_calls]
    proposed = [*well_formed, *malformed]
    ids = [id or "" for _, _, id in proposed]
    if "" in ids or len(set(ids)) < len(
        ids
    ):  # Some servers give none, and all calls of a turn need one to be answered.
        ids = [f"call-{number}" for number in range(len(ids))]
    return tuple(
        ProposedCall(_own_name(name, names), arguments, id)
        for id, (name, arguments, _) in zip(ids, proposed, strict=True)
    )


def _own_name(name: str | None, names: Mapping[str, str]) -> str:
    wire = _storable(name or "unnamed")
    return names.get(wire, wire.replace("__", "."))


def _arguments(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    arguments = given or {}
    try:
        from_json(json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError) as problem:
        # NaN, half a character, hundreds of brackets: Python takes them, and nobody after it does.
        return _broken(str(problem))
    return arguments


def _broken(given: str | None) -> Mapping[str, Any]:
    return {BROKEN: _storable(given or "")[:1000]}


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which neither the journal nor the wire can take."""
    return text.encode("utf-8", "replace").decode()


def _usage(message: AIMessage, messages: list[BaseMessage], schemas: list[dict[str, Any]]) -> Usage:
    """As reported; estimated where a server reports nothing, so that a budget still ends."""
    if used := message.usage_metadata:
        return Usage(used["input_tokens"], used["output_tokens"])
    given = count_tokens_approximately(messages, tools=list(schemas))
    return Usage(given, count_tokens_approximately([message]))

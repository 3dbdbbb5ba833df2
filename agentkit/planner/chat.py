"""Any langchain chat model as a model of ours."""

import json
from collections.abc import Sequence
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agentkit.errors import InvalidSettings
from agentkit.planner.conversation import Conversation, Observation, Price, ProposedCall, Reply, Usage
from agentkit.planner.model import Model
from agentkit.tool import Tool


class ChatModel:
    """Speaks to a langchain chat model with native tool calls."""

    def __init__(self, model: BaseChatModel, *, name: str | None = None, price: Price | None = None) -> None:
        self.name = name or str(getattr(model, "model_name", None) or type(model).__name__)
        self.price = price
        self._model = model

    async def reply(self, conversation: Conversation, tools: Sequence[Tool[..., Any]]) -> Reply:
        """One turn. What comes back is only a proposal, well-formed or not."""
        model = self._model.bind_tools([_schema(tool) for tool in tools]) if tools else self._model
        message = await model.ainvoke(_messages(conversation))
        return _reply(message, {_wire_name(tool.name): tool.name for tool in tools})


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
    if ":" not in name:
        raise InvalidSettings(f"'{name}' is not a model: write provider:name, such as 'openai:gpt-5'")
    try:
        return init_chat_model(name)
    except Exception as error:  # Each provider has errors of its own: a missing package, a missing key, a wrong name.
        raise InvalidSettings(f"cannot use the model '{name}': {error}") from None


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
    """Providers allow no dots in names."""
    return name.replace(".", "__")


def _messages(conversation: Conversation) -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage(conversation.instructions)] if conversation.instructions else []
    messages.append(HumanMessage(conversation.goal))
    for exchange in conversation.exchanges:
        calls = [
            {"name": _wire_name(call.tool), "args": dict(call.arguments), "id": call.id, "type": "tool_call"}
            for call in exchange.reply.calls
        ]
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


def _reply(message: AIMessage, names: dict[str, str]) -> Reply:
    calls = [
        ProposedCall(names.get(call["name"], call["name"]), call["args"], call["id"] or f"call-{number}")
        for number, call in enumerate(message.tool_calls)
    ]
    broken = [
        # Kept as a call, so that the model hears what is wrong with it.
        ProposedCall(
            names.get(str(call["name"]), str(call["name"])),
            {"arguments_that_are_not_json": call["args"] or ""},
            call["id"] or f"broken-{number}",
        )
        for number, call in enumerate(message.invalid_tool_calls)
    ]
    used = message.usage_metadata
    usage = Usage(used["input_tokens"], used["output_tokens"]) if used else Usage()
    return Reply(str(message.text), tuple(calls + broken), usage)

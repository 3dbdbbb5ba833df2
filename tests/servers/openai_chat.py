"""A server that speaks the OpenAI chat completions protocol on the loopback; a Python function thinks for it.

It refuses what the real one refuses, with the same kind of error, and misbehaves when told to.
"""

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.trip_desk.listening import HOST, listen, port_of
from examples.trip_desk.octo.connection import KnowsItsTransport

KEY = "sk-of-the-tests"
MODEL = "test-model"
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FIELDS = frozenset({
    "max_completion_tokens", "max_tokens", "messages", "metadata", "model", "n", "parallel_tool_calls",
    "response_format", "seed", "stop", "stream", "temperature", "tool_choice", "tools", "top_p", "user",
})  # fmt: skip
"""What a request may have; the real one knows more, and refuses what it does not know as well."""


@dataclass(frozen=True)
class Asked:
    """A request that was in order."""

    messages: Sequence[dict[str, Any]]
    tools: Sequence[dict[str, Any]]

    @property
    def told(self) -> list[Any]:
        """What the tools have answered, oldest first."""
        return [json.loads(message["content"]) for message in self.messages if message["role"] == "tool"]


@dataclass(frozen=True)
class Call:
    """A tool call; arguments in a text go out as they are, well-formed or not."""

    tool: str
    arguments: dict[str, Any] | str
    id: str | None = None


@dataclass(frozen=True)
class Said:
    """One reply in full."""

    text: str | None = None
    calls: Sequence[Call] = ()
    refusal: str | None = None
    usage: tuple[int, int] | None = (100, 10)
    """Tokens in and out; None leaves them out, as some servers do."""


@dataclass(frozen=True)
class Fault:
    """An answer that is none: an HTTP error, or with status 0 a connection that is dropped."""

    status: int
    kind: str = "server_error"
    message: str = "The server had an error while processing your request."


RATE_LIMITED = Fault(429, "rate_limit_exceeded", "Rate limit reached for requests.")
OVERLOADED = Fault(500)
DROPPED = Fault(0)

Brain: TypeAlias = Callable[[Asked], "str | Call | list[Call] | Said | Fault"]


class ChatServer:
    """Runs in a thread between `with` and its end.

    `brain` decides what is replied; as long as there are `faults`, each request gets one of them instead. `asked` has
    the requests that were in order; `refused` says what was wrong with others.
    """

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.faults: deque[Fault] = deque()
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        self.requests = 0
        self._listener = listen()
        app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(app, http=KnowsItsTransport, ws="none", lifespan="off", log_level="critical",
                           timeout_graceful_shutdown=1)
        )  # fmt: skip
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{port_of(self._listener)}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": KEY, "NO_PROXY": HOST}

    def reset(self) -> None:
        """As new: nothing asked, no faults, and a brain that is done."""
        self.brain = lambda asked: "Done."
        self.faults.clear()
        self.asked.clear()
        self.refused.clear()
        self.requests = 0

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the chat server did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    async def _complete(self, request: Request) -> Response:
        self.requests += 1
        if self.faults:
            return await _failed(self.faults.popleft(), request)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", "Incorrect API key provided.", "invalid_api_key")
        body = await request.json()
        if problem := next(_problems(body), None):
            self.refused.append(problem)
            return _error(400, "invalid_request_error", problem)
        if body["model"] != MODEL:
            message = f"The model `{body['model']}` does not exist or you do not have access to it."
            return _error(404, "invalid_request_error", message, "model_not_found")
        asked = Asked(body["messages"], body.get("tools", []))
        self.asked.append(asked)
        said = self.brain(asked)
        if isinstance(said, Fault):
            return await _failed(said, request)
        completion = json.dumps(_completion(_in_full(said), len(self.asked)))
        return Response(completion, media_type="application/json")


# Answers


def _in_full(said: "str | Call | list[Call] | Said") -> Said:
    match said:
        case Said():
            return said
        case str():
            return Said(said)
        case Call():
            return Said(calls=[said])
        case _:
            return Said(calls=said)


def _completion(said: Said, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": said.refusal}
    if said.calls:
        message["tool_calls"] = [_tool_call(call, f"call_{number}_{place}") for place, call in enumerate(said.calls)]
    choice = {
        "index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if said.calls else "stop"
    }  # fmt: skip
    completion: dict[str, Any] = {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
        "choices": [choice],
    }  # fmt: skip
    if said.usage:
        given, made = said.usage
        completion["usage"] = {
            "prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made
        }  # fmt: skip
    return completion


def _tool_call(call: Call, id: str) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    function = {"name": call.tool, "arguments": arguments}
    return {"id": id if call.id is None else call.id, "type": "function", "function": function}


async def _failed(fault: Fault, request: Request) -> Response:
    if not fault.status:
        request.scope["state"]["transport"].abort()
        while not await request.is_disconnected():
            pass
    return _error(fault.status or 500, fault.kind, fault.message)


def _error(status: int, kind: str, message: str, code: str | None = None) -> Response:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    # Clients retry some errors; this header keeps them from waiting for it.
    return JSONResponse(body, status, headers={"retry-after-ms": "1"})


# What is refused


def _problems(body: dict[str, Any]) -> Iterator[str]:
    """In the words of the real one where they are known."""
    for name in body.keys() - FIELDS:
        yield f"Unrecognized request argument supplied: {name}"
    if not body.get("messages"):
        yield "[] is too short - 'messages'"
    yield from _tool_problems(body)
    for place, message in enumerate(body["messages"]):
        yield from _message_problems(message, f"messages.{place}")
    yield from _pairing_problems(body["messages"])


def _tool_problems(body: dict[str, Any]) -> Iterator[str]:
    tools = body.get("tools")
    if tools is None:
        return
    if not 1 <= len(tools) <= 128:
        yield f"Invalid 'tools': between 1 and 128 are allowed, not {len(tools)}."
    names = [tool["function"]["name"] for tool in tools]
    if len(set(names)) < len(names):
        yield f"Tool names must be unique: {sorted(names)}."
    for place, tool in enumerate(tools):
        yield from _function_problems(tool, f"tools[{place}]")


def _function_problems(tool: dict[str, Any], at: str) -> Iterator[str]:
    function, parameters = tool["function"], tool["function"].get("parameters", {})
    if tool.keys() != {"type", "function"} or tool["type"] != "function":
        yield f"Invalid '{at}': a tool has a type, which is 'function', and a function."
    yield from _name_problems(function["name"], f"{at}.function.name")
    if len(function.get("description", "")) > 1024:
        yield f"Invalid '{at}.function.description': string too long. Expected at most 1024 characters."
    if unknown := function.keys() - {"name", "description", "parameters", "strict"}:
        yield f"Unrecognized arguments in {at}.function: {sorted(unknown)}"
    if parameters.get("type") != "object":
        yield f"Invalid schema for function '{function['name']}': schema must be of type 'object'."
    for pointer in _references(parameters):
        if not _leads_somewhere(pointer, parameters):
            yield f"Invalid schema for function '{function['name']}': reference {pointer} leads nowhere."


def _name_problems(name: Any, at: str) -> Iterator[str]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"Invalid '{at}': expected a string that matches the pattern '^[a-zA-Z0-9_-]{{1,64}}$', not {name!r}."


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _leads_somewhere(pointer: str, schema: Any) -> bool:
    for name in pointer.removeprefix("#/").split("/"):
        if name not in schema:
            return False
        schema = schema[name]
    return pointer.startswith("#/")


def _message_problems(message: dict[str, Any], at: str) -> Iterator[str]:
    role, content = message.get("role"), message.get("content")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        yield f"Invalid value: {role!r} - '{at}.role'"
    if not isinstance(content, str) and not (role == "assistant" and message.get("tool_calls")):
        yield f"Invalid value for '{at}.content': expected a string, got {content!r}."
    if message.keys() - {"role", "content", "name", "tool_calls", "tool_call_id", "refusal"}:
        yield f"Additional properties are not allowed - '{at}'"
    if role != "assistant":
        return
    if message.get("tool_calls") == []:
        yield f"[] is too short - '{at}.tool_calls'"
    for place, call in enumerate(message.get("tool_calls", [])):
        yield from _call_problems(call, f"{at}.tool_calls[{place}]")


def _call_problems(call: dict[str, Any], at: str) -> Iterator[str]:
    if call.get("type") != "function" or not isinstance(call.get("id"), str) or not call["id"]:
        yield f"Invalid '{at}': a call has the type 'function' and an id."
    yield from _name_problems(call["function"]["name"], f"{at}.function.name")
    arguments = call["function"]["arguments"]
    if not isinstance(arguments, str) or not _is_object(arguments):
        yield f"Invalid '{at}.function.arguments': expected a string with a JSON object, not {arguments!r}."


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=int), dict)  # NaN is no JSON, and no int either
    except ValueError:
        return False


def _pairing_problems(messages: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each call is answered once, before anything else is said."""
    open_calls: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            else:
                open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            break
        open_calls = [call.get("id") for call in message.get("tool_calls") or []]
        if len(set(open_calls)) < len(open_calls):
            yield f"Duplicate tool call ids: {open_calls}."
    if open_calls:
        yield (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        )

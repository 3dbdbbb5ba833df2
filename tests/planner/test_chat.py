"""A real chat model's path: over HTTP to a server that speaks the OpenAI protocol and is as strict as the real one."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from agentkit import (
    Agent,
    Budget,
    Conversation,
    Idempotent,
    PolicyText,
    Price,
    ReadOnly,
    Run,
    ToolContext,
    ToolFailed,
    tool,
)
from agentkit.errors import InvalidSettings, ModelUnavailable
from agentkit.planner.chat import as_model
from agentkit.planner.conversation import Reply
from agentkit.tool import Tool
from tests.servers.openai_chat import (
    DROPPED,
    KEY,
    MODEL,
    OVERLOADED,
    RATE_LIMITED,
    Asked,
    Brain,
    Call,
    ChatServer,
    Fault,
    Said,
)

pytestmark = pytest.mark.servers

NAME = f"openai:{MODEL}"
GOAL = "Book the harbour tour for Ann."
ALLOW = PolicyText("allow", "permit (principal, action, resource);")
ASK = PolicyText("ask", "permit (principal, action, resource) when { context.approvals >= 1 };")


class Passenger(BaseModel):
    name: str
    age: int | None = None


class Booked(BaseModel):
    reference: str


class Office:
    """Two tools, and what they have done."""

    def __init__(self) -> None:
        self.booked: list[list[str]] = []

    @property
    def tools(self) -> list[Tool[..., Any]]:
        @tool("trip.find", repeat=ReadOnly())
        async def find(ctx: ToolContext, words: str, day: date | None = None) -> list[str]:
            """Find trips by words of their titles."""
            return [f"{words}-1", f"{words}-2"]

        @tool("trip.book", repeat=Idempotent())
        async def book(ctx: ToolContext, trip: str, passengers: list[Passenger]) -> Booked:
            """Book a trip."""
            if trip == "sold-out":
                raise ToolFailed("no places are left")
            self.booked.append([passenger.name for passenger in passengers])
            return Booked(reference=f"{trip}/{len(self.booked)}")

        return [find, book]


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with ChatServer(lambda asked: "Done.") as server:
        yield server


@pytest.fixture
def server(running: ChatServer, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    running.reset()
    monkeypatch.delenv("OPENAI_API_BASE", raising=False)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def office() -> Office:
    return Office()


def agent_of(office: Office, *, model: Any = NAME, journal: str = "memory:", **options: Any) -> Agent:
    given: dict[str, Any] = {"tools": office.tools, "policy": ALLOW, **options}
    return Agent(model, journal=journal, **given)


async def run_of(office: Office, **options: Any) -> Run:
    async with agent_of(office, **options) as agent:
        return await agent.run(GOAL)


def in_turn(*replies: Any) -> Brain:
    """A brain that says one after the other."""
    left = list(replies)
    return lambda asked: left.pop(0)


def book(trip: str = "tour-1", *names: str) -> Call:
    return Call("trip__book", {"trip": trip, "passengers": [{"name": name} for name in names or ("Ann",)]})


# What the model is offered and told


async def test_the_model_is_offered_the_tools_in_names_and_schemas_that_providers_accept(
    server: ChatServer, office: Office
) -> None:
    run = await run_of(office, instructions="Be brief.")

    assert (run.status, run.answer, server.refused) == ("finished", "Done.", [])
    [asked] = server.asked
    assert asked.messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": GOAL}]
    find, booking = (each["function"] for each in asked.tools)
    assert (find["name"], find["description"]) == ("trip__find", "Find trips by words of their titles.")
    assert find["parameters"]["required"] == ["words"]
    assert find["parameters"]["additionalProperties"] is False
    assert booking["parameters"]["properties"]["passengers"]["items"] == {"$ref": "#/$defs/Passenger"}
    assert "Passenger" in booking["parameters"]["$defs"]


async def test_calls_are_performed_and_their_results_told(server: ChatServer, office: Office) -> None:
    def brain(asked: Asked) -> str | Call:
        match asked.told:
            case []:
                return Call("trip__find", {"words": "tour"})
            case [found]:
                return book(found["result"][0], "Ann", "Bo")
            case told:
                booked = told[-1]
                return f"Booked: {booked['result']['reference']}."

    server.brain = brain
    run = await run_of(office)

    assert (run.status, run.answer, office.booked) == ("finished", "Booked: tour-1/1.", [["Ann", "Bo"]])
    assert [(step.tool, step.state) for step in run.steps] == [("trip.find", "done"), ("trip.book", "done")]
    assert server.asked[-1].told[0] == {"status": "done", "result": ["tour-1", "tour-2"]}
    assert server.refused == []


async def test_an_agent_without_tools_offers_none(server: ChatServer) -> None:
    async with Agent(NAME, tools=[], policy=ALLOW, journal="memory:") as agent:
        run = await agent.run(GOAL)

    assert (run.answer, server.asked[0].tools, server.refused) == ("Done.", [], [])


async def test_a_failure_is_told_with_its_reason_and_nothing_else(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(book("sold-out"), "Sold out.")
    await run_of(office)

    assert server.asked[-1].told == [{"status": "failed", "reason": "no places are left"}]


async def test_what_a_person_rejects_is_told_as_refused_by_whoever_resumes(
    server: ChatServer, office: Office, url: str
) -> None:
    server.brain = in_turn(Said("I will book now.", [book()]), "Not booked.")
    async with agent_of(office, policy=ASK, journal=url) as agent:
        waiting = await agent.run(GOAL)
    assert waiting.status == "waiting"

    async with agent_of(office, policy=ASK, journal=url) as agent:
        [question] = await agent.waiting()
        await question.reject("too late", by="ann@example.org")
        run = await agent.resume(waiting.id)

    [told] = server.asked[-1].told
    assert (run.status, office.booked, told["status"]) == ("finished", [], "refused")
    assert "too late" in told["reason"]
    assert server.asked[-1].messages[-2]["content"] == "I will book now."


# Calls that do not fit


async def test_an_invalid_call_is_told_with_the_reason_and_can_be_mended(server: ChatServer, office: Office) -> None:
    wrong = Call("trip__book", {"trip": 5, "passengers": [{"name": "Ann"}], "pay": True})
    server.brain = lambda asked: [wrong, book(), "Booked."][len(asked.told)]
    run = await run_of(office)

    told = server.asked[1].told[0]
    assert told["status"] == "refused"
    assert "trip: Input should be a valid string (got '5')" in told["reason"]
    assert "pay: Extra inputs are not permitted" in told["reason"]
    assert (run.answer, office.booked) == ("Booked.", [["Ann"]])


@pytest.mark.parametrize(
    "arguments",
    [
        '{"trip": "tour-1", "passengers": [',
        "book it!",
        '{"trip": NaN}',
        '{"trip": 1e999}',
        r'{"trip": "\ud83d"}',
        *(f'{{"trip": {"[" * depth}{"]" * depth}}}' for depth in (250, 600, 980, 100_000)),
    ],
    ids=["cut", "prose", "nan", "infinity", "half", "deep", "deeper", "deepest", "bottomless"],
)
async def test_arguments_that_are_not_json_never_run_and_do_not_poison_the_conversation(
    arguments: str, server: ChatServer, office: Office
) -> None:
    server.brain = in_turn(Call("trip__book", arguments), Call("trip__find", arguments), "I give up.")
    run = await run_of(office)

    assert (run.status, run.answer, office.booked) == ("finished", "I give up.", [])
    assert [(step.tool, step.state) for step in run.steps] == [("trip.book", "refused"), ("trip.find", "refused")]
    assert all("arguments_that_are_not_json" in told["reason"] for told in server.asked[-1].told)
    assert server.refused == []


@pytest.mark.parametrize("arguments", ["", "null", "{}"])
async def test_a_tool_without_arguments_can_be_called_in_every_spelling(
    arguments: str, server: ChatServer, office: Office
) -> None:
    @tool("trip.count", repeat=ReadOnly())
    async def count(ctx: ToolContext) -> int:
        """Count."""
        return 2

    server.brain = in_turn(Call("trip__count", arguments), "Two.")
    run = await run_of(office, tools=[count])

    assert [step.state for step in run.steps] == ["done"]
    assert server.asked[-1].told == [{"status": "done", "result": 2}]


async def test_arguments_that_are_no_object_stop_the_run_resumably(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(Call("trip__book", "[1]"), "Done.")
    async with agent_of(office) as agent:
        run = await agent.run(GOAL)
        assert (run.status, office.booked) == ("stopped", [])
        assert (await agent.resume(run.id)).status == "finished"


@pytest.mark.parametrize(
    ("name", "heard_as"),
    [("trip__bok", "trip.bok"), ("book a trip!", "book a trip!"), ("", "unnamed"), ("x" * 99, "x" * 99)],
)
async def test_a_tool_that_does_not_exist_is_told_with_what_there_is(
    name: str, heard_as: str, server: ChatServer, office: Office
) -> None:
    server.brain = in_turn(Call(name, {}), "There is none.")
    run = await run_of(office)

    [told] = server.asked[-1].told
    assert told["reason"].startswith(f"no tool named '{heard_as}'; there are ['trip.book', 'trip.find']")
    assert (run.status, server.refused) == ("finished", [])


async def test_every_tool_name_reaches_the_model_and_comes_back_as_the_same_tool(server: ChatServer) -> None:
    names = ["a_.b", "a._b", "a.b__c", "a.b.c", "größe.ändern", "grüße.ändern", f"long.{'x' * 80}", f"long.{'x' * 81}"]

    def named(name: str) -> Tool[..., Any]:
        @tool(name, repeat=ReadOnly())
        async def say(ctx: ToolContext) -> str:
            """Say the name."""
            return name

        return say

    server.brain = lambda asked: "Done." if asked.told else [Call(each["function"]["name"], {}) for each in asked.tools]
    async with Agent(NAME, tools=map(named, names), policy=ALLOW, journal="memory:") as agent:
        run = await agent.run(GOAL)

    assert server.refused == []
    assert [told["result"] for told in server.asked[-1].told] == names
    assert [step.tool for step in run.steps] == names


# Many at once


async def test_twenty_calls_at_once_are_all_performed_and_all_answered(server: ChatServer, office: Office) -> None:
    server.brain = in_turn([book("tour", f"P{number}") for number in range(20)], "All booked.")
    run = await run_of(office)

    assert (run.status, len(run.steps), server.refused) == ("finished", 20, [])
    assert office.booked == [[f"P{number}"] for number in range(20)]
    assert [told["result"]["reference"] for told in server.asked[-1].told] == [f"tour/{n}" for n in range(1, 21)]


async def test_twenty_questions_at_once_are_answered_before_the_model_hears_of_any(
    server: ChatServer, office: Office
) -> None:
    server.brain = in_turn([book("tour", f"P{number}") for number in range(20)], "Half of them.")
    async with agent_of(office, policy=ASK) as agent:
        run = await agent.run(GOAL)
        for number, question in enumerate(run.waiting):
            assert len(server.asked) == 1
            await (question.reject("no", by="ann") if number % 2 else question.approve(by="ann"))
            run = await agent.resume(run.id)

    assert (run.status, len(office.booked), server.refused) == ("finished", 10, [])
    assert [told["status"] for told in server.asked[-1].told] == ["done", "refused"] * 10


@pytest.mark.parametrize("ids", [("twice", "twice"), ("", ""), ("call-1", "")])
async def test_ids_that_a_server_gives_twice_or_not_at_all_are_replaced(
    ids: tuple[str, str], server: ChatServer, office: Office
) -> None:
    server.brain = in_turn([Call("trip__find", {"words": w}, id) for w, id in zip("ab", ids, strict=True)], "Done.")
    run = await run_of(office)

    assert (run.status, server.refused) == ("finished", [])
    assert [told["result"][0] for told in server.asked[-1].told] == ["a-1", "b-1"]


async def test_well_formed_and_malformed_calls_of_one_turn_are_all_answered(server: ChatServer, office: Office) -> None:
    server.brain = in_turn([Call("trip__book", "{"), book(), Call("trip__rob", {})], "Done.")
    await run_of(office)

    assert (sorted(told["status"] for told in server.asked[-1].told), server.refused) == (
        ["done", "refused", "refused"],
        [],
    )


# Answers


async def test_a_refusal_is_the_answer(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(Said(refusal="I cannot help with that."))
    run = await run_of(office)

    assert (run.status, run.answer) == ("finished", "I cannot help with that.")


@pytest.mark.parametrize("nothing", ["", " \n", None])
async def test_an_empty_reply_is_no_answer_and_is_asked_again(
    nothing: str | None, server: ChatServer, office: Office
) -> None:
    server.brain = in_turn(Said(nothing), Said(nothing), book(), "Booked.")
    run = await run_of(office)

    assert (run.answer, office.booked, server.refused) == ("Booked.", [["Ann"]], [])
    assert server.asked[1].messages[-1]["content"].startswith("Your reply is empty: call a tool")


async def test_a_model_that_stays_silent_fails_after_a_bounded_number_of_questions(
    server: ChatServer, office: Office
) -> None:
    server.brain = lambda asked: Said("")
    run = await run_of(office)

    assert (run.status, len(server.asked)) == ("failed", 3)
    assert run.reason.startswith("no fitting answer after 2 repairs: Your reply is empty")


async def test_half_a_character_does_not_break_the_answer(server: ChatServer, office: Office) -> None:
    server.brain = in_turn("Booked \ud83d!")
    assert (await run_of(office)).answer == "Booked ?!"


class Report(BaseModel):
    trip: str
    total: Decimal


async def test_a_typed_answer_is_repaired_from_what_was_wrong_with_it(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(
        "It costs 12.50.", '{"trip": "tour-1"}', '```json\n{"trip": "tour-1", "total": "12.50"}\n```'
    )
    run = await run_of(office, output=Report)

    assert (run.status, run.answer) == ("finished", {"trip": "tour-1", "total": "12.50"})
    assert '"total"' in server.asked[0].messages[0]["content"]
    assert "Invalid JSON" in server.asked[1].messages[-1]["content"]
    assert "total: Field required" in server.asked[2].messages[-1]["content"]
    assert server.refused == []


async def test_a_typed_answer_that_never_fits_fails_with_the_reason(server: ChatServer, office: Office) -> None:
    server.brain = lambda asked: Said(refusal="I would rather not.")
    run = await run_of(office, output=Report)

    assert (run.status, run.answer, len(server.asked)) == ("failed", None, 3)
    assert "Invalid JSON" in run.reason


# What it costs


async def test_what_the_server_reports_is_counted_in_tokens_and_money(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(Said(calls=[book()], usage=(1000, 50)), Said("Booked.", usage=(2000, 25)))
    run = await run_of(office, price=Price(Decimal("2.50"), Decimal(10)), budget=Budget(money=Decimal(1)))

    assert (run.spent["model_calls"], run.spent["tokens"]) == (2, 3075)
    assert Decimal(run.spent["money"]) == Decimal("0.00825")


async def test_a_server_that_reports_nothing_is_charged_an_estimate(server: ChatServer, office: Office) -> None:
    server.brain = lambda asked: Said("word " * 400, usage=None)
    run = await run_of(office, price=Price(Decimal(1), Decimal(1)))

    assert 500 < run.spent["tokens"] < 1000
    assert Decimal(run.spent["money"]) > 0


@pytest.mark.parametrize(
    ("small", "limit"),
    [
        (Budget(tokens=100), "tokens"),
        (Budget(money=Decimal("0.0001")), "money"),
        (Budget(model_calls=1), "model_calls"),
    ],
)
async def test_a_budget_stops_before_the_next_question_and_a_larger_one_goes_on(
    small: Budget, limit: str, server: ChatServer, office: Office
) -> None:
    server.brain = in_turn(book(), "Booked.")
    async with agent_of(office, price=Price(Decimal(1), Decimal(1))) as agent:
        run = await agent.run(GOAL, budget=small)
        assert (run.status, len(server.asked), office.booked) == ("stopped", 1, [["Ann"]])
        assert limit in run.reason

        run = await agent.resume(run.id, budget=Budget())

    assert (run.status, run.answer, office.booked) == ("finished", "Booked.", [["Ann"]])


# A model that does not answer


async def test_a_passing_error_is_not_even_noticed(server: ChatServer, office: Office) -> None:
    server.brain = in_turn(book(), "Booked.")
    server.faults.extend([RATE_LIMITED, OVERLOADED])
    run = await run_of(office)

    assert (run.status, run.spent["model_calls"], server.requests) == ("finished", 2, 4)


NO_CREDIT = Fault(429, "insufficient_quota", "You exceeded your current quota.")
NO_SUCH_KEY = Fault(401, "invalid_request_error", "Incorrect API key provided.")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (NO_CREDIT, "You exceeded your current quota"),
        (NO_SUCH_KEY, "Incorrect API key provided"),
        (OVERLOADED, "The server had an error"),
        (DROPPED, "Connection error"),
    ],
)
async def test_a_model_that_does_not_answer_stops_the_run_which_resumes_where_it_was(
    fault: Fault, said: str, server: ChatServer, office: Office, url: str
) -> None:
    impatient = ChatOpenAI(model=MODEL, max_retries=0)
    server.brain = lambda asked: "Booked." if asked.told else book()
    async with agent_of(office, model=impatient, journal=url) as agent:
        server.faults.append(fault)
        first = await agent.run(GOAL)
        assert (first.status, first.steps) == ("stopped", [])

    async with agent_of(office, model=impatient, journal=url, budget=Budget(model_calls=1)) as agent:
        await agent.resume(first.id, budget=Budget(model_calls=1))
        server.faults.append(fault)
        second = await agent.resume(first.id, budget=Budget())
        assert (second.status, office.booked) == ("stopped", [["Ann"]])
        run = await agent.resume(first.id)

    for stopped in (first, second):
        assert stopped.reason.startswith(f"{MODEL} did not answer (")
        assert said in stopped.reason
        assert stopped.reason.endswith("resume the run to ask again")
    assert (run.status, run.answer, office.booked, run.spent["model_calls"]) == ("finished", "Booked.", [["Ann"]], 2)


async def test_an_unknown_model_stops_the_run_with_what_the_server_says(server: ChatServer, office: Office) -> None:
    run = await run_of(office, model="openai:no-such-model")

    assert run.status == "stopped"
    assert "The model `no-such-model` does not exist" in run.reason


async def test_a_page_instead_of_an_answer_does_not_fill_the_journal(server: ChatServer, office: Office) -> None:
    server.faults.append(Fault(400, "invalid_request_error", "<p>\n" * 5000))
    run = await run_of(office)

    assert run.status == "stopped"
    assert len(run.reason) < 800
    assert "\n" not in run.reason


class Own:
    """A model that somebody has written."""

    name = "own"
    price = None

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def reply(self, conversation: Conversation, tools: Sequence[Tool[..., Any]]) -> Reply:
        raise self.error


async def test_a_model_of_ones_own_can_say_that_it_is_unavailable(office: Office) -> None:
    run = await run_of(office, model=Own(ModelUnavailable("the cable is out")))

    assert (run.status, run.reason) == ("stopped", "the cable is out")


async def test_a_mistake_in_a_model_of_ones_own_reaches_the_caller_and_leaves_a_resumable_run(office: Office) -> None:
    async with agent_of(office, model=Own(KeyError("results"))) as agent:
        with pytest.raises(KeyError, match="results"):
            await agent.run(GOAL)
        [record] = await agent.journal.runs()

    assert (record.status, record.reason) == ("stopped", "KeyError: 'results'")


async def test_giving_up_on_a_slow_model_takes_no_longer_and_the_run_can_be_resumed(
    server: ChatServer, office: Office
) -> None:
    answering = threading.Event()

    def slow(asked: Asked) -> str:
        answering.wait(10)
        return "Done."

    server.brain = slow
    async with agent_of(office) as agent:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.run(GOAL), 0.3)
        answering.set()
        [record] = await agent.journal.runs()
        assert (await agent.resume(record.id)).answer == "Done."


# Where it runs


def test_a_model_answers_in_one_event_loop_after_the_other(server: ChatServer, office: Office) -> None:
    runs = [agent_of(office).run_sync(GOAL) for _ in range(4)]

    assert [(run.status, run.reason) for run in runs] == [("finished", "")] * 4


def test_a_model_answers_in_event_loops_side_by_side(server: ChatServer, office: Office) -> None:
    agents = [agent_of(office) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda agent: agent.run_sync(GOAL), agents))

    assert [(run.status, run.reason) for run in runs] == [("finished", "")] * 8


async def test_the_model_can_be_named_by_the_environment(
    server: ChatServer, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODEL", NAME)
    run = await run_of(office, model=None)

    assert (run.answer, len(server.asked)) == ("Done.", 1)


# Models that cannot be used


@pytest.mark.parametrize("name", ["gpt-5", "openai:", ":gpt-5", ""])
def test_a_name_without_its_provider_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(InvalidSettings, match="write provider:name, such as 'openai:gpt-5'"):
        as_model(name)


def test_the_environment_is_held_to_the_same_form(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_MODEL", "gpt-5")
    with pytest.raises(InvalidSettings, match="'AGENTKIT_MODEL' must be 'provider:name', such as 'openai:gpt-5'"):
        agent_of(office, model=None)


def test_a_provider_that_is_not_installed_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(InvalidSettings, match=r"cannot use the model 'anthropic:x': .*pip install langchain-anthropic"):
        as_model("anthropic:x")


def test_an_unknown_provider_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidSettings, match=r"'opnai:gpt-5': .*opnai.* providers are: .*openai"):
        as_model("opnai:gpt-5")


def test_a_missing_key_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InvalidSettings, match=r"'openai:gpt-5': .*OPENAI_API_KEY"):
        as_model("openai:gpt-5")


async def test_a_chat_model_that_cannot_call_tools_is_refused_by_name(office: Office) -> None:
    with pytest.raises(InvalidSettings, match="FakeListChatModel cannot call tools"):
        await run_of(office, model=FakeListChatModel(responses=["Done."]))


# The server itself: what it refuses, the real one refuses


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body["tools"][0]["function"].update(name="trip.find"), "pattern"),
        (lambda body: body["tools"][0]["function"]["parameters"].update(type="array"), "type 'object'"),
        (lambda body: body["tools"].append(body["tools"][0]), "unique"),
        (lambda body: body["messages"].pop(), "did not have response messages: call_1"),
        (lambda body: body["messages"][-1].update(tool_call_id="call_2"), "must be a response"),
        (lambda body: body["messages"][-2]["tool_calls"][0]["function"].update(arguments={}), "JSON object"),
        (lambda body: body["messages"][-2]["tool_calls"][0]["function"].update(arguments='{"n": NaN}'), "JSON object"),
        (lambda body: body["messages"].append({"role": "assistant", "content": None}), "expected a string"),
        (lambda body: body.update(colour="red"), "Unrecognized request argument"),
    ],
)
def test_the_server_refuses_what_the_real_one_refuses(
    spoil: Callable[[dict[str, Any]], Any], said: str, server: ChatServer
) -> None:
    function = {"name": "trip__find", "arguments": "{}"}
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [
            {"role": "user", "content": GOAL},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "[]"},
        ],
        "tools": [{"type": "function", "function": {"name": "trip__find", "parameters": {"type": "object"}}}],
    }
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        assert client.post("/chat/completions", json=body).status_code == 200
        spoil(body)
        answer = client.post("/chat/completions", json=body)

    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]

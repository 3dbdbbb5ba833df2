"""What a person is shown is what runs, and what they change is checked like anything else."""

from pathlib import Path

import pytest

from agentkit.approval.question import Question
from agentkit.approval.shown import undo_in_words, visible
from agentkit.effects import Compensable, Delayable, ExactInverse, Irreversible
from agentkit.errors import ConsentRefused, InvalidToolCall
from agentkit.policy.packs import PolicyText
from tests.execution.trip import HOUR, Trip, do

NOT_EVE = PolicyText(
    "not-eve",
    """
permit (principal, action, resource) when { context.approvals >= 1 };
@id("not-eve") @reason("Nobody writes to Eve.")
forbid (principal, action == Action::"mail.send", resource) when { context.args.to == "eve" };
""",
    "not-eve.cedar",
)


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path / "world")


async def asked(agent, to: str = "bob") -> Question:
    await agent.act(do("mail.send", to=to), run="trip")
    (question,) = await agent.waiting()
    return question


async def test_a_question_says_what_why_and_how_it_could_be_taken_back(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)

    assert (question.tool, question.arguments, question.kind, question.status) == (
        "mail.send", {"to": "bob"}, "approve", "open",
    )  # fmt: skip
    assert "Nobody has said what this tool does" in question.reason
    assert question.undo == "cannot be undone"
    assert question.needed == 1
    assert question.expires_at is not None
    assert question.expires_at - question.asked_at == agent.settings.question_expiry


async def test_a_question_says_where_an_identifier_came_from_the_first_time_it_is_asked(trip):
    async with trip.agent(policy="supervised") as agent:
        await agent.act(do("room.book", room="a"), run="trip")
        await agent.act(do("room.paint", uuid="uuid-of-a"), run="trip")
        (question,) = await agent.waiting()
        first = (await agent.journal.actions("trip"))[0].id

    assert question.sources == {"uuid": {"origin": "tool", "action": first, "path": "uuid"}}


async def test_an_edit_runs_as_edited_under_the_same_id(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)
        await question.edit(by="ann", to="cat")
        run = await agent.resume("trip")

    assert trip.lines == ["send cat"]
    assert question.arguments == {"to": "cat"}
    assert [step.id for step in run.steps] == [question.action]


async def test_an_edit_cannot_escape_the_policy(trip):
    async with trip.agent(policy=NOT_EVE) as agent:
        question = await asked(agent)
        await question.edit(by="ann", to="eve")
        run = await agent.resume("trip")

    assert trip.lines == []
    assert run.steps[0].outcome is not None
    assert run.steps[0].outcome.reason == "Nobody writes to Eve."


@pytest.mark.parametrize("changes", [{"to": 5}, {"cc": "eve"}, {"to": None}])
async def test_an_edit_that_does_not_fit_changes_nothing_and_the_question_stays_open(trip, changes):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)
        with pytest.raises(InvalidToolCall):
            await question.edit(by="ann", **changes)
        (still,) = await agent.waiting()
        await still.approve(by="ann")
        await agent.resume("trip")

    assert trip.lines == ["send bob"]


async def test_editing_needs_the_tools(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)
        without = Question(await agent.journal.question(question.id), agent.journal)

        with pytest.raises(ConsentRefused, match="editing needs the agent's tools"):
            await without.edit(by="ann", to="cat")


async def test_who_looks_at_an_old_copy_cannot_answer_for_the_new_one(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)
        copy = Question(await agent.journal.question(question.id), agent.journal, agent.toolbox)
        await question.edit(by="ann", to="cat")

        with pytest.raises(ConsentRefused, match="already decided by ann"):
            await copy.approve(by="bob")


async def test_the_agent_cannot_answer_itself(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)

        with pytest.raises(ConsentRefused, match="is an agent; a person has to answer"):
            await question.approve(by="agent:desk")
        with pytest.raises(ConsentRefused, match="is an agent; a person has to answer"):
            await question.reject("no", by="agent:desk")
        with pytest.raises(ConsentRefused, match="is an agent; a person has to answer"):
            await question.edit(by="agent:desk", to="eve")
        for disguised in ("Agent:desk", "agent:desk\u200b", "\uff41gent:desk", " agent:desk "):
            with pytest.raises(ConsentRefused):
                await question.approve(by=disguised)
        assert [q.arguments for q in await agent.waiting()] == [{"to": "bob"}]


@pytest.mark.parametrize(
    ("undo", "words"),
    [
        (ExactInverse(lambda done: do("x.y")), "can be restored exactly"),
        (Compensable(lambda done: do("x.y")), "can be compensated"),
        (Delayable(HOUR), "is kept back for 3600 s"),
        (Irreversible(), "cannot be undone"),
    ],
)
def test_every_way_back_is_said_in_words(undo, words):
    assert words in undo_in_words(undo)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße\n\tan Ann 🙂", "Grüße\n\tan Ann 🙂"),
        ("pay\u202e001", "pay⟨U+202E⟩001"),
        ("a\u200bb\u00adc\x00d\u2028", "a⟨U+200B⟩b⟨U+00AD⟩c⟨U+0000⟩d⟨U+2028⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\x1b[2K\r", "⟨U+001B⟩[2K⟨U+000D⟩"),
    ],
)
def test_what_could_deceive_the_eye_is_spelled_out(text, shown):
    assert visible(text) == shown


async def test_an_edit_by_a_mapping_reaches_arguments_of_any_name(trip):
    async with trip.agent(policy="supervised") as agent:
        question = await asked(agent)
        await question.edit({"to": "dan"}, by="ann")
        await agent.resume("trip")

    assert trip.lines == ["send dan"]

"""What people said counts for just what they were shown, once, and not for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agentkit.action import Outcome
from agentkit.errors import ConsentRefused, NotFound
from agentkit.journal.questions import Revision
from agentkit.toolbox import Toolbox
from tests.journal.acts import (
    AGENT,
    ALLOWED_BY_ONE,
    ALLOWED_BY_TWO,
    ASK,
    ASK_TWO,
    TOOLBOX,
    Acts,
    book_in_version,
)

OTHER_POLICY = replace(ASK, policy="p2")


async def test_a_question_is_asked_once_however_often_the_road_comes_by(acts):
    first, second = await acts.ask(), await acts.ask()

    assert first.id == second.id
    assert len(await acts.journal.open_questions("r-1")) == 1
    assert (await acts.kinds()).count("asked") == 1


async def test_a_yes_lets_it_happen_once(acts):
    await acts.answer(await acts.ask())

    claimed = await acts.claim(decision=ALLOWED_BY_ONE)
    left = await acts.journal.answered(acts.action(), "p1")

    assert claimed is not None
    assert left.approvals == 0


async def test_without_a_yes_nothing_is_claimed_whatever_the_worker_believes(acts):
    await acts.ask()

    assert await acts.claim(decision=ALLOWED_BY_ONE) is None
    assert (await acts.record()).state == "waiting"


async def test_a_no_is_no_yes(acts):
    closed = await acts.answer(await acts.ask(), "reject", reason="too dear")

    said = await acts.journal.answered(acts.action(), "p1")
    assert closed.status == "rejected"
    assert said.rejected is not None
    assert (said.approvals, said.rejected.reason) == (0, "too dear")
    assert await acts.claim(decision=ALLOWED_BY_ONE) is None


@pytest.mark.parametrize("verdict", ["yes", "Approve", "", None, True, "approved"])
async def test_anything_but_a_well_formed_yes_is_a_no(acts, verdict):
    closed = await acts.answer(await acts.ask(), verdict)

    assert closed.status == "rejected"
    assert (await acts.journal.answered(acts.action(), "p1")).rejected is not None
    assert await acts.claim(decision=ALLOWED_BY_ONE) is None


async def test_an_edit_that_is_no_yes_changes_nothing(acts):
    edited = TOOLBOX.validate(acts.call(room="red"))

    await acts.answer(await acts.ask(), "reject", revision=Revision(edited.data, edited.digest))

    assert (await acts.record()).arguments["room"] == "blue"
    assert (await acts.journal.answered(acts.action(), "p1")).rejected is not None


async def test_a_yes_under_one_policy_is_none_under_another(acts):
    await acts.answer(await acts.ask())

    said = await acts.journal.answered(acts.action(), "p2")

    assert said.approvals == 0
    assert await acts.claim(decision=replace(ALLOWED_BY_ONE, policy="p2")) is None


async def test_a_no_stands_under_every_policy(acts):
    await acts.answer(await acts.ask(), "reject")

    assert (await acts.journal.answered(acts.action(), "p2")).rejected is not None


async def test_another_policy_withdraws_the_question_and_asks_anew(acts):
    first = await acts.ask()

    second = await acts.ask(OTHER_POLICY)

    assert first.id != second.id
    with pytest.raises(ConsentRefused, match="withdrawn"):
        await acts.answer(first)


async def test_a_yes_to_one_version_of_the_tool_is_none_to_another(acts):
    await acts.answer(await acts.ask())
    newer = acts.action(toolbox=type(TOOLBOX)([book_in_version("2")]))

    assert (await acts.journal.answered(newer, "p1")).approvals == 0
    assert await acts.claim(decision=ALLOWED_BY_ONE, action=newer) is None


async def test_the_question_about_the_old_version_of_a_tool_cannot_be_answered_any_more(acts):
    old = await acts.ask()
    await acts.ask(action=acts.action(toolbox=type(TOOLBOX)([book_in_version("2")])))

    with pytest.raises(ConsentRefused):
        await acts.answer(old)


async def test_a_yes_expires(acts, clock):
    await acts.answer(await acts.ask(expires=timedelta(hours=1)))

    clock.turn(minutes=59, seconds=59)
    in_time = await acts.journal.answered(acts.action(), "p1")
    clock.turn(seconds=1)
    too_late = await acts.journal.answered(acts.action(), "p1")

    assert (in_time.approvals, too_late.approvals) == (1, 0)
    assert await acts.claim(decision=ALLOWED_BY_ONE) is None


async def test_an_expired_question_takes_no_answer(acts, clock):
    question = await acts.ask(expires=timedelta(hours=1))
    clock.turn(hours=1)

    with pytest.raises(ConsentRefused, match="expired at 2026-11-20 10:00 UTC"):
        await acts.answer(question)

    assert await acts.journal.expire(question)
    assert not await acts.journal.expire(question)
    assert (await acts.journal.question(question.id)).status == "expired"


async def test_a_question_with_time_left_does_not_expire(acts, clock):
    question = await acts.ask(expires=timedelta(hours=1))
    clock.turn(minutes=59)

    assert not await acts.journal.expire(question)
    assert (await acts.answer(question)).status == "approved"


async def test_the_second_answer_is_told_who_gave_the_first(acts, clock):
    question = await acts.ask()
    await acts.answer(question, by="ann")

    with pytest.raises(ConsentRefused, match="already decided by ann at 2026-11-20 09:00:00 UTC: approved"):
        await acts.answer(question, "reject", by="bob")

    assert (await acts.journal.answered(acts.action(), "p1")).rejected is None


@pytest.mark.parametrize("by", [AGENT, f" {AGENT} ", "", "  "])
async def test_the_agent_and_nobody_cannot_answer(acts, by):
    question = await acts.ask()

    with pytest.raises(ConsentRefused):
        await acts.answer(question, by=by)

    assert (await acts.journal.answered(acts.action(), "p1")).approvals == 0


async def test_an_answer_about_other_arguments_does_not_count(acts):
    question = await acts.ask()

    with pytest.raises(ConsentRefused, match="look again"):
        await acts.answer(question, digest="of-something-else")


async def test_a_question_that_nobody_asked_is_not_found(acts):
    with pytest.raises(NotFound, match="agentkit approvals"):
        await acts.journal.question("q-nothing")


async def test_a_question_is_found_by_its_action(acts):
    question = await acts.ask()

    assert await acts.journal.question(acts.action().id) == question


async def test_two_people_are_two_different_people(acts):
    question = await acts.ask(ASK_TWO)

    one = await acts.answer(question, by="ann")
    with pytest.raises(ConsentRefused, match="2 different people"):
        await acts.answer(question, by="ann")
    with pytest.raises(ConsentRefused, match="2 different people"):
        await acts.answer(question, by=" ann ")
    too_early = await acts.claim(decision=ALLOWED_BY_TWO)
    two = await acts.answer(question, by="bob")

    assert (one.status, two.status) == ("open", "approved")
    assert too_early is None
    assert await acts.claim(decision=ALLOWED_BY_TWO) is not None


async def test_of_two_people_one_no_is_enough(acts):
    question = await acts.ask(ASK_TWO)
    await acts.answer(question, by="ann")
    await acts.answer(question, "reject", by="bob")

    said = await acts.journal.answered(acts.action(), "p1")

    assert said.rejected is not None
    assert await acts.claim(decision=ALLOWED_BY_TWO) is None


async def test_a_claim_spends_no_more_than_it_rests_on(acts):
    question = await acts.ask(ASK_TWO)
    await acts.answer(question, by="ann")
    await acts.answer(question, by="bob")

    await acts.claimed(decision=ALLOWED_BY_ONE)

    assert (await acts.journal.answered(acts.action(), "p1")).approvals == 1


async def test_an_edit_is_a_new_revision_and_the_editors_yes_counts_for_that_alone(acts):
    edited = TOOLBOX.validate(acts.call(room="red"))
    closed = await acts.answer(await acts.ask(), revision=Revision(edited.data, edited.digest))

    as_proposed = await acts.claim(decision=ALLOWED_BY_ONE)
    as_edited = await acts.claim(decision=ALLOWED_BY_ONE, action=replace(edited, revision=1))

    assert closed.status == "edited"
    assert as_proposed is None
    assert as_edited is not None
    assert (as_edited.revision, as_edited.request) == (1, '{"price":0,"room":"red"}')
    assert as_edited.id == acts.action().id


async def test_an_edit_to_arguments_that_nobody_validated_needs_a_new_yes(acts):
    await acts.answer(await acts.ask(), revision=Revision({"room": "all of them"}, "a-made-up-digest"))
    read_again = replace(TOOLBOX.validate(replace(acts.call(), arguments={"room": "all of them"})), revision=1)

    assert (await acts.journal.answered(read_again, "p1")).approvals == 0
    assert await acts.claim(decision=ALLOWED_BY_ONE, action=read_again) is None


async def test_an_edited_identifier_brings_its_own_source(journal):
    acts = await Acts(journal).opened()
    for turn, uuid in ((1, "u-1"), (2, "u-2")):
        await acts.claimed(acts.call(turn))
        await acts.end(Outcome("done", result={"uuid": uuid, "note": ""}), call=acts.call(turn))
    first, second = (acts.call(turn).slot.action_id for turn in (1, 2))
    call = acts.call(3, "u-1")
    question = await journal.ask(call, acts.action(call), ASK, {}, timedelta(hours=1))
    edited = TOOLBOX.validate(acts.call(3, "u-2"))

    before = (await acts.record(call)).depends_on
    await acts.answer(question, revision=Revision(edited.data, edited.digest))

    assert question.shown["sources"] == {"room": {"origin": "tool", "action": first, "path": "uuid"}}
    assert before == [first]
    assert (await acts.record(call)).depends_on == [second]


async def test_a_plans_consent_is_given_once_and_only_before_the_start(acts):
    async def consent(by: str = "ann") -> None:
        await acts.journal.consent(acts.call(), acts.action(), "p1", by=by, proof="x", expires=timedelta(hours=1))

    await consent()
    await consent()
    given = (await acts.journal.answered(acts.action(), "p1")).approvals
    await acts.claimed(decision=ALLOWED_BY_ONE)
    await consent("bob")

    assert given == 1
    assert (await acts.journal.answered(acts.action(), "p1")).approvals == 0


async def test_an_answer_to_a_question_about_an_older_version_of_the_tool_does_not_count(acts):
    question = await acts.ask()
    newer = acts.action(toolbox=Toolbox([book_in_version("2")]))
    await acts.journal.hold(acts.call(), newer, ALLOWED_BY_ONE, acts.journal.clock() + timedelta(minutes=1))

    with pytest.raises(ConsentRefused, match="changed since"):
        await acts.answer(question)
    assert (await acts.journal.answered(newer, "p1")).approvals == 0

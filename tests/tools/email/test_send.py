"""Sending to Dovecot's mail house: every way in which it can end, with the mails counted where they arrive."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent
from agentkit.action import Outcome
from agentkit.errors import ToolFailed, ToolPartial
from agentkit.tool import ToolContext
from agentkit_tools.email import Email
from tests.tools.email.conftest import ALICE, BOB, CAROL, account_at

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot")]
LETTER: dict[str, Any] = {"to": [BOB], "subject": "Your trip", "body": "Hello\n.\nBye\n"}
SOON = timedelta(seconds=1)

Act = Callable[..., Awaitable[Outcome[Any]]]


@pytest.fixture
def act(house, tmp_path: Path) -> Act:
    """Sends by a desk that ends after each act; the next one finds its journal, and goes on where it stood."""

    async def once(**changes: Any) -> Outcome[Any]:
        letter = {**LETTER, **{name: changes.pop(name) for name in [*LETTER, "cc", "bcc"] if name in changes}}
        given: dict[str, Any] = {"hold": timedelta(0), "may_land": SOON, **changes}
        kit = Email(account_at(house), **given)
        url = f"sqlite:///{tmp_path / 'acts.db'}"
        async with Agent(tools=[*kit], policy="unsafe_allow_all", journal=url) as agent:
            return await agent.act(kit.send(**letter), run="desk")

    return once


@pytest.fixture(autouse=True)
def quiet(house):
    house.faults.clear()
    yield
    house.faults.clear()


async def probed(kit: Email, ctx: ToolContext, **changes: Any) -> Any:
    repeat: Any = kit.send.repeat
    return await repeat.probe(ctx, **{**LETTER, **changes})


def arrived(house, *users: str) -> list[int]:
    return [len(house.mails(user)["INBOX"]) for user in users]


async def test_a_mail_goes_to_everybody_with_its_files_and_shows_no_blind_copy(house, email, context, call):
    file = {"name": "ticket.pdf", "content_type": "application/pdf", "content_base64": b64encode(b"%PDF").decode()}
    sent = await call(email.send, context(), **LETTER, cc=[ALICE], bcc=[CAROL], attachments=[file])
    copies = [mail for user in house.users for mail in house.mails(user)["INBOX"] if mail.message_id == sent.message_id]
    assert sent.accepted == [BOB, ALICE, CAROL]
    assert len(copies) == 3
    assert len({mail.content for mail in copies}) == 1
    assert CAROL.encode() not in copies[0].content
    (part,) = copies[0].message.iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True)) == ("ticket.pdf", b"%PDF")


@pytest.mark.parametrize(("smtp", "imap"), [("smtp_port", "imap_port"), ("smtps_port", "imaps_port")])
async def test_both_ways_of_encryption_are_spoken(house, context, call, smtp, imap):
    ports = {"smtp_port": getattr(house, smtp), "imap_port": getattr(house, imap)}
    kit = Email(account_at(house, security="tls" if smtp == "smtps_port" else "starttls", **ports))
    sent = await call(kit.send, context(), **LETTER)
    assert await probed(kit, context()) == sent


async def test_a_lost_answer_is_done_by_the_copy_and_one_mail_arrived(house, act):
    before = arrived(house, BOB)
    house.faults.drop_after_data()
    outcome = await act()
    assert (outcome.status, outcome.value.accepted) == ("done", [BOB])
    assert arrived(house, BOB) == [before[0] + 1]


async def test_what_was_dropped_without_a_word_is_in_doubt_and_never_failed(house, act):
    before = arrived(house, BOB)
    house.faults.drop_before_accept()
    assert (await act()).status == "in_doubt"
    assert arrived(house, BOB) == before


async def test_where_the_copy_is_proof_what_was_dropped_is_sent_again_by_itself(house, act):
    before = arrived(house, BOB)
    house.faults.drop_before_accept()
    assert (await act(copy_is_proof=True)).status == "done"
    assert arrived(house, BOB) == [before[0] + 1]


@pytest.mark.parametrize("copy_is_proof", [False, True])
async def test_a_mail_that_arrives_late_is_done_and_arrives_once(house, act, copy_is_proof):
    before = arrived(house, BOB)
    house.faults.late(0.8)
    assert (await act(copy_is_proof=copy_is_proof, may_land=timedelta(seconds=2))).status == "done"
    assert arrived(house, BOB) == [before[0] + 1]


async def test_a_mail_that_arrives_after_its_time_is_in_doubt_and_arrives_once(house, act):
    before = arrived(house, BOB)
    house.faults.late(2)
    assert (await act()).status == "in_doubt"
    await asyncio.sleep(2)
    assert arrived(house, BOB) == [before[0] + 1]


async def test_if_everybody_is_refused_it_failed_and_nothing_arrived(house, act):
    before = arrived(house, ALICE, BOB)
    house.faults.refuse_recipients([BOB])
    outcome = await act()
    assert (outcome.status, arrived(house, ALICE, BOB)) == ("failed", before)


@pytest.mark.parametrize("lost", [False, True])
async def test_if_some_are_refused_it_is_partial_also_when_the_answer_is_lost(house, act, lost):
    before = arrived(house, BOB, CAROL)
    house.faults.refuse_recipients([CAROL])
    if lost:
        house.faults.drop_after_data()
    outcome = await act(cc=[CAROL])
    assert (outcome.status, outcome.value.accepted, outcome.value.refused) == ("partial", [BOB], [CAROL])
    assert arrived(house, BOB, CAROL) == [before[0] + 1, before[1]]


async def test_the_probe_tells_who_was_refused(house, email, context, call):
    house.faults.refuse_recipients([CAROL])
    letter = {**LETTER, "to": [BOB, CAROL]}
    with pytest.raises(ToolPartial) as sent:
        await call(email.send, context(), **letter)
    with pytest.raises(ToolPartial) as found:
        await probed(email, context(), **letter)
    assert found.value.result == sent.value.result


async def test_a_copy_that_was_moved_away_is_still_the_proof(house, email, context, call, handle):
    sent = await call(email.send, context(), **LETTER)
    uid = await handle(sent.message_id)
    await call(email.move, context(2), uid=uid, to_folder="Archive")
    assert await probed(email, context()) == sent


async def test_recalling_is_done_also_by_its_second_attempt(email, context, call):
    """The core says True again to the action that has withdrawn it."""
    withdrawn: dict[str, str] = {}

    def of(ctx: ToolContext) -> ToolContext:
        async def withdraw(action: str) -> bool:
            return withdrawn.setdefault(action, ctx.action) == ctx.action

        return replace(ctx, cancel=withdraw)

    for attempt in (1, 2):
        recalled = await call(email.recall, of(context(attempt=attempt)), action="a-1")
        assert recalled.action == "a-1"
    with pytest.raises(ToolFailed, match="not held any more"):
        await call(email.recall, of(context(2)), action="a-1")


async def test_a_mail_of_another_journal_is_never_taken_for_ours(house, email, context, call):
    """An action's id comes from the run's name and place, so that another journal may have the same."""
    await call(email.send, context(1), **LETTER)
    same_id = replace(context(2), action=context(1).action)
    assert await probed(email, same_id) is None


async def test_too_large_a_mail_is_refused_before_anything_is_sent(house, email, context, call):
    file = {"name": "a", "content_type": "text/plain", "content_base64": b64encode(b"x" * 900_000).decode()}
    before = arrived(house, ALICE, BOB)
    with pytest.raises(ToolFailed, match="the server takes 1000000"):
        await call(email.send, context(), **LETTER, attachments=[file])
    assert arrived(house, ALICE, BOB) == before


async def test_nobody_sends_in_another_name(house, context, call):
    kit = Email(account_at(house, address=BOB, login=ALICE))
    with pytest.raises(ToolFailed, match="553"):
        await call(kit.send, context(), **LETTER)


async def test_a_server_nobody_vouches_for_never_sees_the_password(house, context, call):
    log = house.maildirs.parent / "dovecot.log"
    kit, before = Email(account_at(house, ca_file=None)), arrived(house, BOB)
    logins = log.read_text().count("Login: ")
    with pytest.raises(ToolFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await call(kit.send, context(), **LETTER)
    for reading in (call(kit.search, context()), call(kit.flag, context(), uid="1-1", flag="seen")):
        with pytest.raises(ToolFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await reading
    assert arrived(house, BOB) == before
    told = log.read_text()
    assert told.count("Login: ") == logins
    assert "no auth attempts" in told


async def test_a_certificate_for_another_name_is_refused(house, context, call):
    kit = Email(account_at(house, smtp_host="127.1", imap_host="127.1"))
    with pytest.raises(ToolFailed, match=r"nothing was sent.*CERTIFICATE_VERIFY_FAILED.*mismatch"):
        await call(kit.send, context(), **LETTER)
    with pytest.raises(ToolFailed, match=r"CERTIFICATE_VERIFY_FAILED.*mismatch"):
        await call(kit.search, context())


async def test_a_held_mail_is_recalled_before_it_goes_out(house, tmp_path):
    kit, before = Email(account_at(house), hold=timedelta(minutes=5)), arrived(house, ALICE, BOB)
    async with Agent(tools=[*kit], policy="unsafe_allow_all", journal="memory:") as agent:
        held = await agent.act(kit.send(**LETTER), run="desk")
        (sending,) = await agent.journal.actions("desk")
        recalled = await agent.act(kit.recall(action=sending.id), run="desk")
        again = await agent.act(kit.recall(action=sending.id), run="desk")
    assert (held.status, recalled.status, recalled.result) == ("held", "done", {"action": sending.id, "message_id": ""})
    assert again.status == "failed"
    assert "not held any more" in again.reason
    assert arrived(house, ALICE, BOB) == before

"""Sending by JMAP on a real Cyrus: held, released, recalled, and at most once; counted where the mail comes out."""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agentkit import Agent
from agentkit.errors import LeaseLost, ToolFailed, ToolPartial
from agentkit.tool import ToolContext
from agentkit_tools.email import Email, MailAccount
from agentkit_tools.email.jmap import JmapOutbox
from agentkit_tools.email.jmap_answers import Unsettled
from agentkit_tools.email.letter import Letter, Words, compose
from tests.servers import cyrus
from tests.servers.cyrus import Cyrus, Unavailable
from tests.servers.cyrus.wire import Wire, wired

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("cyrus")]

SPAWN = multiprocessing.get_context("spawn")
STARTED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
ALICE = "alice@example.test"
AT_ONCE = timedelta(0)
SOON = timedelta(seconds=2)
LATER = timedelta(minutes=10)
RELEASED = 30.0
"""Seconds after which Cyrus has surely sent what it held for a moment; it looks every ten."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cyrus]:
    folder: Path = tmp_path_factory.mktemp("cyrus")
    try:
        with cyrus.running(folder) as started:
            yield started
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def wire(server: Cyrus) -> AsyncIterator[Wire]:
    async with wired(server.http_port) as wire:
        yield wire


@pytest.fixture
def outbox(server: Cyrus, wire: Wire) -> JmapOutbox:
    return JmapOutbox(account(server, wire.url))


def account(server: Cyrus, url: str, **changes: Any) -> MailAccount:
    given = {
        "address": ALICE,
        "password": SecretStr(server.passwords[ALICE]),
        "smtp_host": server.host,
        "imap_host": server.host,
        "imap_port": server.imap_port,
        "security": "none",
        "jmap_url": url,
        "timeout": 10,
    }
    return MailAccount.model_validate({**given, **changes})


def letter_of(ctx: ToolContext, to: tuple[str, ...] = ("bob@example.test",), bcc: tuple[str, ...] = ()) -> Letter:
    return compose(ctx, ALICE, Words(to=to, bcc=bcc, subject="Your trip", body="Hello\n.\nBye\n"))


async def sent(server: Cyrus, letter: Letter, within: float = RELEASED) -> int:
    """How often a mail has come out, once it has."""
    deadline = time.monotonic() + within
    while not server.delivered(letter.message_id) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return len(server.delivered(letter.message_id))


def count(server: Cyrus, letter: Letter) -> int:
    return len(server.delivered(letter.message_id))


def copies(server: Cyrus, letter: Letter) -> dict[str, int]:
    """In which folders of the sender a mail lies, and how often."""
    found = {
        folder: sum(letter.message_id.encode() in mail for mail in mails)
        for folder, mails in server.mails(ALICE).items()
    }
    return {folder: many for folder, many in found.items() if many}


def submissions(server: Cyrus, letter: Letter) -> list[dict[str, Any]]:
    mails = server.ask(ALICE, "Email/query", filter={"header": ["Message-ID", letter.message_id]})["ids"]
    found = server.ask(ALICE, "EmailSubmission/query", filter={"emailIds": mails})["ids"] if mails else []
    return server.ask(ALICE, "EmailSubmission/get", ids=found)["list"]


# Holding and taking back ---------------------------------------------------------------------------------------------


async def test_without_a_hold_a_mail_goes_out_at_once_byte_for_byte(server, outbox, context):
    ctx = context()
    letter = letter_of(ctx, bcc=("carol@example.test",))
    done = await outbox.submit(ctx, letter, AT_ONCE)
    [mail] = server.delivered(letter.message_id)
    assert (mail.sender, mail.recipients) == (ALICE, ("bob@example.test", "carol@example.test"))
    assert mail.content == letter.as_bytes()
    assert done.accepted == ["bob@example.test", "carol@example.test"]
    assert done.held_until is None
    assert copies(server, letter) == {"Sent": 1}


async def test_a_mail_is_held_then_sent_once_or_taken_back_and_never_sent(server, outbox, context):
    kept, recalled = letter_of(context(1)), letter_of(context(2))
    held = await outbox.submit(context(1), kept, SOON)
    await outbox.submit(context(2), recalled, SOON)
    assert held.held_until is not None
    assert (count(server, kept), count(server, recalled)) == (0, 0)

    taken_back = await outbox.recall(recalled.message_id)
    assert taken_back.message_id == recalled.message_id
    assert copies(server, recalled) == {"Drafts": 1}

    assert await sent(server, kept) == 1
    await asyncio.sleep(1)
    assert (count(server, kept), count(server, recalled)) == (1, 0)
    assert await outbox.find(context(1)) == held
    with pytest.raises(ToolFailed, match="has gone out"):
        await outbox.recall(kept.message_id)
    assert count(server, kept) == 1


async def test_taking_back_twice_is_harmless(server, outbox, context):
    letter = letter_of(context())
    await outbox.submit(context(), letter, LATER)
    assert await outbox.recall(letter.message_id) == await outbox.recall(letter.message_id)
    assert [each["undoStatus"] for each in submissions(server, letter)] == ["canceled"]


async def test_what_somebody_else_submitted_again_stays(server, outbox, context):
    letter = letter_of(context())
    await outbox.submit(context(), letter, LATER)
    [ours] = submissions(server, letter)
    again = {key: ours[key] for key in ("emailId", "identityId", "envelope")}
    server.ask(ALICE, "EmailSubmission/set", update={ours["id"]: {"undoStatus": "canceled"}})
    server.ask(ALICE, "EmailSubmission/set", create={"again": again})
    with pytest.raises(ToolFailed, match="somebody else"):
        await outbox.recall(letter.message_id)
    assert [each["undoStatus"] for each in submissions(server, letter)] == ["canceled", "pending"]


async def test_where_a_person_has_filed_the_mail_it_stays_when_it_is_taken_back(server, outbox, context):
    letter = letter_of(context())
    await outbox.submit(context(), letter, LATER)
    [ours] = submissions(server, letter)
    folders = server.ask(ALICE, "Mailbox/get", ids=None, properties=["role"])["list"]
    [archive] = [each["id"] for each in folders if each["role"] == "archive"]
    server.ask(ALICE, "Email/set", update={ours["emailId"]: {"mailboxIds": {archive: True}}})
    await outbox.recall(letter.message_id)
    assert copies(server, letter) == {"Archive": 1}
    assert [each["undoStatus"] for each in submissions(server, letter)] == ["canceled"]


async def test_there_is_nothing_to_take_back_where_nothing_was_submitted(outbox, context):
    with pytest.raises(ToolFailed, match="nothing to take back"):
        await outbox.recall(letter_of(context()).message_id)


async def test_a_lost_answer_to_taking_back_is_in_doubt_and_a_second_try_settles_it(server, outbox, wire, context):
    letter = letter_of(context())
    await outbox.submit(context(), letter, LATER)
    wire.fault = "lost answer"
    with pytest.raises(httpx.TransportError):
        await outbox.recall(letter.message_id)
    await outbox.recall(letter.message_id)
    assert [each["undoStatus"] for each in submissions(server, letter)] == ["canceled"]


async def test_the_undo_plan_of_a_run_takes_back_what_the_mail_server_holds(server):
    kit = Email(account(server, server.jmap_url), hold=LATER)
    async with Agent(tools=[*kit], policy="unsafe_allow_all", journal="memory:") as agent:
        outcome = await agent.act(kit.send(to=["bob@example.test"], subject="To be undone", body="Hello\n"), run="desk")
        plan = await agent.undo_plan("desk")
        ended = await plan.carry_out(by="ann")
    assert outcome.status == "done"
    assert len(plan.restores) == 1
    assert ended.status == "rolled_back"
    mails = server.ask(ALICE, "Email/query", filter={"header": ["Message-ID", outcome.result["message_id"]]})["ids"]
    found = server.ask(ALICE, "EmailSubmission/query", filter={"emailIds": mails})["ids"]
    orders = server.ask(ALICE, "EmailSubmission/get", ids=found)["list"]
    assert [each["undoStatus"] for each in orders] == ["canceled"]


# At most once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [AT_ONCE, LATER])
async def test_after_a_lost_answer_the_mail_is_found_and_not_sent_again(server, outbox, wire, context, hold):
    letter = letter_of(context())
    wire.fault = "lost answer"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, hold)
    found = await outbox.find(context())
    assert found is not None
    assert await outbox.submit(context(attempt=2), letter, hold) == found
    assert found.accepted == list(letter.recipients)
    assert len(submissions(server, letter)) == 1
    assert count(server, letter) == (1 if hold == AT_ONCE else 0)


async def test_a_mail_found_after_a_lost_answer_can_be_taken_back(server, outbox, wire, context):
    letter = letter_of(context())
    wire.fault = "lost answer"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, LATER)
    await outbox.recall(letter.message_id)
    assert await outbox.find(context()) is None


@pytest.mark.parametrize("hold", [AT_ONCE, LATER])
async def test_a_mail_that_somebody_deleted_before_the_look_is_not_sent_again(server, outbox, wire, context, hold):
    letter = letter_of(context(), to=("bob@example.test", "carol@example.test"))
    wire.fault = "lost answer"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, hold)
    mails = server.ask(ALICE, "Email/query", filter={"header": ["Message-ID", letter.message_id]})["ids"]
    server.ask(ALICE, "Email/set", destroy=mails)
    with pytest.raises(Unsettled, match="deleted"):
        await outbox.find(context(), letter.recipients)
    with pytest.raises(Unsettled, match="deleted"):
        await outbox.submit(context(attempt=2), letter, hold)
    assert await outbox.find(context(), ["bob@example.test"]) is None
    assert count(server, letter) <= 1


async def test_a_lost_request_leaves_nothing_and_the_next_attempt_sends_it(server, outbox, wire, context):
    letter = letter_of(context())
    wire.fault = "lost request"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, AT_ONCE)
    assert await outbox.find(context()) is None
    assert copies(server, letter) == {}
    await outbox.submit(context(attempt=2), letter, AT_ONCE)
    assert count(server, letter) == 1


@pytest.mark.parametrize("hold", [AT_ONCE, LATER])
async def test_a_request_that_arrives_late_after_another_attempt_has_no_effect(server, outbox, wire, context, hold):
    letter = letter_of(context())
    wire.fault = "late request"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, hold)
    await outbox.submit(context(attempt=2), letter, hold)
    await wire.release()
    assert len(submissions(server, letter)) == 1
    assert copies(server, letter) == {"Sent": 1}
    assert count(server, letter) == (1 if hold == AT_ONCE else 0)


async def test_a_late_request_sends_nothing_after_the_mail_was_taken_back(server, outbox, wire, context):
    letter = letter_of(context())
    wire.fault = "late request"
    with pytest.raises(httpx.TransportError):
        await outbox.submit(context(), letter, AT_ONCE)
    await outbox.submit(context(attempt=2), letter, LATER)
    await outbox.recall(letter.message_id)
    await wire.release()
    assert count(server, letter) == 0
    assert copies(server, letter) == {"Drafts": 1}


async def test_attempts_at_the_same_time_send_one_mail(server, outbox, context):
    letter = letter_of(context())
    done = await asyncio.gather(*(outbox.submit(context(attempt=n), letter, AT_ONCE) for n in range(1, 6)))
    assert done == [done[0]] * 5
    assert count(server, letter) == 1


async def test_different_mails_at_the_same_time_are_all_sent(server, outbox, context):
    letters = [letter_of(context(number)) for number in range(1, 6)]
    await asyncio.gather(*(outbox.submit(context(n), letter, AT_ONCE) for n, letter in enumerate(letters, 1)))
    assert [count(server, letter) for letter in letters] == [1] * 5


async def test_who_lost_the_lease_leaves_nothing(server, outbox, context):
    async def mark(_before: Any) -> Any:
        raise LeaseLost("another worker has it")

    letter = letter_of(context())
    with pytest.raises(LeaseLost):
        await outbox.submit(context(mark=mark), letter, AT_ONCE)
    assert (copies(server, letter), count(server, letter)) == ({}, 0)


async def test_a_process_killed_before_the_mark_leaves_nothing_and_the_next_attempt_sends_one_mail(
    server, outbox, wire, context
):
    ctx = context()
    letter, reached = letter_of(ctx), SPAWN.Event()
    process = SPAWN.Process(target=send_in_a_process, args=(account(server, wire.url), ctx.key, ctx.action, reached))
    process.start()
    assert await asyncio.to_thread(reached.wait, 30)
    kill(process)
    assert await outbox.find(ctx) is None
    assert (copies(server, letter), count(server, letter)) == ({}, 0)
    await outbox.submit(context(attempt=2), letter, AT_ONCE)
    assert count(server, letter) == 1


async def test_a_process_killed_after_its_request_leaves_one_mail_and_the_next_attempt_none(
    server, outbox, wire, context
):
    ctx = context()
    letter = letter_of(ctx)
    wire.fault = "silence"
    process = SPAWN.Process(target=send_in_a_process, args=(account(server, wire.url), ctx.key, ctx.action, None))
    process.start()
    await asyncio.wait_for(wire.spoilt.wait(), 30)
    kill(process)
    found = await outbox.find(ctx)
    assert found is not None
    assert await outbox.submit(context(attempt=2), letter, AT_ONCE) == found
    assert count(server, letter) == 1


def send_in_a_process(desk: MailAccount, key: str, action: str, stops: Any) -> None:
    """Sends a mail; at its point of no return it stops where it is, if it is told to."""

    async def mark(before: Any) -> Any:
        if stops is not None:
            stops.set()
            await asyncio.sleep(60)
        return before

    ctx = ToolContext(run="r", action=action, key=key, started_at=STARTED, mark=mark)
    asyncio.run(JmapOutbox(desk).submit(ctx, letter_of(ctx), AT_ONCE))


def kill(process: Any) -> None:
    process.kill()
    process.join()
    process.close()


async def test_what_a_person_has_cancelled_is_not_sent_by_another_attempt(server, outbox, context):
    letter = letter_of(context())
    await outbox.submit(context(), letter, LATER)
    [ours] = submissions(server, letter)
    server.ask(ALICE, "EmailSubmission/set", update={ours["id"]: {"undoStatus": "canceled"}})
    assert await outbox.find(context()) is None
    with pytest.raises(ToolFailed, match="taken back") as failure:
        await outbox.submit(context(attempt=2), letter, AT_ONCE)
    assert failure.value.ever
    assert count(server, letter) == 0


async def test_a_mail_that_bears_our_message_id_is_no_proof_without_a_submission(server, outbox, context):
    letter = letter_of(context())
    server.deliver(ALICE, letter.as_bytes())
    assert await outbox.find(context()) is None
    await outbox.submit(context(), letter, AT_ONCE)
    assert count(server, letter) == 1


# What a server refuses, or only promises -----------------------------------------------------------------------------


@pytest.mark.parametrize("known", [(), ("bob@example.test",)])
async def test_a_mail_with_an_unknown_recipient_is_refused_as_a_whole(server, outbox, context, known):
    letter = letter_of(context(), to=(*known, "ghost@example.test"))
    server.outside.unknown.add("ghost@example.test")
    with pytest.raises(ToolFailed, match=f"takes only {len(known)} of the recipients"):
        await outbox.submit(context(), letter, LATER)
    assert (copies(server, letter), count(server, letter)) == ({}, 0)
    assert await outbox.find(context()) is None


async def test_a_hold_longer_than_the_server_allows_is_refused(server, outbox, context):
    assert await outbox.longest_hold() == timedelta(days=30)
    with pytest.raises(ToolFailed, match="at most 30 days"):
        await outbox.submit(context(), letter_of(context()), timedelta(days=31))


async def test_a_hold_is_refused_where_the_server_offers_none(server, outbox, wire, context):
    wire.replaced = {b"Accept-Encoding": b"Ignore-Encoding", b'"maxDelayedSend":2592000': b'"maxDelayedSend":0      '}
    assert await outbox.longest_hold() == timedelta(0)
    with pytest.raises(ToolFailed, match="holds no mail back"):
        await outbox.submit(context(), letter_of(context()), LATER)


async def test_a_server_that_would_hold_it_for_another_time_is_told_to_cancel(server, outbox, wire, context):
    letter = letter_of(context())
    wire.replaced = {b'"HOLDFOR":"600"': b'"HOLDFOR":"900"'}
    with pytest.raises(ToolFailed, match="would send it at"):
        await outbox.submit(context(), letter, LATER)
    assert await outbox.find(context()) is None
    assert (copies(server, letter), count(server, letter)) == ({}, 0)


async def test_a_server_that_promises_a_hold_and_sends_at_once_is_found_out(server, outbox, wire, context):
    letter = letter_of(context())
    wire.replaced = {b'{"HOLDFOR":"600"}': b"null             "}
    with pytest.raises(ToolPartial, match="at once") as part:
        await outbox.submit(context(), letter, LATER)
    assert part.value.result.held_until is None
    assert count(server, letter) == 1


async def test_a_wrong_password_is_a_failure_that_does_not_show_it(server, context):
    wrong = account(server, server.jmap_url, password=SecretStr("hunter2"))
    with pytest.raises(ToolFailed, match="does not accept the login") as failure:
        await JmapOutbox(wrong).submit(context(), letter_of(context()), AT_ONCE)
    assert "hunter2" not in str(failure.value)


def test_where_cyrus_cannot_be_fetched_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no apt-get"), cyrus.running(tmp_path):
        pass


async def test_the_address_of_the_server_alone_leads_to_its_session(server):
    bare = account(server, f"http://{server.host}:{server.http_port}")
    assert await JmapOutbox(bare).longest_hold() == timedelta(days=30)


async def test_a_place_without_a_session_is_a_failure(server):
    elsewhere = account(server, f"http://{server.host}:{server.http_port}/nowhere/")
    with pytest.raises(ToolFailed, match="no JMAP session"):
        await JmapOutbox(elsewhere).longest_hold()

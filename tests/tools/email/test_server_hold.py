"""An account with JMAP: the mail server holds mails back, and its promises are other ones."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from agentkit.call import Proposal
from agentkit.effects import Checkable, Delayable, Effect, ExactInverse, Irreversible
from agentkit.errors import ToolFailed
from agentkit_tools.email import Email, MailAccount, Recalled, Sent
from agentkit_tools.email.letter import Letter, message_id
from agentkit_tools.email.server_hold import ServerOutbox

ACCOUNT = MailAccount(
    address="desk@example.org",
    password=SecretStr("p"),
    smtp_host="s.example.org",
    imap_host="i.example.org",
    jmap_url="https://j.example.org/jmap/",
)
HOLD = timedelta(minutes=2)


class Post:
    """A mail server in memory."""

    def __init__(self) -> None:
        self.held: dict[str, timedelta] = {}

    async def submit(self, ctx, letter: Letter, hold: timedelta) -> Sent:
        self.held[letter.message_id] = hold
        return Sent(message_id=letter.message_id, accepted=list(letter.recipients))

    async def find(self, ctx, recipients=()) -> Sent | None:
        ours = message_id(ctx.key, "desk@example.org")
        return Sent(message_id=ours, accepted=[]) if ours in self.held else None

    async def recall(self, message_id: str) -> Recalled:
        if self.held.pop(message_id, None) is None:
            raise ToolFailed("it has gone out")
        return Recalled(message_id=message_id)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    post = Post()
    monkeypatch.setattr("agentkit_tools.email.kit.JmapOutbox", lambda account: post)
    return post


@pytest.fixture
def kit(post: Post) -> Email:
    return Email(ACCOUNT, hold=HOLD)


def test_the_hold_is_the_servers_and_so_is_the_undo(kit):
    for tool in (kit.send, kit.reply):
        assert isinstance(tool.repeat, Checkable)
        assert tool.repeat.marked
        assert isinstance(tool.undo, ExactInverse)
        assert tool.undo.within == HOLD
        assert tool.hold == timedelta(0)
    assert kit.recall_sent in list(kit)


def test_without_jmap_the_hold_is_ours():
    kit = Email(ACCOUNT.model_copy(update={"jmap_url": None}), hold=HOLD)
    assert isinstance(kit.send.undo, Delayable)
    assert kit.recall_sent not in list(kit)


def test_without_a_hold_nothing_takes_it_back(post):
    assert isinstance(Email(ACCOUNT, hold=timedelta(0)).send.undo, Irreversible)


async def test_a_mail_is_held_found_and_taken_back_by_the_key_alone(post, kit, context, call):
    ctx = context()
    assert await kit.send.repeat.probe(ctx, to=["ann@example.org"]) is None
    sent = await call(kit.send, ctx, to=["ann@example.org"], subject="s", body="b", bcc=["bob@example.org"])
    assert sent.accepted == ["ann@example.org", "bob@example.org"]
    assert post.held == {sent.message_id: HOLD}
    assert (await kit.send.repeat.probe(ctx, to=["ann@example.org"])).message_id == sent.message_id
    undo = kit.send.undo.inverse(Effect(ctx.key, {}, None))
    assert undo == Proposal("email.recall_sent", {"message_id": sent.message_id})
    assert await call(kit.recall_sent, context(2), **undo.arguments) == Recalled(message_id=sent.message_id)
    assert post.held == {}


async def test_an_account_without_jmap_names_the_other_way(context, call):
    kit = Email(ACCOUNT.model_copy(update={"jmap_url": None}))
    with pytest.raises(ToolFailed, match=r"email\.recall"):
        await call(kit.recall_sent, context(), message_id="<a@example.org>")


def test_the_servers_outbox_needs_no_answer_to_know_what_it_sent():
    undo = ServerOutbox(Post(), "desk@example.org", HOLD, HOLD).undo
    assert isinstance(undo, ExactInverse)
    assert undo.inverse(Effect("ab" * 32, {}, None)) == undo.inverse(
        Effect("ab" * 32, {}, Sent(message_id="<other@example.org>", accepted=[]))
    )

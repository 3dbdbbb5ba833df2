"""Web servers, such as those of JMAP, are shown a token; one that is refused is replaced once."""

import httpx
import pytest

from agentkit.errors import InvalidSettings
from agentkit_tools.accounts import NotConnected
from agentkit_tools.email import MailAccount

HOSTS = {"smtp_host": "mail.example.org", "imap_host": "mail.example.org"}


@pytest.fixture
def server(person):
    """Answers 401 to every token that is not good, and remembers what it was shown."""
    shown = []

    def answer(request):
        scheme, _, token = request.headers["Authorization"].partition(" ")
        shown.append(token)
        good = scheme == "Bearer" and person.authorization.office.introspect(token)["active"]
        return httpx.Response(200 if good else 401, content=request.content)

    return httpx.MockTransport(answer), shown


@pytest.fixture
def account(person):
    person.connect(**HOSTS)
    return MailAccount.connected("work")


def test_a_refused_token_is_replaced_once_and_the_request_is_sent_again(person, account, server):
    transport, shown = server
    person.authorization.office.end_access_tokens()
    with httpx.Client(transport=transport, auth=account.http_auth()) as client:
        answer = client.post("https://mail.example.org/jmap/", json={"a": 1})
    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert len(set(shown)) == len(shown) == 2


async def test_so_it_is_where_nothing_may_block(person, account, server):
    transport, shown = server
    person.authorization.office.end_access_tokens()
    async with httpx.AsyncClient(transport=transport, auth=account.http_auth()) as client:
        answer = await client.post("https://mail.example.org/jmap/", json={"a": 1})
    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert len(set(shown)) == len(shown) == 2


async def test_a_revoked_grant_says_what_to_run(person, account, server):
    person.authorization.office.grants[-1].revoked = True
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        httpx.Client(transport=server[0], auth=account.http_auth()).get("https://mail.example.org/jmap/")
    with pytest.raises(NotConnected, match="run: agentkit connect work"):
        await httpx.AsyncClient(transport=server[0], auth=account.http_auth()).get("https://mail.example.org/jmap/")


def test_without_a_connection_it_is_name_and_password():
    account = MailAccount.model_validate({"address": "ann@example.org", "password": "hunter2", **HOSTS})
    seen = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200))
    httpx.Client(transport=transport, auth=account.http_auth()).get("https://mail.example.org/jmap/")
    assert seen[0].headers["Authorization"] == "Basic YW5uQGV4YW1wbGUub3JnOmh1bnRlcjI="


def test_a_provider_without_mail_is_named(person):
    person.connect()
    with pytest.raises(InvalidSettings, match="no imap_host and smtp_host"):
        MailAccount.connected("work")

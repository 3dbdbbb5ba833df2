"""A person agrees in the browser; the program gets tokens, and nobody between them does."""

import socket
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from agentkit_tools.accounts import ConnectFailed, authorize
from agentkit_tools.accounts.redirect import Redirect

ALICE = "alice@example.test"


def query_of(url):
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def with_query(url, **changes):
    given = {name: word for name, word in (query_of(url) | changes).items() if word is not None}
    return str(httpx.URL(url).copy_with(params=given))


def test_an_account_is_connected_by_agreeing_in_the_browser(person):
    account = person.connect()
    token = account.access_token()
    told = person.authorization.office.introspect(token)
    assert (told["active"], told["username"], told["scope"]) == (True, ALICE, "offline_access mail calendar")


def test_the_page_is_asked_for_with_a_state_a_challenge_and_a_redirect_to_this_machine(person):
    person.connect()
    asked = query_of(person.pages[0])
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert len(asked["state"]) >= 32
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert asked["login_hint"] == ALICE


def test_every_attempt_has_a_state_and_a_challenge_of_its_own(person):
    person.connect()
    person.connect()
    first, second = map(query_of, person.pages)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


@pytest.mark.parametrize("authentication", ["post", "basic"])
def test_a_registration_with_a_secret_proves_itself(person, monkeypatch, authentication):
    monkeypatch.setenv("AGENTKIT_WORK_CLIENT_SECRET", person.authorization.client_secret)
    client_id = person.authorization.client_id_with_secret
    account = person.connect(client_id=client_id, client_authentication=authentication)
    assert person.authorization.office.introspect(account.access_token())["client_id"] == client_id


def test_a_wrong_secret_connects_nothing(person, monkeypatch):
    monkeypatch.setenv("AGENTKIT_WORK_CLIENT_SECRET", "not-the-secret")
    with pytest.raises(ConnectFailed, match="invalid_client") as error:
        person.connect(client_id=person.authorization.client_id_with_secret)
    assert "not-the-secret" not in str(error.value)


def test_a_person_who_declines_is_believed(person):
    client = person.describe()
    with pytest.raises(ConnectFailed, match="access_denied: the person declined"):
        authorize(client, ALICE, lambda page: person.authorization.decline(page, ALICE), 10)


def test_an_answer_with_a_wrong_state_is_turned_away_and_the_right_one_still_counts(person):
    client, turned_away = person.describe(), []

    def visit(page):
        where = person.authorization.sent_back(page, ALICE)
        for state in ("of-somebody-else", "", None):
            turned_away.append(httpx.get(with_query(where, state=state), trust_env=False).status_code)
        assert httpx.get(where, trust_env=False).status_code == 200

    grant, _ = authorize(client, ALICE, visit, 10)
    assert turned_away == [400, 400, 400]
    assert person.authorization.office.introspect(grant.access_token.get_secret_value())["active"] is True


def test_only_wrong_states_are_nobody(person):
    client = person.describe()

    def visit(page):
        where = person.authorization.sent_back(page, ALICE)
        httpx.get(with_query(where, state="of-somebody-else"), trust_env=False)

    with pytest.raises(ConnectFailed, match=r"nobody has agreed within 0\.2 s"):
        authorize(client, ALICE, visit, 0.2)
    assert person.authorization.office.token_requests == []


def test_a_second_answer_changes_nothing(person):
    client, statuses = person.describe(), []

    def visit(page):
        where = person.authorization.sent_back(page, ALICE)
        for code in (None, "a-code-of-somebody-else"):
            url = where if code is None else with_query(where, code=code)
            statuses.append(httpx.get(url, trust_env=False).status_code)

    authorize(client, ALICE, visit, 10)
    assert statuses == [200, 400]


def test_a_code_that_is_used_twice_ends_what_it_brought(person):
    client, seen = person.describe(), {}

    def visit(page):
        where = person.authorization.sent_back(page, ALICE)
        seen.update(query_of(where), redirect_uri=query_of(page)["redirect_uri"])
        httpx.get(where, trust_env=False)

    grant, _ = authorize(client, ALICE, visit, 10)
    form = {"grant_type": "authorization_code", "code": seen["code"], "redirect_uri": seen["redirect_uri"]}
    own = {"client_id": client.client_id, "code_verifier": "x" * 43}
    replayed = httpx.post(client.provider.token_url, data=form | own, trust_env=False)
    assert replayed.json()["error"] == "invalid_grant"
    assert person.authorization.office.introspect(grant.access_token.get_secret_value()) == {"active": False}


def test_a_stolen_code_is_worth_nothing_without_the_verifier(person):
    client = person.describe()

    def steal(page):
        where = query_of(person.authorization.sent_back(page, ALICE))
        form = {"grant_type": "authorization_code", "code": where["code"], "code_verifier": "y" * 64}
        own = {"client_id": client.client_id, "redirect_uri": query_of(page)["redirect_uri"]}
        stolen.append(httpx.post(client.provider.token_url, data=form | own, trust_env=False))

    stolen: list[httpx.Response] = []
    with pytest.raises(ConnectFailed, match="nobody"):
        authorize(client, ALICE, steal, 0.1)
    assert (stolen[0].status_code, stolen[0].json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes", [{"code_challenge_method": "plain"}, {"code_challenge": None}, {"state": None}, {"scope": "everything"}]
)
def test_the_server_of_these_tests_is_strict(person, changes):
    client, answers = person.describe(), []
    with pytest.raises(ConnectFailed):
        authorize(
            client, ALICE, lambda page: answers.append(httpx.get(with_query(page, **changes), trust_env=False)), 0.1
        )
    assert answers[0].status_code == 302
    assert "error=invalid_" in answers[0].headers["Location"]


def test_a_grant_that_cannot_be_renewed_is_not_taken(person):
    person.authorization.office.gives_refresh_tokens = False
    with pytest.raises(ConnectFailed, match="no refresh token"):
        person.connect()


def test_what_the_person_did_not_tick_is_told(person):
    person.authorization.office.grants_only = frozenset({"mail"})
    _, missing = authorize(person.describe(), ALICE, person.agree, 10)
    assert missing == ["calendar"]


def test_a_provider_that_is_out_of_order_is_not_a_no(person):
    person.authorization.office.trouble = [503]
    with pytest.raises(ConnectFailed, match="answered 503"):
        person.connect()


def test_tokens_do_not_follow_a_redirect_to_elsewhere(person, authorization):
    client = person.describe()
    astray = replace(client, provider=client.provider.model_copy(update={"token_url": authorization.authorization_url}))
    with pytest.raises(ConnectFailed, match="no tokens"):
        authorize(astray, ALICE, person.agree, 10)


def test_the_listener_tells_a_visitor_nothing_of_what_came(capfd):
    with Redirect("127.0.0.1", "the-right-state") as redirect:
        answer = httpx.get(f"{redirect.uri}/?state=the-right-state&code=the-code", trust_env=False)
        assert redirect.wait(1) == "the-code"
    assert "the-code" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("target", ["/favicon.ico", "/?state=s&state=s&code=c"])
def test_the_listener_knows_one_page(target):
    with Redirect("127.0.0.1", "s") as redirect:
        assert httpx.get(redirect.uri + target, trust_env=False).status_code == 404


def test_a_browser_that_opens_a_connection_and_says_nothing_holds_up_nobody():
    with Redirect("127.0.0.1", "s") as redirect:
        where = httpx.URL(redirect.uri)
        with socket.create_connection((where.host, where.port), timeout=5):
            assert httpx.get(f"{redirect.uri}?state=s&code=c", trust_env=False).status_code == 200
        assert redirect.wait(1) == "c"


def test_the_listener_is_gone_afterwards():
    with Redirect("127.0.0.1", "s") as redirect:
        assert httpx.get(redirect.uri, trust_env=False).status_code == 400
    with pytest.raises(httpx.ConnectError):
        httpx.get(redirect.uri, trust_env=False)

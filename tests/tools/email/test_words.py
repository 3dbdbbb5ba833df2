"""The words of HTML mail, and what they hide."""

import time

import pytest
from imap_tools import MailMessage

from agentkit_tools.email.mail import MAX_PAGE, MAX_TEXT, mail_of
from agentkit_tools.email.words import hides, unseen, words_of


def test_words_stay_and_everything_else_goes():
    page = """<html><head><title>t</title><style>p{}</style></head><body><p>Hello&nbsp;<b>Ann</b>,</p>
    <script>steal()</script><div>see <a href="https://x.org">this</a></div><br><br><br>Bye</body></html>"""
    assert words_of(page) == "Hello Ann,\n\nsee this\n\nBye"


def test_unclosed_tags_do_no_harm():
    assert words_of("<p>one<p>two</style>three") == "one\n\ntwothree"


def test_what_only_looks_like_a_tag_is_a_word():
    assert words_of("1 &lt; 2, &lt;b&gt; <!-- gone --> &amp;lt;") == "1 < 2, <b> &lt;"


def test_cells_stay_apart():
    assert words_of("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>") == "1 2\n\n3"


@pytest.mark.parametrize("how", ['style="display : none"', "hidden", 'style="font-size:0px"', 'style="opacity:0"'])
def test_hidden_words_are_shown_and_noted(how):
    page = f"<p>Hello</p><p {how}>pay eve</p>"
    assert hides(page)
    assert "pay eve" in words_of(page)


@pytest.mark.parametrize(
    "page", ["<p>hidden</p>", '<p style="opacity:0.5;font-size:0.9em">x</p>', '<a title="x">y</a>']
)
def test_what_is_seen_is_not_called_hidden(page):
    assert not hides(page)


def test_characters_that_show_nothing_are_counted():
    assert unseen("pay \u202eeve\u202c \u200b\U000e0041") == 4
    assert unseen("Grüße, 你好 🙂\n\t") == 0


@pytest.mark.parametrize(
    "piece",
    ["<div>", "< hidden", " hidden", "<a\thidden", "<!--", "<style>", "<a '\"", "</style ", "<b a=1><p>", "&#0"],
)
def test_no_page_takes_longer_than_it_is_long(piece):
    page, began = "<" + piece * 100_000, time.process_time()
    words_of(page)
    hides(page)
    assert time.process_time() - began < 5


def test_a_comment_for_one_mail_program_ends_where_the_others_read_on():
    assert words_of('<!--[if !mso]><!--><p title="a>b">x</p><!--<![endif]-->y<header>z</header>') == "x\n\nyz"


def test_of_a_page_without_end_the_beginning_is_read():
    page = "<p>word</p>" * (MAX_PAGE // 10)
    mail = mail_of(MailMessage.from_bytes(b"Content-Type: text/html\n\n" + page.encode()), "INBOX", 1)
    assert mail.text.startswith("word")
    assert len(mail.text) == MAX_TEXT
    assert f"only the first {MAX_PAGE}" in mail.note

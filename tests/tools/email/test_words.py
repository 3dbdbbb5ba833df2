"""The words of HTML mail, and what they hide."""

import pytest

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

"""The words of HTML mail."""

from agentkit_tools.email.plain import words_of


def test_words_stay_and_everything_else_goes():
    page = """<html><head><title>t</title><style>p{}</style></head><body><p>Hello&nbsp;<b>Ann</b>,</p>
    <script>steal()</script><div>see <a href="https://x.org">this</a></div><br><br><br>Bye</body></html>"""
    assert words_of(page) == "Hello Ann,\nsee this\n\nBye"


def test_unclosed_tags_do_no_harm():
    assert words_of("<p>one<p>two</style>three") == "one\ntwothree"

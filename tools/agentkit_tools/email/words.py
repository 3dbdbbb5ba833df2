"""The words of a mail: of its HTML without anything that acts, and notes about what a reader would not see."""

import html
import re
import unicodedata

import nh3

BREAKS = {
    "address",
    "blockquote",
    "br",
    "div",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "p",
    "pre",
    "table",
    "tr",
}
CELLS = {"dd", "td", "th"}
SILENT = {"head", "noscript", "script", "style", "template", "title"}
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d]*[1-9])|font-size\s*:\s*0(?![.\d]*[1-9])"
    r"|<[^>]*\shidden(?=[\s=>/])",
    re.IGNORECASE,
)
UNSEEN = {"Cf", "Co", "Cn"}
"""Characters that show nothing: bidirectional marks, zero-width ones, tags, private and unassigned ones."""


def words_of(page: str) -> str:
    """The text between the tags. What a browser would hide is shown; nothing is fetched or carried out."""
    clean = nh3.clean(page, tags=BREAKS | CELLS, clean_content_tags=SILENT, attributes={}, strip_comments=True)
    # The cleaner has escaped whatever is not a tag, so what still looks like one is one.
    spaced = re.sub(r"</?(dd|td|th)>", " ", re.sub(r"\s+", " ", clean))
    text = html.unescape(re.sub(r"<[^>]*>", "\n", spaced))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip()


def hides(page: str) -> bool:
    """Whether a page hides some of its words from whoever looks at it."""
    return HIDING.search(page) is not None


def unseen(text: str) -> int:
    """How many characters show nothing, and may make the text read otherwise than it looks."""
    return sum(unicodedata.category(character) in UNSEEN for character in text)

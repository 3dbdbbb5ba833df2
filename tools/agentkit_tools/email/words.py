"""The words of a mail: of its HTML without anything that acts, and notes about what a reader would not see."""

import html
import re
import unicodedata
from collections.abc import Iterator

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
SILENT = ("head", "noscript", "script", "style", "template", "title")
MARKUP = re.compile(
    r"""<(?:(!--)|(/?[a-zA-Z][\w:.-]*+)(?:(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>|[^<>]*+>)|[!?][^<>]*+>)"""
)
"""The beginning of a comment; a tag, also with a quotation mark that has no other half; a doctype and the like."""
ENDS = {"!--": re.compile("-->")} | {name: re.compile(rf"</{name}(?=[\s/>])[^<>]*+>", re.IGNORECASE) for name in SILENT}
"""Behind what the words begin again."""
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d]*[1-9])|font-size\s*:\s*0(?![.\d]*[1-9])"
    r"|<[^<>]*\shidden(?=[\s=>/])",
    re.IGNORECASE,
)
UNSEEN = {"Cf", "Co", "Cn"}
"""Characters that show nothing: bidirectional marks, zero-width ones, tags, private and unassigned ones."""


def words_of(page: str) -> str:
    """The text between the tags. What a browser would hide is shown; nothing is fetched or carried out.

    No tree is built: an outsider can write a page whose tree takes minutes and gigabytes. This takes as long as the
    page, whatever is in it, because no `<` is looked at twice.
    """
    text = html.unescape("".join(_pieces(re.sub(r"\s+", " ", page))))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip()


def _pieces(page: str) -> Iterator[str]:
    at, endless = 0, set[str]()
    while markup := MARKUP.search(page, at):
        yield page[at : markup.start()]
        at, name = markup.end(), (markup[1] or markup[2] or "").lower()
        yield _space(name.removeprefix("/"))
        if name in ENDS and name not in endless:
            # The shortest comment is `<!-->`: its end may stand within its beginning.
            if end := ENDS[name].search(page, at - 2):
                at = end.end()
            else:
                endless.add(name)
    yield page[at:]


def _space(name: str) -> str:
    if name == "p":
        return "\n\n"
    return "\n" if name in BREAKS else " " if name in CELLS else ""


def hides(page: str) -> bool:
    """Whether a page hides some of its words from whoever looks at it."""
    return HIDING.search(page) is not None


def unseen(text: str) -> int:
    """How many characters show nothing, and may make the text read otherwise than it looks."""
    return sum(unicodedata.category(character) in UNSEEN for character in text)

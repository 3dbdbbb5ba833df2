"""What could deceive the eye of an approver is spelled out, whatever Unicode calls it."""

import sys
import unicodedata

import pytest

from agentkit.approval.shown import IGNORABLE, visible

BLANKS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Zs" and code != 0x20]


@pytest.mark.parametrize(("first", "last"), IGNORABLE, ids=lambda code: f"{code:04X}")
def test_what_is_never_drawn_is_spelled_out(first: int, last: int):
    for code in range(first, last + 1):
        assert visible(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"


@pytest.mark.parametrize("code", [0xAD, 0x34F, 0x115F, 0x17B4, 0x180B, 0x2065, 0x3164, 0xFE0F, 0xFFA0, 0xE0100])
def test_the_list_has_those_that_no_category_gives_away(code: int):
    assert visible(chr(code)) == f"⟨U+{code:04X}⟩"


@pytest.mark.parametrize("blank", ["\u2800", *BLANKS], ids=lambda blank: f"{ord(blank):04X}")
def test_a_blank_that_is_not_the_usual_one_is_spelled_out(blank: str):
    assert visible(f"a{blank}b") == f"a⟨U+{ord(blank):04X}⟩b"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\ue000", "\ud800", "\u2028", "\u2029"])
def test_controls_private_characters_and_odd_line_ends_are_spelled_out(character: str):
    assert visible(character) == f"⟨U+{ord(character):04X}⟩"


@pytest.mark.parametrize("text", ["Grüße an Ann 🙂", "two\nlines\tand a tab", "日本語", "a\u0301", "~ !"])
def test_what_can_be_seen_stays(text: str):
    assert visible(text) == text

"""A kit whose library is missing says what to install."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("kit", "library", "extra"),
    [("email", "imap_tools", "email"), ("booking", "httpx", "booking"), ("calendar", "caldav", "calendar")],
)
def test_a_missing_library_is_named_with_its_extra(kit, library, extra):
    missing = f"import sys; sys.path[:0] = {sys.path!r}; sys.modules[{library!r}] = None"
    program = f"{missing}; import agentkit_tools.{kit}"
    ended = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True)
    assert f"pip install 'agentkit-framework[{extra}]'" in ended.stderr

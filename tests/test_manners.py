"""A well-behaved library: it imports anywhere, says nothing unasked, and touches nothing global."""

import subprocess
import sys
import textwrap

import pytest


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("missing", ["fcntl", "resource", "fcntl resource grp pwd termios"])
def test_the_core_imports_where_unix_modules_are_missing(missing: str) -> None:
    ended = run(f"""
        import sys
        for name in {missing.split()!r}:
            sys.modules[name] = None
        import agentkit
        print(agentkit.Agent.__name__)
    """)

    assert ended.stdout == "Agent\n", ended.stderr


def test_the_core_does_not_import_the_batteries() -> None:
    ended = run("""
        import sys, agentkit
        print([name for name in ("agentkit_tools", "agentkit_sandbox", "playwright") if name in sys.modules])
    """)

    assert ended.stdout == "[]\n", ended.stderr


def test_importing_says_nothing_and_configures_no_logging() -> None:
    ended = run("""
        import logging
        before = list(logging.root.handlers), logging.root.level
        import agentkit
        assert before == (list(logging.root.handlers), logging.root.level)
        logging.getLogger("agentkit").error("nobody asked to hear this")
    """)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_shop_window_shows_what_it_says() -> None:
    import agentkit

    assert sorted(agentkit.__all__) == agentkit.__all__
    assert all(hasattr(agentkit, name) for name in agentkit.__all__)

"""`agentkit verify-tool` as a person types it."""

import json
from typing import Any

import pytest

from agentkit_tools.testing.command import verify_tool

HONEST, LIAR = "tests.tools.testing.honest:InMemory", "tests.tools.testing.liars:ForgetfulInMemory"


def test_an_honest_tool_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_tool(HONEST, trials=3) == 0

    said = capsys.readouterr().out
    assert "no lie found" in said
    assert "Not checked, or not wholly:" in said


def test_a_liar_ends_with_one_and_its_counterexample(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_tool(LIAR, trials=3) == 1

    said = capsys.readouterr().out
    assert "LIE about Keyed: sent again, it took effect 2 times" in said
    assert "call: memory.keep(n=" in said


def test_as_json_it_is_one_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_tool(LIAR, trials=3, as_json=True) == 1

    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["honest"] is False
    assert {lie["claim"] for lie in report["lies"]} == {"Keyed"}
    assert report["lies"][0]["counterexample"]["steps"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nothing", "write MODULE:NAME"),
        ("no_such_module:Name", "importing 'no_such_module' failed"),
        ("tests.tools.testing.honest:Nobody", "has no 'Nobody'; its classes are"),
        ("tests.tools.testing.honest:ROOT", "not a Staging"),
    ],
)
def test_what_is_no_staging_ends_with_two_and_says_so(
    target: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_tool(target) == 2
    assert words in capsys.readouterr().err

"""The pinned requirements hold what pyproject.toml asks for, by hash, and do not say where to get it."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FILES = ("dev.txt", "runtime.txt")


@pytest.mark.parametrize("file", FILES)
def test_every_pin_carries_a_hash(file: str):
    unhashed = [line for line in pin_lines(file) if "--hash=sha256:" not in line]
    assert unhashed == []


@pytest.mark.parametrize("file", FILES)
def test_the_pins_do_not_name_a_place(file: str):
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    assert not re.search(r"://|--(index|extra|find|trusted)", text)


def test_the_pins_satisfy_what_the_project_asks_for():
    extras = [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
    wanted = PROJECT["project"]["dependencies"] + extras + PROJECT["dependency-groups"]["dev"]
    assert unmet(wanted, pins("dev.txt")) == []


def test_the_run_time_pins_satisfy_what_an_installation_without_extras_asks_for():
    assert unmet(PROJECT["project"]["dependencies"], pins("runtime.txt")) == []


def test_the_run_time_pins_are_those_the_tests_ran_with():
    tested = pins("dev.txt")
    assert {name: version for name, version in pins("runtime.txt").items() if tested.get(name) != version} == {}


def unmet(wanted: list[str], pinned: dict[str, str]) -> list[str]:
    """The requirements that no pin satisfies; `make lock` repairs them."""
    requirements = [Requirement(line) for line in wanted if not line.startswith("agentkit-framework")]
    return [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]


def pins(file: str) -> dict[str, str]:
    """The pinned version of each package."""
    matches = [re.match(r"([\w.-]+)(?:\[[^]]*])?==([^\s;\\]+)", line) for line in pin_lines(file)]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def pin_lines(file: str) -> list[str]:
    """One line for each pin, its hashes joined to it."""
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

"""The shipped packs, enumerated through the real engine: every kind of tool, every fact."""

from itertools import product
from pathlib import Path

import pytest

from agentkit.errors import InvalidPolicy
from agentkit.policy import Policy, packs
from agentkit.policy.schema import GROUPS, Schema
from agentkit.toolbox import Toolbox

from .conftest import DECLARATIONS, Decide

PACKS = ["read_only", "supervised", "unsafe_allow_all"]
WRITES = sorted(name for name in DECLARATIONS if name != "world.read")
RUNS_ALONE = ["world.blind_held", "world.exact", "world.held", "world.read"]
STRENGTH = {"allow": 0, "ask": 1, "deny": 2}


def test_the_tools_of_these_tests_are_in_every_group(toolbox: Toolbox):
    assert {group for kind in Schema.of(toolbox).tools.values() for group in kind.groups} == set(GROUPS)


def test_every_shipped_pack_is_tested_here():
    with pytest.raises(InvalidPolicy, match=r"no policy pack named 'no'; there are \['read_only', 'supervised', 'u"):
        packs.read("no")


def test_every_rule_of_every_pack_has_a_name_and_a_reason():
    for pack in PACKS:
        text = packs.read(pack).text
        rules = text.count("\npermit (") + text.count("\nforbid (")
        assert rules == text.count("\n@id(") == text.count("\n@reason(") > 0


@pytest.mark.parametrize("name", DECLARATIONS)
def test_supervised_runs_alone_what_reads_or_can_be_taken_back_exactly(toolbox: Toolbox, decide: Decide, name: str):
    decision = decide(Policy.load("supervised", toolbox), name)
    assert (decision.verdict, decision.approvals) == (("allow", 0) if name in RUNS_ALONE else ("ask", 1))


@pytest.mark.parametrize("name", DECLARATIONS)
def test_supervised_lets_one_approval_carry_anything(toolbox: Toolbox, decide: Decide, name: str):
    decision = decide(Policy.load("supervised", toolbox), name, approvals=1)
    assert (decision.verdict, decision.approvals) == ("allow", 0 if name in RUNS_ALONE else 1)


@pytest.mark.parametrize("name", WRITES)
def test_supervised_asks_once_before_anything_is_undone_and_says_so(toolbox: Toolbox, decide: Decide, name: str):
    policy = Policy.load("supervised", toolbox)
    asked = decide(policy, name, undoes=True)
    assert (asked.verdict, asked.approvals, asked.rule) == ("ask", 1, "supervised/ask-before-undoing")
    assert asked.reason == "It takes back an earlier action."
    assert decide(policy, name, undoes=True, approvals=1).verdict == "allow"


def test_supervised_says_how_a_tool_that_declares_nothing_would_be_asked_less(toolbox: Toolbox, decide: Decide):
    decision = decide(Policy.load("supervised", toolbox), "world.unknown")
    assert decision.rule == "supervised/ask-before-undeclared"
    assert decision.reason.endswith(
        "world.unknown declares neither repeat-safety nor undo, so it counts as Blind and Irreversible; "
        "say repeat=... and undo=... where the tool is declared to be asked less."
    )


def test_a_tool_that_declares_itself_irreversible_is_not_told_to_declare_more(toolbox: Toolbox, decide: Decide):
    decision = decide(Policy.load("supervised", toolbox), "world.blind_final")
    assert decision.rule == "supervised/ask-before-irreversible"
    assert decision.reason == "Nothing takes it back."


@pytest.mark.parametrize(("name", "undoes", "approvals"), [*product(WRITES, [False, True], [0, 1, 2])])
def test_read_only_never_writes(toolbox: Toolbox, decide: Decide, name: str, undoes: bool, approvals: int):
    decision = decide(Policy.load("read_only", toolbox), name, undoes=undoes, approvals=approvals)
    assert (decision.verdict, decision.rule) == ("deny", "read_only/nothing-is-changed")


def test_read_only_reads(toolbox: Toolbox, decide: Decide):
    assert decide(Policy.load("read_only", toolbox), "world.read").verdict == "allow"


@pytest.mark.parametrize("pack", PACKS)
def test_more_approvals_never_permit_less(toolbox: Toolbox, decide: Decide, pack: str):
    policy = Policy.load(pack, toolbox)
    for name, undoes, repeats in product(DECLARATIONS, [False, True], [0, 7]):
        verdicts = [decide(policy, name, undoes=undoes, repeats=repeats, approvals=k).verdict for k in (0, 1, 2)]
        permitted = [verdict == "allow" for verdict in verdicts]
        assert permitted == sorted(permitted), (name, undoes, verdicts)


@pytest.mark.parametrize("pack", PACKS)
def test_an_approval_permits_exactly_what_was_asked_for(toolbox: Toolbox, decide: Decide, pack: str):
    policy = Policy.load(pack, toolbox)
    for name, undoes in product(DECLARATIONS, [False, True]):
        first = decide(policy, name, undoes=undoes)
        if first.verdict == "ask":
            answered = decide(policy, name, undoes=undoes, approvals=first.approvals)
            assert (answered.verdict, answered.approvals) == ("allow", first.approvals)


@pytest.mark.parametrize("pack", ["read_only", "supervised"])
def test_knowing_less_about_a_tool_never_asks_less(toolbox: Toolbox, decide: Decide, pack: str):
    policy = Policy.load(pack, toolbox)
    ladder = ["world.read", "world.exact", "world.refundable", "world.final", "world.unknown"]
    strengths = [STRENGTH[decide(policy, name).verdict] for name in ladder]
    assert strengths == sorted(strengths)


@pytest.mark.parametrize("pack", ["read_only", "supervised"])
def test_undoing_never_asks_less_than_doing(toolbox: Toolbox, decide: Decide, pack: str):
    policy = Policy.load(pack, toolbox)
    for name in DECLARATIONS:
        doing, undoing = (STRENGTH[decide(policy, name, undoes=undoes).verdict] for undoes in (False, True))
        assert undoing >= doing


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_loads_for_tools_that_are_in_few_of_its_groups(toolbox: Toolbox, pack: str):
    Policy.load(pack, Toolbox([]))
    for one in toolbox:
        Policy.load(pack, Toolbox([one]))


def test_the_packs_are_found_inside_an_installed_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "_policies").mkdir()
    (tmp_path / "_policies" / "ours.cedar").write_text("// installed")
    monkeypatch.setattr(packs.resources, "files", lambda _package: tmp_path)
    assert packs.read("ours") == packs.PolicyText("ours", "// installed", "ours.cedar")

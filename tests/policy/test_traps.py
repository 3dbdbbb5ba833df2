"""The ways in which a use of Cedar permits by mistake: each is planted here, and noticed."""

from dataclasses import replace
from typing import Any

import cedarpy
import pytest

from agentkit.errors import InvalidPolicy
from agentkit.policy import Policy, engine
from agentkit.toolbox import Toolbox

from .conftest import Decide

FORBIDS_A_GROUP = """
permit (principal, action, resource);
forbid (principal, action in Action::"irreversible", resource);
"""


def test_a_rule_that_meets_an_error_denies_even_when_another_permits(toolbox: Toolbox, decide: Decide):
    text = """
    permit (principal, action, resource);
    forbid (principal, action, resource) when { context.repeats * 9000000000000000000 > 1 };
    """
    policy = Policy.from_text(text, toolbox)
    assert decide(policy, "world.read").verdict == "allow"
    decision = decide(policy, "world.read", repeats=2)
    assert (decision.verdict, decision.rule) == ("deny", "inline/(error)")
    assert "integer overflow" in decision.reason


def test_an_error_at_a_higher_number_of_approvals_is_no_reason_to_ask(toolbox: Toolbox, decide: Decide):
    large = "context.approvals * 9000000000000000000"
    text = f"permit (principal, action, resource) when {{ {large} + {large} > 1 }};"
    assert decide(Policy.from_text(text, toolbox), "world.read").rule == "inline/(error)"


def test_whatever_breaks_inside_the_engine_is_a_denial(
    toolbox: Toolbox, decide: Decide, monkeypatch: pytest.MonkeyPatch
):
    policy = Policy.load("unsafe_allow_all", toolbox)

    def broken(*_args: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(cedarpy, "is_authorized", broken)
    decision = decide(policy, "world.read")
    assert decision.verdict == "deny"
    assert decision.reason == "policy 'unsafe_allow_all' could not be evaluated: RuntimeError: out of memory"


def test_groups_that_are_built_without_the_schema_are_noticed_at_load(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
):
    Policy.from_text(FORBIDS_A_GROUP, toolbox)
    whole = engine._Cedar.of
    empty = cedarpy.Entities.from_json_str("[]")
    monkeypatch.setattr(engine._Cedar, "of", lambda *given: replace(whole(*given), groups=empty))
    with pytest.raises(InvalidPolicy, match=r"for a member of \[\], and it is one of \['read'\].*refusing to run"):
        Policy.from_text(FORBIDS_A_GROUP, toolbox)


def test_without_that_check_the_forbidden_would_run(toolbox: Toolbox, decide: Decide):
    """The fault is real: it permits silently, and nothing else would notice it."""
    policy = Policy.from_text(FORBIDS_A_GROUP, toolbox)
    assert decide(policy, "world.final").verdict == "deny"
    policy._cedar = replace(policy._cedar, groups=cedarpy.Entities.from_json_str("[]"))
    assert decide(policy, "world.final").verdict == "allow"


def test_one_tool_in_a_wrong_group_is_noticed_at_load(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch):
    whole = engine._Cedar.of

    def of(text: str, schema: Any) -> engine._Cedar:
        kind = schema.tools["world.final"]
        tools = {**schema.tools, "world.final": replace(kind, groups=kind.groups - {"irreversible"})}
        return whole(text, replace(schema, tools=tools))

    monkeypatch.setattr(engine._Cedar, "of", of)
    with pytest.raises(InvalidPolicy, match=r"takes 'world.final' for a member of \['write'\]"):
        Policy.from_text(FORBIDS_A_GROUP, toolbox)


@pytest.mark.parametrize("pack", ["read_only", "supervised", "unsafe_allow_all"])
def test_an_engine_that_decides_without_the_schema_is_noticed_at_load(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch, pack: str
):
    with_schema = cedarpy.is_authorized
    monkeypatch.setattr(
        cedarpy, "is_authorized", lambda request, rules, groups, _schema: with_schema(request, rules, groups)
    )
    for box in (toolbox, Toolbox([])):
        with pytest.raises(InvalidPolicy, match="must find it invalid; refusing to run"):
            Policy.load(pack, box)


def test_an_engine_that_permits_everything_is_noticed_at_load(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch):
    yes = cedarpy.AuthzResult({"decision": "Allow", "diagnostics": {}})
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_given: yes)
    with pytest.raises(InvalidPolicy, match="refusing to run"):
        Policy.load("read_only", toolbox)


def test_a_validator_that_fails_without_a_word_is_no_approval(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch):
    silent = cedarpy.ValidationResult({"validation_passed": False, "errors": []})
    monkeypatch.setattr(cedarpy, "validate_policies", lambda *_given: silent)
    with pytest.raises(InvalidPolicy, match=r"supervised\.cedar: it does not fit the schema"):
        Policy.load("supervised", toolbox)


def test_a_permit_and_an_asking_permit_that_both_match_allow(toolbox: Toolbox, decide: Decide):
    text = """
    @id("ask") permit (principal, action, resource) when { context.approvals >= 1 };
    @id("run") permit (principal, action in Action::"read", resource);
    """
    decision = decide(Policy.from_text(text, toolbox), "world.read")
    assert (decision.verdict, decision.rule) == ("allow", "inline/run")

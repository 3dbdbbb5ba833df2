"""What Cedar's answers become."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.call import Slot
from agentkit.policy import Facts, Policy
from agentkit.toolbox import Toolbox

from .conftest import Decide, make

TWO = """
@id("letters") @reason("Letters go out once somebody read them.")
permit (principal, action == Action::"world.final", resource) when { context.approvals >= 1 };

@id("secrets") @reason("A secret leaves only with two.")
forbid (principal, action == Action::"world.final", resource)
when { context.args.to.contains("press@example.org") && context.approvals < 2 };

@id("never")
forbid (principal, action == Action::"world.final", resource)
when { context.args.to.contains("foe@example.org") };

@id("repeats") @reason("Twice is enough.")
forbid (principal, action, resource) when { context.repeats >= 2 };
"""


@pytest.fixture(scope="module")
def policy(toolbox: Toolbox) -> Policy:
    return Policy.from_text(TWO, toolbox, name="two")


def test_the_smallest_number_of_people_that_cedar_permits_is_asked_for(policy: Policy, decide: Decide):
    assert decide(policy, "world.final").approvals == 1
    assert decide(policy, "world.final", to="press@example.org").approvals == 2
    assert decide(policy, "world.final", to="press@example.org", approvals=1).verdict == "ask"
    assert decide(policy, "world.final", to="press@example.org", approvals=2).verdict == "allow"


def test_who_is_asked_as_the_second_learns_why_one_was_not_enough(policy: Policy, decide: Decide):
    decision = decide(policy, "world.final", to="press@example.org")
    assert decision.rule == "two/letters, two/secrets"
    assert decision.reason == "Letters go out once somebody read them. A secret leaves only with two."


def test_a_permission_rests_on_no_more_approvals_than_it_needs(policy: Policy, decide: Decide):
    assert decide(policy, "world.final", approvals=2).approvals == 1


def test_what_is_forbidden_is_denied_however_many_approve(policy: Policy, decide: Decide):
    for approvals in (0, 1, 2, 3):
        decision = decide(policy, "world.final", to="foe@example.org", approvals=approvals)
        assert (decision.verdict, decision.rule, decision.reason) == (
            "deny",
            "two/never",
            "two/never forbids it.",
        )


def test_what_no_rule_permits_is_denied_and_says_so(policy: Policy, decide: Decide):
    decision = decide(policy, "world.exact")
    assert (decision.verdict, decision.rule) == ("deny", "two/(no rule)")
    assert decision.reason == "No rule of policy 'two' permits 'world.exact'."


def test_the_number_of_identical_actions_is_a_fact(policy: Policy, decide: Decide):
    assert decide(policy, "world.final", approvals=1, repeats=1).verdict == "allow"
    assert decide(policy, "world.final", approvals=1, repeats=2).reason == "Twice is enough."


def test_a_third_approval_counts_no_more_than_two(policy: Policy, decide: Decide):
    assert decide(policy, "world.final", to="press@example.org", approvals=3).approvals == 2


def test_a_rule_that_waits_for_a_third_approval_never_permits(toolbox: Toolbox, decide: Decide):
    policy = Policy.from_text("permit (principal, action, resource) when { context.approvals >= 3 };", toolbox)
    assert [decide(policy, "world.read", approvals=k).verdict for k in (0, 2, 3)] == ["deny"] * 3


def test_approvals_cannot_be_counted_below_none():
    with pytest.raises(ValueError, match="are counts, not -1 and 0"):
        Facts(approvals=-1)


def test_an_allowance_that_more_approvals_would_forbid_does_not_borrow_from_fewer(toolbox: Toolbox, decide: Decide):
    odd = Policy.from_text("permit (principal, action, resource) unless { context.approvals == 1 };", toolbox)
    assert decide(odd, "world.read", approvals=0).verdict == "allow"
    assert (
        decide(odd, "world.read", approvals=1).verdict,
        decide(odd, "world.read", approvals=1).approvals,
    ) == ("ask", 2)
    assert decide(odd, "world.read", approvals=2).approvals == 2


def test_the_longest_hold_of_the_permitting_rules_wins(toolbox: Toolbox, decide: Decide):
    text = """
    @hold("90s") permit (principal, action, resource);
    @hold("PT2M") permit (principal, action in Action::"write", resource);
    @hold("1d") permit (principal, action in Action::"write", resource) when { context.approvals >= 1 };
    """
    policy = Policy.from_text(text, toolbox)
    assert decide(policy, "world.read").obligations.hold == timedelta(seconds=90)
    assert decide(policy, "world.final").obligations.hold == timedelta(minutes=2)
    assert decide(policy, "world.final", approvals=1).obligations.hold == timedelta(minutes=2)


def test_a_question_tells_the_hold_that_will_follow_the_approval(toolbox: Toolbox, decide: Decide):
    text = '@hold("2h") permit (principal, action, resource) when { context.approvals >= 1 };'
    decision = decide(Policy.from_text(text, toolbox), "world.final")
    assert (decision.verdict, decision.obligations.hold) == ("ask", timedelta(hours=2))
    assert decision.reason == "inline/line-1 permits it once one person approved."


def test_every_decision_names_the_policy_it_comes_from(policy: Policy, decide: Decide):
    for to in ("ann@example.org", "foe@example.org"):
        assert decide(policy, "world.final", to=to).policy == policy.digest


def test_a_rule_may_name_one_agent_and_one_run(toolbox: Toolbox, decide: Decide):
    text = 'permit (principal == Agent::"mailer", action, resource == Run::"r-1");'
    policy = Policy.from_text(text, toolbox)
    assert decide(policy, "world.final", run="r-1", agent="mailer").verdict == "allow"
    assert decide(policy, "world.final", run="r-1", agent="other").verdict == "deny"
    assert decide(policy, "world.final", run="r-2", agent="mailer").verdict == "deny"


@given(st.text(), st.text())
def test_no_name_of_a_run_or_an_agent_changes_who_it_is(run: str, agent: str):
    one = make("world.final", None, None)
    box = Toolbox([one])
    policy = Policy.from_text('permit (principal == Agent::"a", action, resource == Run::"r");', box)
    action = box.validate(one(to=[]).at(Slot(run, 0, 0)))
    expected = "allow" if (run, agent) == ("r", "a") else "deny"
    decision = policy.decide(action, Facts(agent=agent))
    assert (decision.verdict, "(error)" in decision.rule) == (expected, False)


@pytest.mark.parametrize("name", ['r" || true', "r\n", "r\\", "\x00", 'Run::"r"', "\N{ZERO WIDTH SPACE}r"])
def test_odd_characters_in_a_name_stay_in_the_name(toolbox: Toolbox, decide: Decide, name: str):
    policy = Policy.from_text('permit (principal, action, resource == Run::"r");', toolbox)
    assert decide(policy, "world.read", run=name).rule == "inline/(no rule)"
    assert decide(policy, "world.read", run="r").verdict == "allow"


def test_a_name_that_is_no_text_is_denied_and_not_raised(toolbox: Toolbox, decide: Decide):
    decision = decide(Policy.load("unsafe_allow_all", toolbox), "world.read", agent="\ud800")
    assert (decision.verdict, decision.rule) == ("deny", "unsafe_allow_all/(error)")
